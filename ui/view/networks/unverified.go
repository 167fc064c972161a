package networks

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/widget"
)

// drawUnverified draws whom a network for verified peers turns away.
func drawUnverified(u model.Unverified, do func(model.Action)) []fyne.CanvasObject {
	if u.Title == "" {
		return nil
	}
	head := container.NewHBox(gap(), widget.NewBadge(model.Badge{Mark: model.MarkWarning, Tone: model.Warning, Text: u.Title}))
	list := container.New(widget.Stacked{Closer: 2}, container.New(widget.Stacked{Closer: 8}, head, widget.Body(u.Text).Muted().Small()))
	for _, r := range u.Rows {
		b := fw.NewButton("", nil)
		widget.SetButton(b, r.Verify, do)
		words := container.New(widget.Stacked{Closer: 12}, widget.Line(r.Title).Bold(), widget.Line(r.Text).Muted().Small())
		list.Add(container.NewBorder(nil, nil, nil, beside(b), words))
	}
	if u.More != "" {
		list.Add(widget.Line(u.More).Muted().Small())
	}
	return []fyne.CanvasObject{widget.NewSurface(list)}
}

// beside keeps a button off the edge.
func beside(b *fw.Button) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 0, 6), container.NewCenter(b))
}

// drawValues draws the settings that are typed.
func drawValues(values []model.Value, do func(model.Action)) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	for _, v := range values {
		b := fw.NewButton("", nil)
		widget.SetButton(b, v.Change, do)
		words := container.NewHBox(widget.Short(v.Label), widget.Short(v.Text).Muted())
		out = append(out, container.NewBorder(nil, nil, nil, beside(b), words))
	}
	return out
}
