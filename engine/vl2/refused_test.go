package vl2

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// secret is the secret of a party of the vectors.
func (v *configVectors) secret(t testing.TB, role string) *identity.Secret {
	t.Helper()
	i := slices.IndexFunc(v.Identities, func(p party) bool { return p.Role == role })
	s, err := identity.ParseSecret(v.Identities[i].Secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chunk is a whole configuration in one part, signed by a party.
func chunk(by *identity.Secret, nwid identity.NetworkID, update uint64, dict []byte) []byte {
	c := wire.ConfigChunk{Network: nwid, Data: dict, UpdateID: update, Total: uint32(len(dict))}
	body := c.AppendSigned(nil)
	sig := by.Sign(body)
	return wire.AppendConfigSignature(body, &sig)
}

// TestConfigsRefused: whatever is wrong with a configuration, the one held stays,
// nothing is written, and it is told once.
func TestConfigsRefused(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	controller, other := v.secret(t, "controller"), v.secret(t, "peerB")
	self := v.secret(t, "self").Address
	conf := func(ts clock.Wall, change func(c *netconf.Config)) []byte {
		c := netconf.Config{Network: v.NetworkID, IssuedTo: self, Timestamp: ts, MTU: 1500, Rules: netconf.AcceptRules()}
		if change != nil {
			change(&c)
		}
		return c.Append(nil)
	}
	const now = clock.Wall(1_700_000_000_000)
	oversized := wire.ConfigChunk{Network: v.NetworkID, Data: []byte("v=7"), UpdateID: 9, Total: wire.ConfigCapacity}
	oversizedBody := oversized.AppendSigned(nil)
	oversizedSig := controller.Sign(oversizedBody)
	outside := wire.ConfigChunk{Network: v.NetworkID, Data: []byte("v=7"), UpdateID: 9, Total: 4, Index: 2}
	outsideBody := outside.AppendSigned(nil)
	outsideSig := controller.Sign(outsideBody)
	changed := chunk(controller, v.NetworkID, 9, conf(now+1, nil))
	changed[40] ^= 1
	for _, c := range []struct {
		name  string
		body  []byte
		from  *identity.Secret
		fault netconf.Fault
		word  string
	}{
		{"cut off", chunk(controller, v.NetworkID, 9, conf(now+1, nil))[:50], controller, netconf.FaultMalformed, "truncated"},
		{"bad routes", chunk(controller, v.NetworkID, 9, append(conf(now+1, nil), "\nRT=\x04\x01"...)), controller, netconf.FaultMalformed, "RT"},
		{"bad rules", chunk(controller, v.NetworkID, 9, append([]byte("R=\x27\x02\x01\n"), conf(now+1, nil)...)), controller, netconf.FaultMalformed, `"R"`},
		{"old version", chunk(controller, v.NetworkID, 9, bytes.Replace(conf(now+1, nil), []byte("v=0000000000000007"), []byte("v=0000000000000005"), 1)), controller, netconf.FaultMalformed, "version"},
		{"too long", wire.AppendConfigSignature(oversizedBody, &oversizedSig), controller, netconf.FaultOversized, ""},
		{"a part outside of the whole", wire.AppendConfigSignature(outsideBody, &outsideSig), controller, netconf.FaultMalformed, ""},
		{"unsigned, by a member", (&wire.ConfigChunk{Network: v.NetworkID, Data: conf(now+1, nil), Unsigned: true}).Append(nil), other, netconf.FaultUnsigned, ""},
		{"unsigned, by the controller", (&wire.ConfigChunk{Network: v.NetworkID, Data: conf(now+1, nil), Unsigned: true}).Append(nil), controller, netconf.FaultUnsigned, ""},
		{"signed by a member", chunk(other, v.NetworkID, 9, conf(now+1, nil)), other, netconf.FaultForged, ""},
		{"changed on the way", changed, other, netconf.FaultForged, ""},
		{"signature of another kind", append(chunk(controller, v.NetworkID, 9, conf(now+1, nil))[:len(conf(now+1, nil))+27], 2, 0, 0), controller, netconf.FaultForged, ""},
		{"older", chunk(controller, v.NetworkID, 9, conf(now-1, nil)), other, netconf.FaultStale, ""},
		{"for another member", chunk(controller, v.NetworkID, 9, conf(now+1, func(c *netconf.Config) { c.IssuedTo = other.Address })), other, netconf.FaultForeign, ""},
		{"for another network", chunk(controller, v.NetworkID, 9, conf(now+1, func(c *netconf.Config) { c.Network++ })), controller, netconf.FaultForeign, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s, nw := v.node(t)
			s.Handle(after(1), wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, v.NetworkID, 1, conf(now, nil))})
			held, stored := nw.Config(), string(f.stored[nw.id])
			if held == nil || len(nw.Refusals()) != 0 {
				t.Fatal("no configuration to begin with")
			}
			f.changes, f.stored = nil, map[identity.NetworkID][]byte{}
			for i := range clock.Mono(50) {
				s.Handle(after(2+i*1000), wire.VerbNetworkConfig, &vl1.Inbound{From: c.from.Identity, Payload: c.body})
			}
			if nw.Config() != held || len(f.stored) != 0 || nw.Status() != StatusOK {
				t.Errorf("the configuration changed: %v, stored %q", nw.Status(), stored)
			}
			all := nw.Refusals()
			if len(all) != 1 || all[0].Fault != c.fault || all[0].From != c.from.Address || !strings.Contains(all[0].Detail, c.word) {
				t.Fatalf("refusals %+v, want %v", all, c.fault)
			}
			if len(f.changes) != 1 {
				t.Errorf("told %d times", len(f.changes))
			}
			if len(nw.Members()) < 1 || all[0].First != after(2).Mono {
				t.Errorf("since %v", all[0].First)
			}
			// After a quiet hour it is told again; a good configuration is still taken.
			s.Handle(after(2*3600_000), wire.VerbNetworkConfig, &vl1.Inbound{From: c.from.Identity, Payload: spoilID(c.body, c.fault, controller, v.NetworkID, conf)})
			s.Handle(after(2*3600_000+1), wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, v.NetworkID, 77, conf(now+5, nil))})
			if nw.Config() == held {
				t.Error("a good configuration was not taken any more")
			}
			if len(f.changes) != 3 {
				t.Errorf("told %d times at the end", len(f.changes))
			}
		})
	}
}

