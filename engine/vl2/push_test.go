package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

// TestChangedCredentialsArePushed: a tag that changes is told at once to those
// who are in touch, and to nobody else; a renewed certificate with the next frame.
func TestChangedCredentialsArePushed(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	now := start
	pushed := func() (to []identity.Address) {
		for _, p := range f.take() {
			if p.Verb == wire.VerbNetworkCredentials {
				to = append(to, p.To)
			}
		}
		return to
	}
	change := func(f func(c *netconf.Config)) {
		c := *nw.config
		c.Tags = append([]credential.Tag(nil), c.Tags...)
		c.Timestamp += 60000
		f(&c)
		s.takeConfig(now, nw, &c)
	}
	s.SendFrame(now, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
	nw.members.open(now.Mono, v.PeerC) // never had anything from us
	if to := pushed(); len(to) != 1 {
		t.Fatalf("pushed to %v with a frame", to)
	}
	now = now.Add(60 * clock.Second)
	change(func(c *netconf.Config) {
		for i := range c.Tags {
			c.Tags[i].Timestamp = c.Timestamp
		}
	})
	if to := pushed(); len(to) != 0 {
		t.Errorf("pushed to %v after a renewal", to)
	}
	for name, f := range map[string]func(c *netconf.Config){
		"a tag":       func(c *netconf.Config) { c.Tags[0].Value++ },
		"another tag": func(c *netconf.Config) { c.Tags = append(c.Tags, credential.Tag{ID: 1 << 30}) },
		"capability":  func(c *netconf.Config) { c.Capabilities = nil },
		"address":     func(c *netconf.Config) { c.Ownerships = nil },
	} {
		now = now.Add(60 * clock.Second)
		change(f)
		if to := pushed(); len(to) != 1 || to[0] != v.PeerB {
			t.Errorf("%s: pushed to %v", name, to)
		}
		now = now.Add(10 * clock.Second)
		s.SendFrame(now, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
		if to := pushed(); len(to) != 0 {
			t.Errorf("%s: pushed again to %v", name, to)
		}
	}
	now = now.Add(pushInterval + clock.Second)
	change(func(c *netconf.Config) { c.Tags[0].Value++ })
	if to := pushed(); len(to) != 0 {
		t.Errorf("pushed to %v, who is long silent", to)
	}
}
