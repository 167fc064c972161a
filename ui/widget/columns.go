package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
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
