package uitest

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// Walk calls f for every object that shows below o, o included.
func Walk(o fyne.CanvasObject, f func(fyne.CanvasObject)) {
	if o == nil || !o.Visible() {
		return
	}
	f(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			Walk(c, f)
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			Walk(c, f)
		}
	}
}

// top is what a user can reach on a canvas: the topmost dialog, else all.
func top(c fyne.Canvas) fyne.CanvasObject {
	if o := c.Overlays().Top(); o != nil {
		return o
	}
	return c.Content()
}

// Button finds a button that shows by its label, nil if there is none.
func Button(c fyne.Canvas, label string) (found *widget.Button) {
	Walk(top(c), func(o fyne.CanvasObject) {
		if b, ok := o.(*widget.Button); ok && b.Text == label {
			found = b
		}
	})
	return found
}

// Press taps the button with a label.
func Press(t *testing.T, c fyne.Canvas, label string) {
	t.Helper()
	b := Button(c, label)
	if b == nil {
		t.Fatalf("no button %q; there is %q", label, Texts(c))
	}
	if b.Disabled() {
		t.Fatalf("the button %q is disabled", label)
	}
	test.Tap(b)
}

// Check finds a check box that shows by its label.
func Check(t *testing.T, c fyne.Canvas, label string) (found *widget.Check) {
	t.Helper()
	Walk(top(c), func(o fyne.CanvasObject) {
		if b, ok := o.(*widget.Check); ok && b.Text == label {
			found = b
		}
	})
	if found == nil {
		t.Fatalf("no check box %q", label)
	}
	return found
}

// Texts lists all texts that show.
func Texts(c fyne.Canvas) (list []string) {
	Walk(top(c), func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *widget.RichText:
			list = append(list, o.String())
		case interface{ Content() string }:
			list = append(list, o.Content())
		case *widget.Button:
			list = append(list, o.Text)
		}
	})
	return list
}
