package peers

import (
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

func page(all *ipc.Snapshot, prepare func(*model.State)) model.PeersPage {
	s := model.New(model.Options{OS: "linux", User: "alice"})
	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: all})
	if prepare != nil {
		prepare(s)
	}
	return s.Peers()
}

func TestPictures(t *testing.T) {
	size := fyne.NewSize(940, 560)
	for name, p := range map[string]model.PeersPage{
		"ok":       page(uitest.Snapshot(), nil),
		"long":     page(uitest.WithLongTexts(), nil),
		"conflict": page(uitest.WithConflict(), nil),
		"relayed":  page(uitest.Snapshot(), func(s *model.State) { s.Select(model.Action{Do: model.SelectPeer, Target: uitest.Bob}) }),
		"empty":    page(&ipc.Snapshot{Status: ipc.Status{Role: ipc.Operator, Online: true}}, nil),
		"nomatch":  page(uitest.Snapshot(), func(s *model.State) { s.Filter("nobody") }),
	} {
		uitest.Variants(t, name, func(t *testing.T, _ fyne.App, picture string) {
			v := New(func(model.Action) {}, func(string) {})
			v.Show(p)
			uitest.Picture(t, picture, v.Content(), size)
		})
	}
}
