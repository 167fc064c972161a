package verification

import (
	"errors"
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

func TestPictures(t *testing.T) {
	begin := func() *model.Verification {
		s := model.New(model.Options{})
		s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: uitest.Snapshot()})
		return s.Verification(uitest.Bob)
	}
	loaded := func() *model.Verification {
		v := begin()
		v.Loaded(uitest.Verification(uitest.Bob), nil)
		return v
	}
	for name, make := range map[string]func() *model.Verification{
		"loading": begin,
		"failed": func() *model.Verification {
			v := begin()
			v.Loaded(nil, &ipc.Error{Code: ipc.CodeTimeout, Message: "no root knows 1c0ffee111"})
			return v
		},
		"ready": loaded,
		"refused": func() *model.Verification {
			v := loaded()
			v.Decide(true)
			v.Decided(errors.New("disk full"))
			return v
		},
		"matched":    func() *model.Verification { v := loaded(); v.Decide(true); v.Decided(nil); return v },
		"mismatched": func() *model.Verification { v := loaded(); v.Decide(false); v.Decided(nil); return v },
	} {
		uitest.Variants(t, name, func(t *testing.T, _ fyne.App, picture string) {
			v := New(func(model.Action) {}, Answers{})
			v.Show(make().Page())
			uitest.Picture(t, picture, v.Content(), Size)
		})
	}
}