// spoilID is body, or where its update is complete and so known by now, the same
// fault in another update.
func spoilID(body []byte, fault netconf.Fault, controller *identity.Secret, nwid identity.NetworkID, conf func(clock.Wall, func(*netconf.Config)) []byte) []byte {
	const now = clock.Wall(1_700_000_000_000)
	switch fault {
	case netconf.FaultStale:
		return chunk(controller, nwid, 10, conf(now-1, nil))
	case netconf.FaultForeign:
		return chunk(controller, nwid, 10, conf(now, func(c *netconf.Config) { c.Network++ }))
	case netconf.FaultMalformed:
		return body[:20]
	}
	return body
}

// TestControllerSilent: a controller that does not answer is noticed, its last
// word holds, and it is asked less and less; its return ends that at once.
func TestControllerSilent(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	controller := v.secret(t, "controller")
	c := netconf.Config{Network: v.NetworkID, IssuedTo: v.secret(t, "self").Address, Timestamp: 1, MTU: 1500, Rules: netconf.AcceptRules()}
	f, s, nw := v.node(t)
	if _, ok := nw.Silence(); ok {
		t.Error("silent at once")
	}
	s.Handle(after(1), wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, nw.id, 1, c.Append(nil))})
	f.take()
	var asked []clock.Mono
	for ms := clock.Mono(500); ms < 7*24*3600_000; ms = max(ms+100, (s.Deadline()-start.Mono)/clock.Millisecond) {
		s.Tick(after(ms))
		for _, p := range f.take() {
			if p.Verb == wire.VerbNetworkConfigRequest {
				asked = append(asked, ms)
			}
		}
		if since, ok := nw.Silence(); ok && (since < after(60_000).Mono || since > after(60_600).Mono) {
			t.Fatalf("silent since %v", since)
		}
	}
	if _, ok := nw.Silence(); !ok || nw.Status() != StatusOK || nw.Config() == nil {
		t.Errorf("after a week: %v", nw.Status())
	}
	if n := len(asked); n < 10_000 || n > 21_000 {
		t.Errorf("asked %d times in a week", n)
	}
	at := after(7 * 24 * 3600_000)
	c.Timestamp = 2
	s.Handle(at, wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, nw.id, 2, c.Append(nil))})
	if _, ok := nw.Silence(); ok {
		t.Error("still silent after its answer")
	}
}

