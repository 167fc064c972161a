package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	own "orrery/ui/theme"
)

// Surface is a plane of another colour with things on it.
type Surface struct {
	fw.BaseWidget
	content fyne.CanvasObject
	color   fyne.ThemeColorName
}

// NewSurface puts content on a plane.
func NewSurface(content fyne.CanvasObject) *Surface {
	return newSurface(content, own.ColorSurface)
}

func newSurface(content fyne.CanvasObject, color fyne.ThemeColorName) *Surface {
	s := &Surface{content: content, color: color}
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer implements fyne.Widget.
func (s *Surface) CreateRenderer() fyne.WidgetRenderer {
	r := &surfaceRenderer{s: s, back: canvas.NewRectangle(nil)}
	r.inner = container.NewStack(r.back, container.NewPadded(s.content))
	r.WidgetRenderer = fw.NewSimpleRenderer(r.inner)
	r.paint()
	return r
}

type surfaceRenderer struct {
	fyne.WidgetRenderer
	s     *Surface
	back  *canvas.Rectangle
	inner *fyne.Container
}

// Refresh follows a change of the theme.
func (r *surfaceRenderer) Refresh() {
	r.paint()
	r.WidgetRenderer.Refresh()
}

func (r *surfaceRenderer) paint() {
	th, v := r.s.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(r.s.color, v)
	r.back.StrokeColor = th.Color(theme.ColorNameSeparator, v)
	r.back.StrokeWidth = 1
	r.back.CornerRadius = th.Size(theme.SizeNameInputRadius)
}
