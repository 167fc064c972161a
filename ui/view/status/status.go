// Package status draws what stands in the place of the pages while the service
// does not answer: looking for it, not running, not allowed.
package status

import (
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"orrery/ui/model"
	"orrery/ui/widget"
)

// View is the screen.
type View struct {
	do      func(model.Action)
	shown   model.Screen
	content *fyne.Container
}

// New returns the screen; do carries out what the user asks for.
func New(do func(model.Action)) *View { return &View{do: do, content: container.NewStack()} }

// Content is what to put into a window.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show draws the screen.
func (v *View) Show(s model.Screen) {
	if reflect.DeepEqual(s, v.shown) {
		return
	}
	v.shown = s
	p := s.Problem
	mark := container.NewGridWrap(fyne.NewSquareSize(64), widget.NewMark(p.Badge))
	parts := container.NewVBox(container.NewCenter(mark), widget.Heading(p.Title).Sized(theme.SizeNameHeadingText).Centered().Wrapped(), widget.Body(p.Text).Centered())
	if p.Advice != "" {
		parts.Add(widget.Body(p.Advice).Centered())
	}
	if p.Command != "" {
		parts.Add(container.NewCenter(widget.NewSurface(widget.NewCopy(model.Copyable{Text: p.Command, Copy: p.Command}, v.do))))
	}
	if s.Busy {
		parts.Add(widget.Waiting())
	}
	if s.Retry.Label != "" {
		parts.Add(container.NewPadded(container.NewCenter(widget.Button(s.Retry, v.do))))
	}
	v.content.RemoveAll()
	v.content.Add(widget.Column(520, parts))
}
