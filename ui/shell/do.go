package shell

import (
	"context"

	"orrery/ui/model"
)

// Do carries out what the user asks for.
func (s *Shell) Do(a model.Action) {
	switch a.Do {
	case model.Nothing:
	case model.OpenWindow:
		s.Show()
	case model.Quit:
		s.quit()
	case model.Copy:
		s.cfg.App.Clipboard().SetContent(a.Target)
	case model.OpenURL:
		s.openURL(a.Target)
	case model.OpenJoin:
		s.Show()
		s.openJoin(a.Target)
	case model.OpenContact:
		s.Show()
		s.openContact(a.Target)
	case model.Verify:
		s.Show()
		s.openVerification(a.Target)
	case model.Rename:
		s.openRename(a.Target)
	case model.OpenInvite:
		s.Show()
		s.openInvitation(a.Target)
	case model.OpenValue:
		s.openValue(a)
	case model.SelectNetwork, model.SelectPeer:
		s.state.Select(a)
		s.refresh()
	case model.ShowNetworks:
		s.Show()
		s.tabs.SelectIndex(networksTab)
	case model.ShowPeers:
		s.Show()
		s.tabs.SelectIndex(peersTab)
		if a.Target != "" {
			s.Do(model.Action{Do: model.SelectPeer, Target: a.Target})
		}
	case model.Reconnect:
		if s.cfg.Reconnect != nil {
			s.cfg.Reconnect()
		}
	default:
		s.request(a)
	}
}

// request asks the user if it must, and then the service.
func (s *Shell) request(a model.Action) {
	q, ask := s.state.Confirm(a)
	if !ask {
		s.send(a)
		return
	}
	s.confirm(q, func() { s.send(a) })
}

// send makes an action's request elsewhere and shows what comes of it.
func (s *Shell) send(a model.Action) { s.sendWork(a, s.work(a), nil) }

// sendWork runs a request for an action. done, if not nil, gets the outcome in
// the place of the dialog that would show an error.
func (s *Shell) sendWork(a model.Action, work func(context.Context) error, done func(error)) {
	if work == nil || !s.state.Begin(a) {
		return
	}
	s.refresh()
	s.cfg.Run(func(ctx context.Context) {
		err := work(ctx)
		if ctx.Err() != nil {
			return // the application ends
		}
		s.onUI(func() {
			s.state.End(a, err)
			s.refresh()
			switch {
			case done != nil:
				done(err)
			case err != nil:
				s.Show()
				s.problem(err)
			}
		})
	})
}

// work is the request of an action, nil if it has none. It is made here, where
// the state may be read, and runs elsewhere.
func (s *Shell) work(a model.Action) func(context.Context) error {
	service := s.cfg.Service
	switch a.Do {
	case model.Join:
		settings := s.state.JoinAgain(a.Target)
		return func(ctx context.Context) error {
			_, err := service.Join(ctx, a.Target, settings)
			return err
		}
	case model.Leave, model.LeaveNow:
		return func(ctx context.Context) error { return service.Leave(ctx, a.Target) }
	case model.Forget:
		return func(ctx context.Context) error { return service.ForgetTrust(ctx, a.Target) }
	case model.SetNetwork, model.SetRoute:
		settings := s.state.Change(a.Setting, a.On)
		if a.Do == model.SetRoute {
			settings = s.state.RouteChange(a)
		}
		return func(ctx context.Context) error {
			_, err := service.SetNetwork(ctx, a.Target, settings)
			return err
		}
	}
	if u, ok := model.TrustChange(a); ok {
		return func(ctx context.Context) error {
			_, err := service.UpdateTrust(ctx, a.Target, u)
			return err
		}
	}
	return nil
}
