package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/assets"
	"orrery/ui/model"
	own "orrery/ui/theme"
)

// toneColor is the colour of a tone's mark.
func toneColor(t model.Tone) fyne.ThemeColorName {
	switch t {
	case model.Good:
		return theme.ColorNameSuccess
	case model.Busy:
		return theme.ColorNamePrimary
	case model.Warning:
		return theme.ColorNameWarning
	case model.Bad:
		return theme.ColorNameError
	}
	return own.ColorMuted
}

// markResource is a mark's picture in the colour of a tone.
func markResource(m model.Mark, t model.Tone) fyne.Resource {
	data := assets.Mark(string(m))
	if data == nil {
		return nil
	}
	return theme.NewColoredResource(fyne.NewStaticResource("mark-"+string(m)+".svg", data), toneColor(t))
}

// Mark is the shape of a state, without a word.
type Mark struct {
	fw.Icon
	shown model.Badge
}

// NewMark returns the shape of a badge.
func NewMark(b model.Badge) *Mark {
	m := &Mark{shown: b}
	m.ExtendBaseWidget(m)
	m.Resource = markResource(b.Mark, b.Tone)
	return m
}

// Set changes the shape.
func (m *Mark) Set(b model.Badge) {
	if m.shown.Mark == b.Mark && m.shown.Tone == b.Tone {
		return
	}
	m.shown = b
	m.Refresh()
}

// Refresh implements fyne.CanvasObject. An icon redraws only another resource,
// so it gets one each time: its colour may have changed with the theme.
func (m *Mark) Refresh() {
	m.Resource = markResource(m.shown.Mark, m.shown.Tone)
	m.Icon.Refresh()
}

// Badge is a state as a shape and a word. Shapes differ, so that nothing hangs
// on colour.
type Badge struct {
	fw.BaseWidget
	mark *Mark
	word *Text
}

// NewBadge returns a badge.
func NewBadge(b model.Badge) *Badge {
	w := &Badge{mark: NewMark(b), word: Short(b.Text)}
	w.ExtendBaseWidget(w)
	return w
}

// NewBadgeCut returns a badge whose word is cut where there is no room for it.
func NewBadgeCut(b model.Badge) *Badge {
	w := &Badge{mark: NewMark(b), word: Line(b.Text)}
	w.ExtendBaseWidget(w)
	return w
}

// Set changes the badge.
func (w *Badge) Set(b model.Badge) {
	w.mark.Set(b)
	w.word.SetText(b.Text)
}

// Refresh implements fyne.CanvasObject.
func (w *Badge) Refresh() {
	w.mark.Refresh()
	w.word.Refresh()
	w.BaseWidget.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (w *Badge) CreateRenderer() fyne.WidgetRenderer {
	return fw.NewSimpleRenderer(container.New(besideMark{}, w.mark, w.word))
}

// besideMark puts a mark and a text side by side; the text's own padding is the
// room between them.
type besideMark struct{}

func (besideMark) MinSize(o []fyne.CanvasObject) fyne.Size {
	text := o[1].MinSize()
	return fyne.NewSize(theme.IconInlineSize()+text.Width, text.Height)
}

func (besideMark) Layout(o []fyne.CanvasObject, size fyne.Size) {
	side := theme.IconInlineSize()
	o[0].Resize(fyne.NewSquareSize(side))
	o[0].Move(fyne.NewPos(0, (size.Height-side)/2))
	text := o[1].MinSize().Height
	o[1].Resize(fyne.NewSize(size.Width-side, text))
	o[1].Move(fyne.NewPos(side, (size.Height-text)/2))
}

// Beside is a layout for a [Mark] and a text of several lines: the mark stands
// beside the first one.
type Beside struct{}

// MinSize implements fyne.Layout.
func (Beside) MinSize(o []fyne.CanvasObject) fyne.Size {
	text := o[1].MinSize()
	return fyne.NewSize(theme.IconInlineSize()+text.Width, text.Height)
}

// Layout implements fyne.Layout.
func (Beside) Layout(o []fyne.CanvasObject, size fyne.Size) {
	side := theme.IconInlineSize()
	o[0].Resize(fyne.NewSquareSize(side))
	o[0].Move(fyne.NewPos(0, theme.InnerPadding()))
	o[1].Resize(fyne.NewSize(size.Width-side, size.Height))
	o[1].Move(fyne.NewPos(side, 0))
}
