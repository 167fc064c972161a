package shell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	"orrery/service/ipc/invite"
	"orrery/service/ipc/linkfile"
	"orrery/service/ipc/qr"
	"orrery/ui/model"
	"orrery/ui/text"
)

// linkFiles are the endings of files that may hold a link.
var linkFiles = []string{invite.Extension, ".txt", ".png", ".jpg", ".jpeg"}

// fileButton opens a file with an invite or a contact card, or a picture of one.
func (s *Shell) fileButton() fyne.CanvasObject {
	return fw.NewButtonWithIcon(text.Get("join.file"), theme.FolderOpenIcon(), func() {
		d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
			switch {
			case err != nil:
				s.problem(err)
			case r != nil:
				s.read(r.URI().Name(), r)
			}
		}, s.window)
		d.SetTitleText(text.Get("join.file.title"))
		d.SetFilter(storage.NewExtensionFileFilter(linkFiles))
		d.Show()
	})
}

// dropped opens the first of the files that were dropped on the window.
func (s *Shell) dropped(_ fyne.Position, files []fyne.URI) {
	if len(files) == 0 {
		return
	}
	r, err := storage.Reader(files[0])
	if err != nil {
		s.problem(err)
		return
	}
	s.read(files[0].Name(), r)
}

// read takes the link out of a file and opens the dialog for it. The picture of a
// code takes a moment, so it is read elsewhere.
func (s *Shell) read(name string, r io.ReadCloser) {
	s.cfg.Run(func(ctx context.Context) {
		content, err := io.ReadAll(io.LimitReader(r, linkfile.MaxFile+1))
		err = errors.Join(err, r.Close())
		link := ""
		if err == nil {
			link, err = linkfile.Read(content)
		}
		if ctx.Err() != nil {
			return
		}
		s.onUI(func() {
			if err != nil {
				s.problem(errors.New(text.Get("join.file.none", "file", name, "why", err.Error())))
				return
			}
			s.Do(s.state.Link(link))
		})
	})
}

// save asks for a place and writes a file there.
func (s *Shell) save(name string, content []byte) {
	d := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if w != nil {
			_, failed := w.Write(content)
			err = errors.Join(err, failed, w.Close())
		}
		if err != nil {
			s.problem(fmt.Errorf("%s: %w", name, err))
		}
	}, s.window)
	d.SetFileName(name)
	d.Show()
}

// picture is a QR picture as a file.
func picture(p model.InvitationPage) ([]byte, error) { return qr.PNG(p.QR) }
