package api

import (
	"slices"
	"strings"

	"orrery/service/ipc"
)

// Everyone on the machine may read the status, but an observer need not learn
// where peers and this machine are on the Internet, what the user noted about
// people, or links and tokens that let somebody in. The functions of this file return a
// copy without these for an observer, and the argument for anybody else.

func redactStatus(s *ipc.Status, role ipc.Role) *ipc.Status {
	c := *s
	c.Role = role
	if role == ipc.Observer {
		c.Surface = []string{}
	}
	return &c
}

// withoutPage takes a log-in page out of a sentence.
func withoutPage(text, page string) string {
	if page == "" {
		return text
	}
	return strings.ReplaceAll(text, page, "the network's log-in page")
}

func redactNetwork(n *ipc.Network, role ipc.Role) *ipc.Network {
	if role != ipc.Observer || n.AuthURL == "" && n.Login == nil && n.Settings.Token == nil {
		return n
	}
	c := *n
	c.AuthURL, c.Settings.Token = "", nil
	c.Detail, c.Advice = withoutPage(c.Detail, n.AuthURL), withoutPage(c.Advice, n.AuthURL)
	if n.Login != nil {
		l := *n.Login
		c.Detail, c.Advice = withoutPage(c.Detail, l.URL), withoutPage(c.Advice, l.URL)
		l.URL = ""
		c.Login = &l
	}
	return &c
}

func redactPeer(p *ipc.Peer, role ipc.Role) *ipc.Peer {
	if role != ipc.Observer {
		return p
	}
	c := *p
	c.Paths = slices.Clone(p.Paths)
	list(&c.Paths)
	for i := range c.Paths {
		c.Paths[i].Address = ""
		c.Paths[i].LocalPort = 0
	}
	return &c
}

func redactTrust(t *ipc.TrustRecord, role ipc.Role) *ipc.TrustRecord {
	if role != ipc.Observer || t.Note == "" {
		return t
	}
	c := *t
	c.Note = ""
	return &c
}

func redactSnapshot(s *ipc.Snapshot, role ipc.Role) *ipc.Snapshot {
	return &ipc.Snapshot{
		Seq:      s.Seq,
		Status:   *redactStatus(&s.Status, role),
		Networks: redactList(s.Networks, role, redactNetwork),
		Peers:    redactList(s.Peers, role, redactPeer),
		Trust:    redactList(s.Trust, role, redactTrust),
		Alerts:   s.Alerts,
	}
}

func redactList[T any](l []T, role ipc.Role, redact func(*T, ipc.Role) *T) []T {
	out := make([]T, len(l))
	for i := range l {
		out[i] = *redact(&l[i], role)
	}
	return out
}

// redactEvent returns the event as the role may see it.
func redactEvent(e ipc.Event, role ipc.Role) ipc.Event {
	switch {
	case e.All != nil:
		e.All = redactSnapshot(e.All, role)
	case e.Status != nil:
		e.Status = redactStatus(e.Status, role)
	case e.Network != nil:
		e.Network = redactNetwork(e.Network, role)
	case e.Peer != nil:
		e.Peer = redactPeer(e.Peer, role)
	case e.Trust != nil:
		e.Trust = redactTrust(e.Trust, role)
	}
	return e
}
