package api

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"orrery/service/caller"
	"orrery/service/ipc"
)

func (s *Server) whoami(c *call) error {
	group := s.policy.Group
	if group == "" {
		group = caller.DefaultGroup
	}
	return c.reply(ipc.Who{Role: c.caller.Role, User: c.caller.User, Why: c.caller.Why, Group: group})
}

// current returns a fresh snapshot as the caller may see it.
func (s *Server) current(c *call) (*ipc.Snapshot, error) {
	snap, err := s.backend.Snapshot(c.ctx())
	if err != nil {
		return nil, err
	}
	snap.Status.APIVersion = ipc.Version
	return redactSnapshot(normal(snap), c.caller.Role), nil
}

func (s *Server) status(c *call) error {
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	return c.reply(snap.Status)
}

// snapshot answers with a snapshot that has its place in the event stream.
func (s *Server) snapshot(c *call) error {
	if err := s.publisher.refresh(c.ctx()); err != nil {
		return err
	}
	return c.reply(redactSnapshot(s.hub.State(), c.caller.Role))
}

func (s *Server) networks(c *call) error {
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	return c.reply(snap.Networks)
}

func (s *Server) network(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(snap.Networks, func(n ipc.Network) bool { return n.ID == nwid.String() })
	if i < 0 {
		return ipc.Errorf(ipc.CodeNotFound, "this computer has not joined network %s", nwid).Advise("Join it first: orreryctl join %s", nwid)
	}
	return c.reply(snap.Networks[i])
}

func (s *Server) setNetwork(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	var settings ipc.NetworkSettings
	if err := c.decode(&settings); err != nil {
		return err
	}
	if err := checkSettings(&settings); err != nil {
		return err
	}
	n, err := s.backend.SetNetwork(c.ctx(), nwid, settings)
	if err != nil {
		return err
	}
	return c.reply(redactNetwork(normalNetwork(n), c.caller.Role))
}

func (s *Server) leave(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	if err := s.backend.Leave(c.ctx(), nwid); err != nil {
		return err
	}
	return c.done()
}

func (s *Server) peers(c *call) error {
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	return c.reply(snap.Peers)
}

func (s *Server) peer(c *call) error {
	a, err := c.address()
	if err != nil {
		return err
	}
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(snap.Peers, func(p ipc.Peer) bool { return p.Address == a.String() })
	if i < 0 {
		return ipc.Errorf(ipc.CodeNotFound, "this node does not know peer %s", a)
	}
	return c.reply(snap.Peers[i])
}

func (s *Server) trust(c *call) error {
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	return c.reply(snap.Trust)
}

func (s *Server) trustRecord(c *call) error {
	a, err := c.address()
	if err != nil {
		return err
	}
	snap, err := s.current(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(snap.Trust, func(t ipc.TrustRecord) bool { return t.Address == a.String() })
	if i < 0 {
		return ipc.Errorf(ipc.CodeNotFound, "there is no trust record of %s: its identity has not been seen yet", a)
	}
	return c.reply(snap.Trust[i])
}

func (s *Server) updateTrust(c *call) error {
	a, err := c.address()
	if err != nil {
		return err
	}
	var u ipc.TrustUpdate
	if err := c.decode(&u); err != nil {
		return err
	}
	if err := checkTrust(a, &u); err != nil {
		return err
	}
	t, err := s.backend.UpdateTrust(c.ctx(), a, u)
	if err != nil {
		return err
	}
	return c.reply(t)
}

func (s *Server) forgetTrust(c *call) error {
	a, err := c.address()
	if err != nil {
		return err
	}
	if err := s.backend.ForgetTrust(c.ctx(), a); err != nil {
		return err
	}
	return c.done()
}

func (s *Server) verify(c *call) error {
	a, err := c.address()
	if err != nil {
		return err
	}
	v, err := s.backend.Verification(c.ctx(), a)
	if err != nil {
		return err
	}
	return c.reply(v)
}

func (s *Server) planet(c *call) error {
	w, err := s.backend.Planet(c.ctx())
	if err != nil {
		return err
	}
	return c.reply(w)
}

func (s *Server) moons(c *call) error {
	m, err := s.backend.Moons(c.ctx())
	if err != nil {
		return err
	}
	list(&m)
	return c.reply(m)
}

func (s *Server) config(c *call) error {
	conf, err := s.backend.Config(c.ctx())
	if err != nil {
		return err
	}
	list(&conf.ListeningOn)
	return c.reply(conf)
}

func (s *Server) putSettings(c *call) error {
	var settings map[string]json.RawMessage
	if err := c.decode(&settings); err != nil {
		return err
	}
	if len(settings) == 0 {
		return ipc.Errorf(ipc.CodeBadRequest, "the request body has no settings")
	}
	if err := s.backend.PutSettings(c.ctx(), settings); err != nil {
		return err
	}
	return c.done()
}

func (s *Server) diagnostics(c *call) error {
	text, err := s.backend.Diagnostics(c.ctx())
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(c.w, text) // the client may be gone
	return nil
}
