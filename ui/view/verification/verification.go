// Package verification draws the comparison of a safety number: groups, words
// and a picture, and the answer.
package verification

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/verify"
	"orrery/ui/widget"
)

// Answers are what the user can answer.
type Answers struct{ Match, Mismatch, Later func() }

// View is the content of the verification dialog.
type View struct {
	do       func(model.Action)
	answers  Answers
	content  *fyne.Container
	top      *fyne.Container
	numbers  *fyne.Container
	match    *fw.Button
	mismatch *fw.Button
	later    *fw.Button
	drawn    []string // the groups that numbers shows
}

// Size is what the dialog's content needs.
var Size = fyne.NewSize(790, 530)

// New returns the content of the dialog.
func New(do func(model.Action), a Answers) *View {
	v := &View{do: do, answers: a, top: container.NewVBox(), numbers: container.NewStack()}
	v.match = fw.NewButtonWithIcon("", theme.ConfirmIcon(), a.Match)
	v.match.Importance = fw.HighImportance
	v.mismatch = fw.NewButtonWithIcon("", theme.CancelIcon(), a.Mismatch)
	v.mismatch.Importance = fw.DangerImportance
	v.later = fw.NewButton("", a.Later)
	buttons := container.NewHBox(v.mismatch, layout.NewSpacer(), v.later, v.match)
	v.content = container.NewBorder(v.top, container.NewPadded(buttons), nil, nil, v.numbers)
	return v
}

// Content is what to put into the dialog.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show draws the page.
func (v *View) Show(p model.VerificationPage) {
	v.top.RemoveAll()
	v.top.Add(container.NewHBox(layout.NewSpacer(), widget.NewBadge(p.Trust), layout.NewSpacer()))
	if p.Problem == nil {
		v.top.Add(widget.Body(p.Lead))
	} else {
		v.top.Add(widget.Banner(model.Banner{Badge: p.Problem.Badge, Title: p.Problem.Title, Text: p.Problem.Text + " " + p.Problem.Advice, Command: p.Problem.Command}, v.do))
	}
	v.showNumbers(p)
	answer := func(w *fw.Button, b model.Button) {
		w.SetText(b.Label)
		if b.Enabled {
			w.Enable()
		} else {
			w.Disable()
		}
		if w.Hidden = len(p.Groups) == 0; w.Hidden {
			w.Hide()
		} else {
			w.Show()
		}
	}
	answer(v.match, p.Match)
	answer(v.mismatch, p.Mismatch)
	v.later.SetText(p.Later.Label)
	v.content.Refresh()
}

func (v *View) showNumbers(p model.VerificationPage) {
	switch {
	case len(p.Groups) == 0 && p.Busy:
		v.numbers.RemoveAll()
		v.numbers.Add(container.NewCenter(widget.Waiting()))
	case len(p.Groups) == 0:
		v.numbers.RemoveAll()
		v.numbers.Add(container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(96), widget.NewMark(p.Outcome))))
	case len(v.drawn) == 0:
		v.numbers.RemoveAll()
		v.numbers.Add(numbers(p, v.do))
	}
	v.drawn = p.Groups
}

// numbers has the groups above the words, and the picture beside both.
func numbers(p model.VerificationPage, do func(model.Action)) fyne.CanvasObject {
	spoken := verify.Spoken(p.Groups)
	copyAll := fw.NewButtonWithIcon("", theme.ContentCopyIcon(), func() { do(model.Action{Do: model.Copy, Target: spoken}) })
	copyAll.Importance = fw.LowImportance
	left := container.NewVBox(
		container.NewHBox(widget.Short(text.Get("verify.groups")).Bold(), copyAll),
		widget.NewSurface(groups(p.Groups)),
		widget.Short(text.Get("verify.words")).Bold(),
		widget.NewSurface(words(p.Words)),
	)
	right := picture(p.QR)
	if right == nil {
		return left
	}
	return container.NewBorder(nil, nil, nil, container.New(layout.NewCustomPaddedLayout(0, 0, 14, 0), right), left)
}

func groups(list []string) fyne.CanvasObject {
	grid := container.NewGridWithColumns(verify.PerRow)
	for _, g := range list {
		grid.Add(widget.Short(g).Mono().Sized(theme.SizeNameSubHeadingText).Centered())
	}
	return grid
}

func words(list []string) fyne.CanvasObject {
	grid := container.NewGridWithColumns(verify.PerRow)
	for i, w := range list {
		n := widget.Short(strconv.Itoa(i + 1)).Small().Muted()
		grid.Add(container.NewBorder(nil, nil, container.NewCenter(container.NewGridWrap(fyne.NewSize(26, n.MinSize().Height), n)), nil, widget.Line(w)))
	}
	return grid
}

// side is about the width of the picture.
const side = 230

func picture(link string) fyne.CanvasObject {
	if link == "" {
		return nil
	}
	img, err := verify.Picture(link)
	if err != nil {
		return nil // a link too long for a picture; the number does without
	}
	c := canvas.NewImageFromImage(img)
	c.ScaleMode = canvas.ImageScalePixels
	c.FillMode = canvas.ImageFillContain
	modules := img.Bounds().Dx()
	c.SetMinSize(fyne.NewSquareSize(float32(modules * max(2, side/modules)))) // whole pixels per module
	return container.NewVBox(
		widget.Short(text.Get("verify.qr")).Bold(), container.NewHBox(c),
		container.NewGridWrap(fyne.NewSize(side, 50), widget.Body(text.Get("verify.qr.hint")).Muted().Small()),
	)
}
