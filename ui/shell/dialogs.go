package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/widget"
)

// dialogWidth is that of the dialogs with text.
const dialogWidth = 480

// confirm asks a question.
func (s *Shell) confirm(q model.Confirm, yes func()) {
	s.Show()
	var m *modal
	no := fw.NewButton(q.No, func() { m.close() })
	ok := fw.NewButton(q.Yes, func() { m.close(); yes() })
	ok.Importance = fw.DangerImportance
	m = s.openText(q.Title, widget.Body(q.Text), layout.NewSpacer(), no, ok)
}

// problem shows an error.
func (s *Shell) problem(err error) {
	s.Show()
	p := s.state.Problem(err)
	var m *modal
	ok := fw.NewButton(text.Get("problem.ok"), func() { m.close() })
	m = s.openText(p.Title, widget.Problem(p, s.Do), layout.NewSpacer(), ok)
}

// openText opens a dialog with a content above its buttons.
func (s *Shell) openText(title string, content fyne.CanvasObject, buttons ...fyne.CanvasObject) *modal {
	row := container.NewHBox(buttons...)
	return s.openModal(title, container.NewVBox(content, container.NewPadded(row)), fyne.NewSize(dialogWidth, 0))
}

// fieldDialog is a dialog with one field, which has the focus, and a line below
// it that says what the text amounts to.
type fieldDialog struct {
	modal *modal
	entry *field
	line  *widget.Text
	mark  *widget.Mark
	ok    *fw.Button
	check func(string) model.Input
}

// fieldText is what a dialog with one field says.
type fieldText struct{ title, label, placeholder, yes string }

// openField opens a dialog with one field. check judges its text, done gets it
// when the button is pressed. more stands before the buttons.
func (s *Shell) openField(say fieldText, content string, check func(string) model.Input, done func(string), more ...fyne.CanvasObject) {
	if s.field != nil {
		s.field.modal.close()
	}
	f := &fieldDialog{line: widget.Body(""), mark: widget.NewMark(model.Badge{}), check: check, entry: newField(say.placeholder, content, s.typed)}
	finish := func() {
		if !f.ok.Disabled() {
			f.modal.close()
			done(f.entry.Text)
		}
	}
	f.ok = fw.NewButton(say.yes, finish)
	f.ok.Importance = fw.HighImportance
	no := fw.NewButton(text.Get("confirm.no"), func() { f.modal.close() })
	f.entry.OnChanged = func(string) { f.judge() }
	f.entry.OnSubmitted = func(string) { finish() }
	line := container.New(lines(2), container.New(widget.Beside{}, f.mark, f.line))
	f.judge()
	f.modal = s.openText(say.title, container.NewVBox(widget.Short(say.label).Muted(), f.entry, line), append(append([]fyne.CanvasObject{}, more...), layout.NewSpacer(), no, f.ok)...)
	f.modal.closed = func() { s.field = nil }
	s.field = f
	s.window.Canvas().Focus(f.entry)
}

// judge draws what the text amounts to.
func (f *fieldDialog) judge() {
	in := f.check(f.entry.Text)
	f.line.SetText(in.Message)
	b := model.Badge{Mark: model.MarkOff}
	switch {
	case in.Wrong:
		b = model.Badge{Mark: model.MarkError, Tone: model.Bad}
	case in.Ready:
		b = model.Badge{Mark: model.MarkOK, Tone: model.Good}
	}
	f.mark.Set(b)
	if in.Ready {
		f.ok.Enable()
	} else {
		f.ok.Disable()
	}
}

// lines is a layout that keeps room for some lines of text, so that a dialog
// does not change its size while one types.
type lines int

func (n lines) MinSize(o []fyne.CanvasObject) fyne.Size {
	one := widget.Short("x").MinSize().Height
	return fyne.NewSize(o[0].MinSize().Width, one+float32(n-1)*20)
}

func (n lines) Layout(o []fyne.CanvasObject, size fyne.Size) { o[0].Resize(size) }
