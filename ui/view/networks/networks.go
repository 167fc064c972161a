// Package networks draws the page of networks: a list, and what there is to
// know and to set about the selected one.
package networks

import (
	"image/color"
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/widget"
)

// View is the page of networks.
type View struct {
	do      func(model.Action)
	page    model.NetworksPage
	list    *fw.List
	join    *fw.Button
	detail  *detail
	full    *fyne.Container // list and detail
	empty   *fyne.Container // in place of full
	content *fyne.Container
	quiet   bool // while the view itself selects
}

// listWidth is that of the list of networks.
const listWidth = 290

// New returns the page; do carries out what the user asks for.
func New(do func(model.Action)) *View {
	v := &View{do: do, detail: newDetail(do), empty: container.NewStack()}
	v.join = fw.NewButtonWithIcon("", theme.ContentAddIcon(), nil)
	v.join.Importance = fw.HighImportance
	v.list = fw.NewList(func() int { return len(v.page.Rows) }, func() fyne.CanvasObject { return newItem() }, v.updateItem)
	v.list.OnSelected = v.selected
	room := canvas.NewRectangle(color.Transparent) // keeps the list's width
	room.SetMinSize(fyne.NewSize(listWidth, 0))
	left := container.NewStack(room, container.NewBorder(container.NewPadded(v.join), nil, nil, nil, v.list))
	right := container.NewVScroll(container.New(layout.NewCustomPaddedLayout(6, 12, 14, 14), v.detail.content))
	v.full = container.NewBorder(nil, nil, container.NewHBox(left, fw.NewSeparator()), nil, right)
	v.content = container.NewStack(v.full, v.empty)
	return v
}

// Content is what to put into a window.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show draws the page.
func (v *View) Show(p model.NetworksPage) {
	if reflect.DeepEqual(p, v.page) {
		return
	}
	v.page = p
	widget.SetButton(v.join, p.Join, v.do)
	v.empty.RemoveAll()
	if len(p.Rows) == 0 {
		v.empty.Add(widget.Empty(p.Empty, v.do))
		v.full.Hide()
		return
	}
	v.full.Show()
	v.list.Refresh()
	v.quiet = true
	widget.SelectRow(v.list, p.Selected)
	v.quiet = false
	v.detail.show(p.Rows[p.Selected])
}

func (v *View) selected(i fw.ListItemID) {
	if !v.quiet && i >= 0 && i < len(v.page.Rows) {
		v.do(model.Action{Do: model.SelectNetwork, Target: v.page.Rows[i].ID})
	}
}

// item is a row of the list: a shape, a name, and a line below it.
type item struct {
	fw.BaseWidget
	mark        *widget.Mark
	title, line *widget.Text
}

func newItem() *item {
	b := &item{mark: widget.NewMark(model.Badge{}), title: widget.Line("").Bold(), line: widget.Line("").Muted().Small()}
	b.ExtendBaseWidget(b)
	return b
}

// CreateRenderer implements fyne.Widget.
func (b *item) CreateRenderer() fyne.WidgetRenderer {
	words := container.New(widget.Stacked{Closer: 12}, b.title, b.line)
	return fw.NewSimpleRenderer(container.NewBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(0, 0, 10, 4), container.NewCenter(b.mark)), nil, words))
}

func (v *View) updateItem(i fw.ListItemID, o fyne.CanvasObject) {
	if i >= len(v.page.Rows) {
		return
	}
	r, b := v.page.Rows[i], o.(*item)
	b.mark.Set(r.Badge)
	b.title.SetText(r.Title)
	b.line.SetText(r.Summary)
	widget.Repaint(b.mark, b.title, b.line)
}
