package shell

import (
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/assets"
	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/widget"
)

// header is the line above the views.
type header struct {
	content fyne.CanvasObject
	badge   *widget.Badge
	line    *widget.Text
	address *widget.Copy
	label   *widget.Text
	version *widget.Text
}

func newHeader(do func(model.Action)) *header {
	h := &header{
		badge: widget.NewBadge(model.Badge{}), line: widget.Line("").Muted(), label: widget.Short(text.Get("header.address")).Muted(),
		address: widget.NewCopy(model.Copyable{}, do), version: widget.Short("").Muted().Small(),
	}
	logo := canvas.NewImageFromResource(fyne.NewStaticResource("orrery.svg", assets.AppIcon()))
	logo.FillMode = canvas.ImageFillContain
	logo.SetMinSize(fyne.NewSquareSize(34))
	left := container.NewHBox(logo, gap(6), h.badge)
	right := container.NewHBox(h.label, h.address, container.NewCenter(h.version))
	h.content = container.NewVBox(container.NewPadded(container.NewBorder(nil, nil, left, right, h.line)), fw.NewSeparator())
	return h
}

// gap is some room between two things.
func gap(w float32) fyne.CanvasObject {
	return container.NewGridWrap(fyne.NewSize(w, 1), layout.NewSpacer())
}

func (h *header) show(m model.Header) {
	h.badge.Set(m.Status)
	h.line.SetText(m.Sentence)
	h.address.Set(m.Address)
	h.version.SetText(m.Version)
	known := m.Address.Text != ""
	for _, o := range []fyne.CanvasObject{h.label, h.address} {
		if known {
			o.Show()
		} else {
			o.Hide()
		}
	}
	h.content.Refresh()
}

// drawBanners redraws the banners if they have changed.
func (s *Shell) drawBanners(list []model.Banner) {
	if reflect.DeepEqual(list, s.shown) {
		return
	}
	s.shown = list
	s.banners.RemoveAll()
	for _, b := range list {
		s.banners.Add(container.NewPadded(widget.Banner(b, s.Do)))
	}
}
