package widget

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
)

// Copy is a text, such as an address, that is copied when it is clicked, or
// with Space or Return when it has the focus. It then shows a check mark until
// the pointer or the focus leaves it.
type Copy struct {
	fw.BaseWidget
	what             model.Copyable
	do               func(model.Action)
	hovered, focused bool
	copied           bool
}

var (
	_ fyne.Tappable      = (*Copy)(nil)
	_ fyne.Focusable     = (*Copy)(nil)
	_ desktop.Hoverable  = (*Copy)(nil)
	_ desktop.Cursorable = (*Copy)(nil)
)

// NewCopy returns a text that copies itself by way of do.
func NewCopy(what model.Copyable, do func(model.Action)) *Copy {
	c := &Copy{what: what, do: do}
	c.ExtendBaseWidget(c)
	return c
}

// Set changes the text.
func (c *Copy) Set(what model.Copyable) {
	if c.what == what {
		return
	}
	c.what, c.copied = what, false
	c.Refresh()
}

// Tapped implements fyne.Tappable.
func (c *Copy) Tapped(*fyne.PointEvent) {
	if c.what.Copy == "" {
		return
	}
	c.do(model.Action{Do: model.Copy, Target: c.what.Copy})
	c.copied = true
	c.Refresh()
}

// FocusGained implements fyne.Focusable.
func (c *Copy) FocusGained() { c.focused = true; c.Refresh() }

// FocusLost implements fyne.Focusable.
func (c *Copy) FocusLost() { c.focused, c.copied = false, false; c.Refresh() }

// TypedRune implements fyne.Focusable.
func (c *Copy) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (c *Copy) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		c.Tapped(nil)
	}
}

// MouseIn implements desktop.Hoverable.
func (c *Copy) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (c *Copy) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *Copy) MouseOut() { c.hovered, c.copied = false, false; c.Refresh() }

// Cursor implements desktop.Cursorable.
func (c *Copy) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (c *Copy) CreateRenderer() fyne.WidgetRenderer {
	r := &copyRenderer{c: c, back: canvas.NewRectangle(color.Transparent), text: canvas.NewText("", color.Transparent), icon: fw.NewIcon(nil)}
	r.text.TextStyle.Monospace = true
	r.Refresh()
	return r
}

type copyRenderer struct {
	c    *Copy
	back *canvas.Rectangle
	text *canvas.Text
	icon *fw.Icon
}

// padding is that of the texts around it, so that all share a left edge.
func (r *copyRenderer) padding() float32 { return theme.InnerPadding() }

func (r *copyRenderer) MinSize() fyne.Size {
	t := r.text.MinSize()
	p := r.padding()
	return fyne.NewSize(p+t.Width+theme.Padding()+theme.IconInlineSize()*0.8+p, t.Height+2*p)
}

func (r *copyRenderer) Layout(size fyne.Size) {
	p, t, side := r.padding(), r.text.MinSize(), theme.IconInlineSize()*0.8
	r.text.Move(fyne.NewPos(p, (size.Height-t.Height)/2))
	r.text.Resize(t)
	r.icon.Move(fyne.NewPos(p+t.Width+theme.Padding(), (size.Height-side)/2))
	r.icon.Resize(fyne.NewSquareSize(side))
	r.back.Move(fyne.NewPos(p/2, p/2))
	r.back.Resize(fyne.NewSize(r.MinSize().Width-p, size.Height-p))
}

func (r *copyRenderer) Refresh() {
	th, v := r.c.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.text.Text = r.c.what.Text
	r.text.TextSize = th.Size(theme.SizeNameText)
	r.text.Color = th.Color(theme.ColorNameForeground, v)
	r.back.CornerRadius = th.Size(theme.SizeNameInputRadius)
	r.back.FillColor = color.Transparent
	if r.c.hovered {
		r.back.FillColor = th.Color(theme.ColorNameHover, v)
	}
	if r.c.focused {
		r.back.FillColor = th.Color(theme.ColorNameFocus, v)
	}
	icon, tone := theme.IconNameContentCopy, theme.ColorNamePlaceHolder
	if r.c.copied {
		icon, tone = theme.IconNameConfirm, theme.ColorNameSuccess
	}
	r.icon.SetResource(theme.NewColoredResource(th.Icon(icon), tone))
	r.icon.Hidden = r.c.what.Copy == ""
	r.Layout(r.c.Size())
	canvas.Refresh(r.c)
}

func (r *copyRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.text, r.icon}
}

func (r *copyRenderer) Destroy() {}
