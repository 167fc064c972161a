// Package invitation draws an invite to a network: its link, its picture, and what
// to save of it.
package invitation

import (
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

// Answers are what the user can do beside copying.
type Answers struct{ SavePicture, SaveFile, Close func() }

// View is the content of the dialog.
type View struct {
	do      func(model.Action)
	content *fyne.Container
	middle  *fyne.Container
	copy    *fw.Button
	picture *fw.Button
	file    *fw.Button
	close   *fw.Button
}

// Size is what the dialog's content needs.
var Size = fyne.NewSize(620, 430)

// New returns the content of the dialog.
func New(do func(model.Action), a Answers) *View {
	v := &View{do: do, middle: container.NewStack()}
	v.copy = fw.NewButtonWithIcon(text.Get("invite.copy"), theme.ContentCopyIcon(), nil)
	v.copy.Importance = fw.HighImportance
	v.picture = fw.NewButtonWithIcon(text.Get("invite.picture"), theme.MediaPhotoIcon(), a.SavePicture)
	v.file = fw.NewButtonWithIcon(text.Get("invite.file"), theme.DocumentSaveIcon(), a.SaveFile)
	v.close = fw.NewButton(text.Get("invite.close"), a.Close)
	buttons := container.NewHBox(v.picture, v.file, layout.NewSpacer(), v.close, v.copy)
	v.content = container.NewBorder(nil, container.NewPadded(buttons), nil, nil, v.middle)
	return v
}

// Content is what to put into the dialog.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show draws the page.
func (v *View) Show(p model.InvitationPage) {
	v.middle.RemoveAll()
	switch {
	case p.Problem != nil:
		b := model.Banner{Badge: p.Problem.Badge, Title: p.Problem.Title, Text: p.Problem.Text + " " + p.Problem.Advice, Command: p.Problem.Command}
		if p.Verify.Label != "" {
			b.Buttons = []model.Button{p.Verify}
		}
		v.middle.Add(container.NewVBox(widget.Banner(b, v.do)))
	case p.Busy:
		v.middle.Add(container.NewCenter(widget.Waiting()))
	default:
		v.middle.Add(v.invite(p))
	}
	v.copy.OnTapped = func() { v.do(model.Action{Do: model.Copy, Target: p.Link.Copy}) }
	for _, b := range []*fw.Button{v.copy, v.picture, v.file} {
		if p.QR == "" {
			b.Hide()
		} else {
			b.Show()
		}
	}
	v.content.Refresh()
}

// side is about the width of the picture.
const side = 260

func (v *View) invite(p model.InvitationPage) fyne.CanvasObject {
	words := container.New(widget.Stacked{Closer: 2},
		widget.Body(p.Lead),
		container.New(widget.Beside{}, widget.NewMark(model.Badge{Mark: model.MarkVerified, Tone: model.Good}), widget.Body(p.Sure)),
		widget.Short(text.Get("invite.link")).Bold(),
		container.NewHBox(widget.NewCopy(p.Link, v.do)))
	img, err := verify.Picture(p.QR)
	if err != nil {
		return words // too long for a picture; the link does without
	}
	c := canvas.NewImageFromImage(img)
	c.ScaleMode = canvas.ImageScalePixels
	c.FillMode = canvas.ImageFillContain
	modules := img.Bounds().Dx()
	c.SetMinSize(fyne.NewSquareSize(float32(modules * max(2, side/modules)))) // whole pixels per module
	return container.NewBorder(words, nil, nil, nil, container.NewCenter(c))
}
