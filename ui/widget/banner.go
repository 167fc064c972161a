package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/text"
	own "orrery/ui/theme"
)

// Button returns a button for what the model offers.
func Button(b model.Button, do func(model.Action)) *fw.Button {
	w := fw.NewButton(b.Label, func() { do(b.Action) })
	if !b.Enabled {
		w.Disable()
	}
	return w
}

// SetButton makes an existing button what the model offers; without a label it
// is hidden.
func SetButton(w *fw.Button, b model.Button, do func(model.Action)) {
	w.OnTapped = func() { do(b.Action) }
	if w.Text != b.Label {
		w.SetText(b.Label)
	}
	if b.Enabled && w.Disabled() {
		w.Enable()
	} else if !b.Enabled && !w.Disabled() {
		w.Disable()
	}
	if (b.Label == "") != w.Hidden {
		w.Hidden = b.Label == ""
		w.Refresh()
	}
}

// Command is a line to type in a terminal, which copies itself.
func Command(line string, do func(model.Action)) fyne.CanvasObject {
	return container.NewHBox(Short(text.Get("banner.command")).Muted(), NewCopy(model.Copyable{Text: line, Copy: line}, do))
}

// Banner is something the user should know, above the views.
func Banner(b model.Banner, do func(model.Action)) fyne.CanvasObject {
	words := container.New(Stacked{Closer: 8})
	title := Body(b.Title).Bold()
	words.Add(title)
	if b.Text != "" {
		words.Add(Body(b.Text))
	}
	if b.Command != "" {
		words.Add(Command(b.Command, do))
	}
	if len(b.Buttons) > 0 {
		row := container.NewHBox()
		for _, x := range b.Buttons {
			if x.Label != "" {
				row.Add(Button(x, do))
			}
		}
		words.Add(container.New(layout.NewCustomPaddedLayout(8, 4, 3, 0), row))
	}
	color := own.ColorSurface
	switch b.Badge.Tone {
	case model.Bad:
		color = own.ColorErrorSurface
	case model.Warning:
		color = own.ColorWarningSurface
	}
	return newSurface(container.NewBorder(nil, nil, container.New(atFirstLine{}, NewMark(b.Badge)), nil, words), color)
}

// atFirstLine keeps a mark beside the first line of the text next to it.
type atFirstLine struct{}

const bannerMark = 24

func (atFirstLine) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(bannerMark+10, bannerMark)
}

func (atFirstLine) Layout(o []fyne.CanvasObject, _ fyne.Size) {
	o[0].Resize(fyne.NewSquareSize(bannerMark))
	o[0].Move(fyne.NewPos(8, 5))
}

// Empty stands in the place of a list without rows.
func Empty(e model.Empty, do func(model.Action)) fyne.CanvasObject {
	mark := container.NewGridWrap(fyne.NewSquareSize(48), NewMark(model.Badge{Mark: e.Mark}))
	parts := []fyne.CanvasObject{container.NewCenter(mark), Heading(e.Title).Centered().Wrapped(), Body(e.Text).Muted().Centered()}
	if e.Button.Label != "" {
		b := Button(e.Button, do)
		b.Importance = fw.HighImportance
		parts = append(parts, container.NewCenter(b))
	}
	return container.New(column{width: 380}, container.NewVBox(parts...))
}

// Problem says what went wrong and what to do.
func Problem(p model.Problem, do func(model.Action)) fyne.CanvasObject {
	parts := container.NewVBox(Body(p.Text))
	if p.Advice != "" {
		parts.Add(Body(p.Advice))
	}
	if p.Command != "" {
		parts.Add(NewCopy(model.Copyable{Text: p.Command, Copy: p.Command}, do))
	}
	return parts
}

// column centres one object in a column of a given width.
type column struct{ width float32 }

func (c column) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(min(c.width, 240), o[0].MinSize().Height)
}

func (c column) Layout(o []fyne.CanvasObject, size fyne.Size) {
	w := min(c.width, size.Width)
	o[0].Resize(fyne.NewSize(w, o[0].MinSize().Height))
	h := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(w, h))
	o[0].Move(fyne.NewPos((size.Width-w)/2, max(0, (size.Height-h)/2)))
}

// Column centres content, wrapped at a width.
func Column(width float32, content fyne.CanvasObject) fyne.CanvasObject {
	return container.New(column{width: width}, content)
}

// Waiting shows that something is under way, without saying how long.
func Waiting() fyne.CanvasObject {
	return container.NewCenter(container.NewGridWrap(fyne.NewSize(240, 8), fw.NewProgressBarInfinite()))
}