// TestOwnRevocation: whose membership is revoked asks at once what it is still.
func TestOwnRevocation(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	controller, self := v.secret(t, "controller"), v.secret(t, "self")
	f, s, nw := v.node(t)
	c := netconf.Config{Network: v.NetworkID, IssuedTo: self.Address, Timestamp: 1000, MTU: 1500}
	s.Handle(after(1), wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, nw.id, 1, c.Append(nil))})
	f.take()
	r := credential.Revocation{ID: 5, Network: nw.id, Threshold: 2000, Target: self.Address, Type: credential.TypeMembership}
	r.Sign(controller)
	bundle := credential.Bundle{Revocations: []credential.Revocation{r}}
	for range 2 {
		s.Handle(after(2000), wire.VerbNetworkCredentials, &vl1.Inbound{From: controller.Identity, Payload: bundle.Append(nil)})
	}
	n := 0
	for _, p := range f.take() {
		if p.Verb == wire.VerbNetworkConfigRequest && p.To == controller.Address {
			n++
		}
	}
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestOlderConfigs: what is older than the configuration held is taken as the
// answer to a request that was sent since, as by a controller whose clock was set
// back, and in no other way: not when it comes late, and not unasked, when it has
// us ask.
func TestOlderConfigs(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	controller, self := v.secret(t, "controller"), v.secret(t, "self").Address
	f, s, nw := v.node(t)
	update := uint64(0)
	in := func(ts clock.Wall) *vl1.Inbound {
		update++
		c := netconf.Config{Network: v.NetworkID, IssuedTo: self, Timestamp: ts, MTU: 1500, Rules: netconf.AcceptRules()}
		return &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, nw.id, update, c.Append(nil))}
	}
	holds := func(when string, ts clock.Wall, requests int) {
		t.Helper()
		if nw.Config().Timestamp != ts {
			t.Errorf("%s: holds that of %d, want %d", when, nw.Config().Timestamp, ts)
		}
		n := 0
		for _, p := range f.take() {
			if p.Verb == wire.VerbNetworkConfigRequest {
				n++
			}
		}
		if n != requests {
			t.Errorf("%s: asked %d times, want %d", when, n, requests)
		}
	}
	s.HandleOK(after(100), wire.VerbNetworkConfigRequest, in(5000))
	holds("first answer", 5000, 0)
	s.HandleOK(after(200), wire.VerbNetworkConfigRequest, in(4999))
	holds("an answer that was overtaken", 5000, 0)
	s.Handle(after(10_000), wire.VerbNetworkConfig, in(4000))
	holds("an older one, unasked", 5000, 1)
	s.Handle(after(10_100), wire.VerbNetworkConfig, in(4001))
	holds("another", 5000, 0)
	s.HandleOK(after(10_200), wire.VerbNetworkConfigRequest, in(4002))
	holds("the answer", 4002, 0)
	s.Handle(after(10_300), wire.VerbNetworkConfig, in(4003))
	holds("a newer one, unasked", 4003, 0)
}
