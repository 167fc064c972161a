package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"
)

// Columns is a layout that gives each object its share of the width, so that
// the rows of a list and its header stand under each other.
type Columns struct{ Shares []float32 }

// MinSize implements fyne.Layout.
func (c Columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var h float32
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return fyne.NewSize(0, h)
}

// Layout implements fyne.Layout.
func (c Columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var sum float32
	for _, s := range c.Shares {
		sum += s
	}
	gap := theme.Padding()
	room := size.Width - gap*float32(len(objects)-1)
	var x float32
	for i, o := range objects {
		w := room * c.Shares[i] / sum
		h := o.MinSize().Height
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos(x, (size.Height-h)/2))
		x += w + gap
	}
}

// Stacked is a layout that puts lines of text under each other, closer than
// their padding would have them.
type Stacked struct{ Closer float32 }

// MinSize implements fyne.Layout.
func (s Stacked) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var w, h float32
	for i, o := range objects {
		m := o.MinSize()
		w, h = max(w, m.Width), h+m.Height
		if i > 0 {
			h -= s.Closer
		}
	}
	return fyne.NewSize(w, h)
}

// Layout implements fyne.Layout.
func (s Stacked) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var y float32
	for _, o := range objects {
		h := o.MinSize().Height
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		y += h - s.Closer
	}
}

// Fields is a layout for labels with a value beside each: objects alternate.
// A hidden label hides its row.
type Fields struct{ Closer float32 }

// rows calls f for every row that shows, with its height.
func (l Fields) rows(objects []fyne.CanvasObject, f func(label, value fyne.CanvasObject, height float32)) {
	for i := 0; i+1 < len(objects); i += 2 {
		if objects[i].Visible() {
			f(objects[i], objects[i+1], max(objects[i].MinSize().Height, objects[i+1].MinSize().Height)-l.Closer)
		}
	}
}

// labels is the width of the first column, also of what does not show now.
func (l Fields) labels(objects []fyne.CanvasObject) (w float32) {
	for i := 0; i < len(objects); i += 2 {
		w = max(w, objects[i].MinSize().Width)
	}
	return w + theme.Padding()
}

// MinSize implements fyne.Layout.
func (l Fields) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w, h := float32(0), l.Closer
	l.rows(objects, func(_, value fyne.CanvasObject, height float32) {
		w, h = max(w, value.MinSize().Width), h+height
	})
	return fyne.NewSize(l.labels(objects)+w, h)
}

// Layout implements fyne.Layout.
func (l Fields) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	first := l.labels(objects)
	var y float32
	l.rows(objects, func(label, value fyne.CanvasObject, height float32) {
		label.Move(fyne.NewPos(0, y))
		label.Resize(fyne.NewSize(first, label.MinSize().Height))
		value.Move(fyne.NewPos(first, y))
		value.Resize(fyne.NewSize(size.Width-first, height+l.Closer))
		y += height
	})
}

// Repaint redraws the parts of a list's row. A list redraws its rows only by
// its update function, also when the theme changes.
func Repaint(parts ...fyne.CanvasObject) {
	for _, p := range parts {
		p.Refresh()
	}
}

// SelectRow selects a row of a list. A list that has no height yet would scroll
// it to where nothing can be seen.
func SelectRow(list *fw.List, i int) {
	list.Select(i)
	if list.Size().Height < list.MinSize().Height || i == 0 {
		list.ScrollToTop()
	}
}
