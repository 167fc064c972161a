package status

import (
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

func TestPictures(t *testing.T) {
	for name, err := range map[string]error{"connecting": nil, "stopped": ipc.ErrNotRunning, "denied": ipc.ErrNotAllowed, "untrusted": ipc.ErrUntrusted, "protocol": ipc.ErrProtocol} {
		s := model.New(model.Options{OS: "linux", User: "alice"})
		if err != nil {
			s.Down(err)
		}
		uitest.Variants(t, name, func(t *testing.T, _ fyne.App, picture string) {
			v := New(func(model.Action) {})
			v.Show(s.Screen())
			uitest.Picture(t, picture, v.Content(), fyne.NewSize(760, 460))
		})
	}
}
