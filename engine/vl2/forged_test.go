package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// watched counts how often an identity is looked up, as it is for each signature
// that is checked.
type watched struct {
	*fake
	whose  identity.Address
	looked int
}

func (w *watched) Identity(a identity.Address) (identity.Identity, bool) {
	if a == w.whose {
		w.looked++
	}
	return w.fake.Identity(a)
}

// TestForgeriesAreNotChecked: who sends forged certificates and configurations
// has a few of them checked and then one or two a second, in whatever it wraps
// them; everybody else's are checked as ever, and its own good ones once it stops.
func TestForgeriesAreNotChecked(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	controller := v.signer(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	w := &watched{fake: f, whose: controller.Address}
	s.link = w
	com := func(a identity.Address, at clock.Wall, forged bool) credential.Membership {
		c := credential.NewMembership(nw.id, f.known[a], at, 1800000)
		c.Sign(controller)
		if forged {
			c.Signature[9] ^= 1
		}
		return c
	}
	packet := uint64(0)
	send := func(at clock.Instant, verb wire.Verb, from identity.Address, payload []byte) {
		packet++
		s.Handle(at, verb, &vl1.Inbound{From: f.known[from], ID: packet, Payload: payload})
	}
	conf := (&netconf.Config{Network: nw.id, IssuedTo: f.self.Address, Timestamp: start.Wall + 99, MTU: 1500}).Append(nil)
	for name, one := range map[string]func(i int) (wire.Verb, []byte){
		"frames": func(i int) (wire.Verb, []byte) {
			c := com(v.PeerC, start.Wall+clock.Wall(i), true)
			b := append(nw.id.Append(nil), wire.ExtFrameCOM)
			return wire.VerbExtFrame, append(c.Append(b), make([]byte, 40)...)
		},
		"questions": func(i int) (wire.Verb, []byte) {
			c := com(v.PeerB, start.Wall+clock.Wall(i), true)
			q := wire.MulticastGather{Network: nw.id, Flags: wire.GatherCOM, Limit: 1, COM: c.Append(nil)}
			return wire.VerbMulticastGather, q.Append(nil)
		},
		"configurations": func(i int) (wire.Verb, []byte) {
			b := chunk(controller, nw.id, uint64(i+1), conf)
			b[len(b)-90] ^= 1
			return wire.VerbNetworkConfig, b
		},
	} {
		w.looked = 0
		s.peers = newPeerTable(&s.limits)
		for i := range 3000 {
			verb, payload := one(i)
			send(after(clock.Mono(i)), verb, v.PeerC, payload)
		}
		if w.looked < forgeryBurst || w.looked > forgeryBurst+6 {
			t.Errorf("%s: %d forgeries of 3000 in 3 s were checked", name, w.looked)
		}
		// Another's count, and its own as credentials.
		good := com(v.PeerB, start.Wall+clock.Wall(len(name)), false)
		q := wire.MulticastGather{Network: nw.id, Flags: wire.GatherCOM, Limit: 1, COM: good.Append(nil)}
		send(after(3000), wire.VerbMulticastGather, v.PeerB, q.Append(nil))
		if m := nw.members.get(v.PeerB); m == nil || *m.proof.Membership() != good {
			t.Errorf("%s: another's certificate did not count", name)
		}
		own := com(v.PeerC, start.Wall+clock.Wall(len(name)), false)
		bring(f, s, after(3000), v.PeerC, 1<<40+packet, credential.Bundle{Memberships: []credential.Membership{own}})
		if m := nw.members.get(v.PeerC); m == nil || *m.proof.Membership() != own {
			t.Errorf("%s: its own certificate did not count", name)
		}
		for i := len(nw.members.order) - 1; i >= 0; i-- {
			nw.members.removeAt(i)
		}
		send(after(5000), wire.VerbNetworkConfig, v.PeerC, chunk(controller, nw.id, 1<<50+packet, conf))
		if nw.Config().Timestamp != start.Wall+99 {
			t.Errorf("%s: the controller's configuration did not count from it, once it had stopped", name)
		}
		s.setConfig(nw, v.config(t, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true}))
	}
}
