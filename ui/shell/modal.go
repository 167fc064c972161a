package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/widget"
)

// modal is a dialog over the window. Escape closes the topmost one.
type modal struct {
	shell  *Shell
	popup  *fw.PopUp
	closed func() // or nil
}

// The margins around a dialog's content, less the padding of texts.
const marginX, marginY float32 = 12, 10

// openModal opens a dialog. With a size of zero height it is as high as its
// content.
func (s *Shell) openModal(title string, content fyne.CanvasObject, size fyne.Size) *modal {
	body := container.New(layout.NewCustomPaddedLayout(marginY, marginY, marginX, marginX),
		container.NewBorder(widget.Heading(title), nil, nil, nil, content))
	// Texts that wrap know their height only at their width.
	body.Resize(fyne.NewSize(size.Width, body.MinSize().Height))
	m := &modal{shell: s, popup: fw.NewModalPopUp(container.New(width(size.Width), body), s.window.Canvas())}
	s.modals = append(s.modals, m)
	m.popup.Show()
	m.popup.Resize(fyne.NewSize(size.Width, max(size.Height, body.MinSize().Height)))
	s.window.Canvas().Unfocus() // what is below no longer takes keys
	return m
}

// close closes the dialog; it may be closed already.
func (m *modal) close() {
	for i, o := range m.shell.modals {
		if o != m {
			continue
		}
		m.shell.modals = append(m.shell.modals[:i], m.shell.modals[i+1:]...)
		m.popup.Hide()
		if m.closed != nil {
			m.closed()
		}
		return
	}
}

// CloseDialogs closes all dialogs.
func (s *Shell) CloseDialogs() {
	for len(s.modals) > 0 {
		s.modals[len(s.modals)-1].close()
	}
}

// typed closes the topmost dialog on Escape; it gets keys that nothing with
// the focus takes.
func (s *Shell) typed(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape && len(s.modals) > 0 {
		s.modals[len(s.modals)-1].close()
	}
}

// width is a layout that gives its one object a least width, in which texts
// wrap.
type width float32

func (w width) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(float32(w), o[0].MinSize().Height)
}

func (w width) Layout(o []fyne.CanvasObject, size fyne.Size) { o[0].Resize(size) }

// field is an entry from which Escape goes on to the dialog around it.
type field struct {
	fw.Entry
	escape func(*fyne.KeyEvent)
}

func newField(placeholder, content string, escape func(*fyne.KeyEvent)) *field {
	f := &field{escape: escape}
	f.ExtendBaseWidget(f)
	f.SetPlaceHolder(placeholder)
	f.SetText(content)
	f.CursorColumn = len([]rune(content))
	return f
}

// TypedKey implements fyne.Focusable.
func (f *field) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		f.escape(e)
		return
	}
	f.Entry.TypedKey(e)
}
