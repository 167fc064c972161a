package networks

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/widget"
)

// choiceWidth is that of the choices beside routes.
const choiceWidth = 150

// drawRoutes draws a network's routes, each with what became of it and the user's
// choice about it.
func drawRoutes(network string, rows []model.RouteRow, do func(model.Action)) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	for _, r := range rows {
		words := container.New(widget.Stacked{Closer: 10}, append([]fyne.CanvasObject{widget.Body(r.Text)}, fate(r.Badge, r.Note)...)...)
		out = append(out, container.NewBorder(nil, nil, nil, container.NewVBox(choice(network, r, do)), words))
	}
	return out
}

// fate draws what became of something, and why.
func fate(b model.Badge, note string) (out []fyne.CanvasObject) {
	if b.Text != "" {
		out = append(out, container.NewHBox(gap(), widget.NewBadge(b)))
	}
	if note != "" {
		out = append(out, widget.Body(note).Muted().Small())
	}
	return out
}

// choice offers what to do with one route. It shows what is, not what was asked
// for, until the service has done it.
func choice(network string, r model.RouteRow, do func(model.Action)) fyne.CanvasObject {
	labels := make([]string, len(model.RouteChoices))
	for i, c := range model.RouteChoices {
		labels[i] = c.Label()
	}
	s := fw.NewSelect(labels, nil)
	s.Selected = r.Choice.Label()
	s.OnChanged = func(label string) {
		for _, c := range model.RouteChoices {
			if c.Label() == label && c != r.Choice {
				s.Selected = r.Choice.Label()
				s.Refresh()
				do(model.Action{Do: model.SetRoute, Target: network, Route: r.Target, Choice: c})
				return
			}
		}
	}
	if !r.Enabled {
		s.Disable()
	}
	return container.NewGridWrap(fyne.NewSize(choiceWidth, s.MinSize().Height), s)
}
