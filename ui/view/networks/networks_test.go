package networks

import (
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

func page(all *ipc.Snapshot, prepare func(*model.State)) model.NetworksPage {
	s := model.New(model.Options{OS: "linux", User: "alice"})
	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: all})
	if prepare != nil {
		prepare(s)
	}
	return s.Networks()
}

func TestPictures(t *testing.T) {
	size := fyne.NewSize(940, 560)
	for name, p := range map[string]model.NetworksPage{
		"long":    page(uitest.WithLongTexts(), func(s *model.State) { s.Select(model.Action{Do: model.SelectNetwork, Target: uitest.Home}) }),
		"ok":      page(uitest.Snapshot(), nil),
		"trouble": page(uitest.WithTrouble(), nil),
		"empty":   page(&ipc.Snapshot{Status: ipc.Status{Role: ipc.Operator, Online: true}}, nil),
		"denied": page(uitest.Snapshot(), func(s *model.State) {
			s.Select(model.Action{Do: model.SelectNetwork, Target: uitest.Work})
		}),
		"left": page(uitest.Snapshot(), func(s *model.State) {
			leave := model.Action{Do: model.Leave, Target: uitest.Home}
			s.Begin(leave)
			s.End(leave, nil)
			s.Select(model.Action{Do: model.SelectNetwork, Target: uitest.Home})
		}),
		"observer": page(func() *ipc.Snapshot { s := uitest.Snapshot(); s.Status.Role = ipc.Observer; return s }(), nil),
	} {
		size := size
		uitest.Variants(t, name, func(t *testing.T, _ fyne.App, picture string) {
			v := New(func(model.Action) {})
			v.Show(p)
			if name == "trouble" { // all of it
				size = fyne.NewSize(940, 1680)
			}
			uitest.Picture(t, picture, v.Content(), size)
		})
	}
}
