// Package peers draws the page of peers: a table, and what can be done about
// the selected one.
package peers

import (
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/widget"
)

// View is the page of peers.
type View struct {
	do      func(model.Action)
	page    model.PeersPage
	filter  *fw.Entry
	summary *widget.Text
	list    *fw.List
	bar     *bar
	table   *fyne.Container // header, list and bar
	empty   *fyne.Container // in place of table
	content *fyne.Container
	quiet   bool
}

// shares are the widths of the columns: peer, role, connection, latency,
// version, trust.
var shares = []float32{2.5, 1.1, 2.5, 1.1, 1, 1.5}

// New returns the page; do carries out what the user asks for, and filter takes
// the text by which to search.
func New(do func(model.Action), filter func(string)) *View {
	v := &View{do: do, filter: fw.NewEntry(), summary: widget.Line("").Muted(), bar: newBar(do), empty: container.NewStack()}
	v.filter.SetPlaceHolder(text.Get("peers.filter"))
	v.filter.ActionItem = fw.NewIcon(theme.SearchIcon())
	v.filter.OnChanged = filter
	add := fw.NewButtonWithIcon(text.Get("peers.add"), theme.ContentAddIcon(), func() { do(model.Action{Do: model.OpenContact}) })
	v.list = fw.NewList(func() int { return len(v.page.Rows) }, func() fyne.CanvasObject { return newRow() }, v.updateRow)
	v.list.OnSelected = v.selected
	top := container.NewPadded(container.NewBorder(nil, nil, container.NewGridWrap(fyne.NewSize(260, v.filter.MinSize().Height), v.filter), add, v.summary))
	v.table = container.NewBorder(header(), v.bar.content, nil, nil, v.list)
	v.content = container.NewBorder(top, nil, nil, nil, v.table, v.empty)
	return v
}

// Content is what to put into a window.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show draws the page.
func (v *View) Show(p model.PeersPage) {
	if reflect.DeepEqual(p, v.page) {
		return
	}
	v.page = p
	v.summary.SetText(p.Summary)
	v.empty.RemoveAll()
	if len(p.Rows) == 0 {
		v.empty.Add(widget.Empty(p.Empty, v.do))
		v.table.Hide()
		return
	}
	v.table.Show()
	v.list.Refresh()
	v.quiet = true
	widget.SelectRow(v.list, p.Selected)
	v.quiet = false
	v.bar.show(p.Rows[p.Selected])
}

func (v *View) selected(i fw.ListItemID) {
	if !v.quiet && i >= 0 && i < len(v.page.Rows) {
		v.do(model.Action{Do: model.SelectPeer, Target: v.page.Rows[i].Address})
	}
}

func header() fyne.CanvasObject {
	names := []string{"peers.column.peer", "peers.column.role", "peers.column.reach", "peers.column.latency", "peers.column.version", "peers.column.trust"}
	row := container.New(widget.Columns{Shares: shares})
	for _, n := range names {
		row.Add(widget.Line(text.Get(n)).Muted().Small().Bold())
	}
	return container.NewVBox(row, fw.NewSeparator())
}

// row is a line of the table.
type row struct {
	fw.BaseWidget
	title, second, role, path, latency, version *widget.Text
	reach, trust                                *widget.Badge
}

func newRow() *row {
	r := &row{
		title: widget.Line("").Bold(), second: widget.Line("").Muted().Small(), role: widget.Line(""), path: widget.Line("").Muted().Small(),
		latency: widget.Line(""), version: widget.Line(""), reach: widget.NewBadgeCut(model.Badge{}), trust: widget.NewBadgeCut(model.Badge{}),
	}
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *row) CreateRenderer() fyne.WidgetRenderer {
	two := widget.Stacked{Closer: 12}
	return fw.NewSimpleRenderer(container.New(widget.Columns{Shares: shares},
		container.New(two, r.title, r.second), r.role, container.New(two, r.reach, r.path), r.latency, r.version, r.trust))
}

func (v *View) updateRow(i fw.ListItemID, o fyne.CanvasObject) {
	if i >= len(v.page.Rows) {
		return
	}
	p, r := v.page.Rows[i], o.(*row)
	r.title.SetText(p.Title)
	r.second.SetText(p.Second)
	r.role.SetText(p.Role)
	r.reach.Set(p.Reach)
	r.path.SetText(p.Path)
	r.latency.SetText(p.Latency)
	r.version.SetText(p.Version)
	r.trust.Set(p.Trust)
	widget.Repaint(r.title, r.second, r.role, r.reach, r.path, r.latency, r.version, r.trust)
}
