package model

import (
	"orrery/service/ipc"
	"orrery/ui/text"
)

// Confirm is a question before something that is not easily undone.
type Confirm struct {
	Title, Text string
	Yes, No     string
}

// Confirm returns the question to ask before an action, and whether there is
// one.
func (s *State) Confirm(a Action) (c Confirm, ask bool) {
	c.No = text.Get("confirm.no")
	switch a.Do {
	case Leave:
		r, _ := s.Network(a.Target)
		c.Title = text.Get("confirm.leave.title", "name", r.Title)
		c.Text = text.Get("confirm.leave.text")
		c.Yes = text.Get("confirm.leave.yes")
	case Block:
		r := s.peerRow(a.Target)
		c.Title = text.Get("confirm.block.title", "name", r.Title)
		c.Text = text.Get("confirm.block.text")
		c.Yes = text.Get("confirm.block.yes")
	case Forget:
		r := s.peerRow(a.Target)
		c.Title = text.Get("confirm.forget.title", "name", r.Title)
		c.Text = text.Get("confirm.forget.text")
		c.Yes = text.Get("confirm.forget.yes")
	case SetNetwork:
		if a.Setting != AllowDefault || !a.On {
			return Confirm{}, false
		}
		s.confirmDefault(&c, a)
	case SetRoute:
		if !defaultRoute(a) {
			return Confirm{}, false
		}
		s.confirmDefault(&c, a)
	default:
		return Confirm{}, false
	}
	return c, true
}

// confirmDefault asks before a network takes over all traffic.
func (s *State) confirmDefault(c *Confirm, a Action) {
	r, _ := s.Network(a.Target)
	c.Title = text.Get("confirm.default.title", "name", r.Title)
	c.Text = text.Get("confirm.default.text")
	c.Yes = text.Get("confirm.default.yes")
}

// TrustChange is the change of a trust record that an action asks for: blocking,
// unblocking, settling a conflict.
func TrustChange(a Action) (u ipc.TrustUpdate, ok bool) {
	switch a.Do {
	case Block:
		return ipc.TrustUpdate{State: ipc.Blocked, How: "user"}, true
	case Unblock:
		return ipc.TrustUpdate{State: ipc.Seen, How: "user"}, true
	case Settle:
		return ipc.TrustUpdate{SettleConflict: true}, true
	}
	return u, false
}
