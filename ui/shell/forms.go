package shell

import (
	"context"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/view/verification"
)

// openJoin opens the join dialog with a text in its field.
func (s *Shell) openJoin(field string) {
	s.openField(fieldText{text.Get("join.title"), text.Get("join.label"), text.Get("join.placeholder"), text.Get("join.yes")}, field,
		func(t string) model.Input { return s.state.CheckJoin(t).Input },
		func(t string) { s.join(s.state.CheckJoin(t)) }, s.fileButton())
}

// join joins a network; with an invite the service pins its controller first.
func (s *Shell) join(j model.JoinInput) {
	if !j.Ready {
		return
	}
	settings := s.state.JoinAgain(j.Network)
	s.sendWork(model.Action{Do: model.Join, Target: j.Network}, func(ctx context.Context) error {
		if j.Invite == "" {
			_, err := s.cfg.Service.Join(ctx, j.Network, settings)
			return err
		}
		_, err := s.cfg.Service.JoinInvite(ctx, j.Network, ipc.Join{NetworkSettings: settings, Invite: j.Invite})
		return err
	}, nil)
	s.tabs.SelectIndex(networksTab)
	s.Do(model.Action{Do: model.SelectNetwork, Target: j.Network})
}

// openValue opens the dialog for a setting that is typed.
func (s *Shell) openValue(a model.Action) {
	id := "value." + string(a.Setting)
	s.openField(fieldText{text.Get(id + ".title"), text.Get(id + ".label"), text.Get(id + ".placeholder"), text.Get("value.save")},
		s.state.Value(a.Target, a.Setting),
		func(t string) model.Input { return model.CheckValue(a.Setting, t).Input },
		func(t string) {
			v := model.CheckValue(a.Setting, t)
			s.sendWork(model.Action{Do: model.SetNetwork, Target: a.Target}, func(ctx context.Context) error {
				_, err := s.cfg.Service.SetNetwork(ctx, a.Target, v.Settings)
				return err
			}, nil)
		})
}

// openContact opens the contact dialog with a text in its field.
func (s *Shell) openContact(field string) {
	s.openField(fieldText{text.Get("contact.title"), text.Get("contact.label"), text.Get("contact.placeholder"), text.Get("contact.add")}, field,
		func(t string) model.Input { return s.state.CheckContact(t).Input },
		func(t string) { s.addContact(s.state.CheckContact(t)) }, s.fileButton())
}

func (s *Shell) addContact(c model.ContactInput) {
	if !c.Ready {
		return
	}
	s.updateTrust(model.Action{Do: model.Rename, Target: c.Address}, func(ctx context.Context) error {
		_, err := s.cfg.Service.UpdateTrust(ctx, c.Address, c.Trust())
		return err
	})
	s.Do(model.Action{Do: model.ShowPeers, Target: c.Address})
}

// openRename opens the name dialog for a peer.
func (s *Shell) openRename(address string) {
	r, ok := s.state.Peer(address)
	if !ok {
		return
	}
	s.openField(fieldText{text.Get("name.title", "peer", r.Title), text.Get("name.label"), "", text.Get("name.save")}, s.state.Name(address),
		func(t string) model.Input { return s.state.CheckName(address, t).Input },
		func(t string) {
			n := s.state.CheckName(address, t)
			s.updateTrust(model.Action{Do: model.Rename, Target: address}, func(ctx context.Context) error {
				_, err := s.cfg.Service.UpdateTrust(ctx, address, n.Trust())
				return err
			})
		})
}

func (s *Shell) updateTrust(a model.Action, work func(context.Context) error) {
	s.sendWork(a, work, nil)
}

// verifyDialog is the open comparison of a safety number.
type verifyDialog struct {
	view  *verification.View
	model *model.Verification
	modal *modal
}

func (v *verifyDialog) draw() { v.view.Show(v.model.Page()) }

// openVerification opens the comparison with the owner of an address.
func (s *Shell) openVerification(address string) {
	if s.verify != nil {
		s.verify.modal.close()
	}
	v := &verifyDialog{model: s.state.Verification(address)}
	action := model.Action{Do: model.Verify, Target: address}
	decide := func(match bool) func() {
		return func() {
			u, ok := v.model.Decide(match)
			if !ok {
				return
			}
			s.sendWork(action, func(ctx context.Context) error {
				_, err := s.cfg.Service.UpdateTrust(ctx, address, u)
				return err
			}, func(err error) { v.model.Decided(err); v.draw() })
			v.draw()
		}
	}
	v.view = verification.New(s.Do, verification.Answers{Match: decide(true), Mismatch: decide(false), Later: func() { v.modal.close() }})
	v.draw()
	v.modal = s.openModal(v.model.Page().Title, v.view.Content(), verification.Size)
	v.modal.closed = func() { s.verify = nil }
	s.verify = v
	s.load(v, address)
}

// load asks the service for what to compare.
func (s *Shell) load(v *verifyDialog, address string) {
	service := s.cfg.Service
	s.cfg.Run(func(ctx context.Context) {
		data, err := service.Verification(ctx, address)
		if ctx.Err() != nil {
			return
		}
		s.onUI(func() {
			v.model.Loaded(data, err)
			v.draw()
		})
	})
}
