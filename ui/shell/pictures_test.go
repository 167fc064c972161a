package shell

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

func TestPictures(t *testing.T) {
	for name, c := range map[string]struct {
		all *ipc.Snapshot
		do  func(*fixture)
	}{
		"networks": {uitest.Snapshot(), nil},
		"conflict": {uitest.WithConflict(), func(f *fixture) { f.tabs.SelectIndex(1) }},
		"long": {uitest.WithLongTexts(), func(f *fixture) {
			f.tabs.SelectIndex(peersTab)
			f.Do(model.Action{Do: model.Rename, Target: uitest.Alice})
		}},
		"observer": {observer(), nil},
		"stopped":  {uitest.Snapshot(), func(f *fixture) { f.Failed(ipc.ErrNotRunning) }},
		"join":     {uitest.Snapshot(), func(f *fixture) { f.Do(model.Action{Do: model.OpenJoin}) }},
		"join-wrong": {uitest.Snapshot(), func(f *fixture) {
			f.Do(model.Action{Do: model.OpenJoin, Target: "8056 c2e2 1c00 000g"})
		}},
		"join-invite": {uitest.Snapshot(), func(f *fixture) {
			f.Do(model.Action{Do: model.OpenJoin, Target: "orrery://join/8056c2e21c000002?c=" + uitest.Identity("8056c2e21c") + "&n=Garden"})
		}},
		"invite": {uitest.Snapshot(), func(f *fixture) {
			f.Do(model.Action{Do: model.OpenInvite, Target: uitest.Home})
			f.run()
		}},
		"invite-unsure": {uitest.WithTrouble(), func(f *fixture) {
			f.service.Fail(&ipc.Error{Code: ipc.CodeConflict, Message: "the controller of this network, 8056c2e21c, is not verified", Advice: "Compare its safety number with whoever runs it"})
			f.Do(model.Action{Do: model.OpenInvite, Target: uitest.Home})
			f.run()
		}},
		"mtu": {uitest.WithTrouble(), func(f *fixture) {
			f.Do(model.Action{Do: model.OpenValue, Target: uitest.Home, Setting: model.MTU})
		}},
		"contact": {uitest.Snapshot(), func(f *fixture) { f.Do(model.Action{Do: model.OpenContact}) }},
		"rename":  {uitest.Snapshot(), func(f *fixture) { f.Do(model.Action{Do: model.Rename, Target: uitest.Alice}) }},
		"leave":   {uitest.Snapshot(), func(f *fixture) { f.Do(model.Action{Do: model.Leave, Target: uitest.Home}) }},
		"refused": {uitest.Snapshot(), func(f *fixture) {
			f.service.Fail(&ipc.Error{Code: ipc.CodeForbidden, Message: "operator needed", Need: ipc.Operator, Command: "sudo orreryctl leave " + uitest.Home})
			f.Do(model.Action{Do: model.LeaveNow, Target: uitest.Home})
			f.run()
		}},
		"verify": {uitest.Snapshot(), func(f *fixture) {
			f.tabs.SelectIndex(1)
			f.Do(model.Action{Do: model.Verify, Target: uitest.Bob})
			f.run()
		}},
	} {
		uitest.Variants(t, name, func(t *testing.T, app fyne.App, picture string) {
			f := newFixture(t, app, c.all)
			f.Show()
			f.Window().Resize(fyne.NewSize(961, 641))
			if c.do != nil {
				c.do(f)
			}
			f.Window().Resize(fyne.NewSize(960, 640))
			f.Window().Canvas().Unfocus()
			test.AssertRendersToImage(t, picture+".png", f.Window().Canvas())
			f.Window().Close()
		})
	}
}

func observer() *ipc.Snapshot {
	s := uitest.Snapshot()
	s.Status.Role = ipc.Observer
	return s
}
