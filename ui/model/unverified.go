package model

import (
	"orrery/service/ipc"
	"orrery/ui/text"
)

// Unverified is whom a network for verified peers turns away.
type Unverified struct {
	// Title is empty if it turns away nobody.
	Title string
	Text  string
	Rows  []UnverifiedRow
	// More says how many there are beyond Rows, empty if none.
	More string
}

// UnverifiedRow is a member that is turned away.
type UnverifiedRow struct {
	Address, Title, Text string
	Verify               Button
}

// unverifiedShown bounds the members that are listed.
const unverifiedShown = 4

// unverified puts into words whom a network turns away.
func (s *State) unverified(n *ipc.Network) (u Unverified) {
	if !n.VerifiedOnly || n.UnverifiedCount == 0 {
		return u
	}
	u.Title = text.Plural("unverified.title", n.UnverifiedCount)
	u.Text = text.Get("unverified.text")
	for i := range n.Unverified[:min(len(n.Unverified), unverifiedShown)] {
		m := &n.Unverified[i]
		row := UnverifiedRow{
			Address: m.Address, Title: m.Address, Text: text.Plural("unverified.dropped", int(min(m.From+m.To, 1<<30))),
			Verify: s.guard(Button{Label: text.Get("peer.verify"), Action: Action{Do: Verify, Target: m.Address}}),
		}
		if name := clean(m.Name, nameLimit); name != "" {
			row.Title, row.Text = name, text.Get("unverified.named", "address", m.Address, "dropped", row.Text)
		}
		u.Rows = append(u.Rows, row)
	}
	if more := n.UnverifiedCount - len(u.Rows); more > 0 {
		u.More = text.Plural("unverified.more", more)
	}
	return u
}

// controllerText names a network's controller and says whether it is verified.
func (s *State) controllerText(n *ipc.Network) string {
	a := controllerOf(n.ID)
	switch {
	case a == "":
		return ""
	case a == s.status.Address:
		return text.Get("network.controller.own", "address", a)
	case n.ControllerTrust == ipc.Verified:
		return text.Get("network.controller.verified", "address", a)
	case n.ControllerTrust == ipc.Blocked:
		return text.Get("network.controller.blocked", "address", a)
	case n.ControllerTrust == ipc.Seen:
		return text.Get("network.controller.seen", "address", a)
	}
	return a
}

// verifyController offers to verify a controller whose key is only known from the
// first contact.
func (s *State) verifyController(n *ipc.Network) Button {
	a := controllerOf(n.ID)
	if a == "" || a == s.status.Address || n.ControllerTrust != ipc.Seen {
		return Button{}
	}
	return s.guard(Button{Label: text.Get("peer.verify"), Action: Action{Do: Verify, Target: a}})
}
