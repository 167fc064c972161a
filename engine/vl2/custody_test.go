package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// signer is the network's controller of the vectors.
func (v *multicastVectors) signer(t testing.TB) *identity.Secret {
	t.Helper()
	for _, p := range v.Identities {
		if p.Address == v.NetworkID.Controller() {
			s, err := identity.ParseSecret(p.Secret)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	t.Fatal("no controller among the identities")
	return nil
}

// bring has a peer bring credentials.
func bring(f *fake, s *Switch, at clock.Instant, from identity.Address, id uint64, b credential.Bundle) vl1.Disposition {
	return s.Handle(at, wire.VerbNetworkCredentials, &vl1.Inbound{From: f.known[from], ID: id, Payload: b.Append(nil)})
}

// TestStolenCapability: a capability counts only from who has it; one that two
// have is told of, and refused where that is asked for.
func TestStolenCapability(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		v := loadMulticast(t)
		f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
		s.SetStrict(strict)
		c := *nw.config
		c.Rules = nil // capabilities alone let anything pass
		s.setConfig(nw, &c)
		frames := uint64(100)
		passes := func(a identity.Address) bool {
			frames++
			in := vl1.Inbound{From: f.known[a], ID: frames, Payload: append(wire.AppendFrameHead(nil, nw.id, 0x0800), "x"...)}
			s.Handle(start, wire.VerbFrame, &in)
			return len(f.takeDelivered()) > 0
		}
		own := credential.Capability{Network: nw.id, Timestamp: start.Wall, ID: 1, Rules: []rule.Rule{{Type: rule.ActionAccept}}}
		own.Sign(v.signer(t), v.PeerB)

		// Somebody else brings it, as it is: no reason to, and no effect.
		bring(f, s, start, v.PeerC, 1, credential.Bundle{Capabilities: []credential.Capability{own}})
		if passes(v.PeerB) {
			t.Error("a capability counts that its holder did not bring")
		}
		if d := bring(f, s, after(1000), v.PeerB, 2, credential.Bundle{Capabilities: []credential.Capability{own}}); d != vl1.Trusted || !passes(v.PeerB) || passes(v.PeerC) {
			t.Errorf("its holder brings it: %v", d)
		}
		f.changes = nil
		stolen := own
		stolen.Custody = []credential.Custody{own.Custody[0]}
		stolen.Custody[0].To = v.PeerC
		for i := range 3 {
			bring(f, s, after(2000+1000*clock.Mono(i)), v.PeerC, 3+uint64(i), credential.Bundle{Capabilities: []credential.Capability{stolen}})
		}
		if got := passes(v.PeerC); got == strict {
			t.Errorf("strict %v: the second holder's frames pass: %v", strict, got)
		}
		if !passes(v.PeerB) {
			t.Errorf("strict %v: the first holder's frames do not pass any more", strict)
		}
		if d := nw.Disputes(); len(d) != 1 || d[0] != (Dispute{1, v.PeerB, v.PeerC}) || len(f.changes) != 1 {
			t.Errorf("strict %v: disputes %+v, told %d times", strict, d, len(f.changes))
		}
		// A genuine one of the other member is no dispute, nor is one handed on.
		other := own
		other.Custody, other.ID, other.MaxCustody = nil, 2, 2
		other.Sign(v.signer(t), v.PeerC)
		bring(f, s, after(9000), v.PeerC, 9, credential.Bundle{Capabilities: []credential.Capability{other}})
		if len(nw.Disputes()) != 1 || !passes(v.PeerC) {
			t.Errorf("strict %v: disputes %+v", strict, nw.Disputes())
		}
		nw.custody.clean(credential.Window{Center: start.Wall + 10*1800000, MaxDelta: 1800000})
		if len(nw.custody.to) != 0 || len(nw.Disputes()) != 0 {
			t.Errorf("%d steps of old capabilities are kept", len(nw.custody.to))
		}
	}
}

// TestHandedOnCapability: the same first step in two chains is no dispute, the
// same last step to two members is.
func TestHandedOnCapability(t *testing.T) {
	t.Parallel()
	const b, c, d = 1, 2, 3
	step := func(sig byte, to identity.Address) credential.Custody {
		s := credential.Custody{To: to}
		s.Signature[0] = sig
		return s
	}
	var table custody
	for i, k := range []struct {
		chain []credential.Custody
		fresh bool
	}{
		{[]credential.Custody{step(9, b)}, false},
		{[]credential.Custody{step(9, b), step(8, c)}, false},
		{[]credential.Custody{step(9, b), step(8, d)}, true},
		{[]credential.Custody{step(9, b), step(8, d)}, false},
		{[]credential.Custody{step(9, d)}, true},
	} {
		if fresh := table.note(&credential.Capability{ID: 5, Custody: k.chain}); fresh != k.fresh {
			t.Errorf("chain %d: dispute %v", i, fresh)
		}
	}
	for i := range identity.Address(2 * maxDisputes) {
		table.note(&credential.Capability{ID: 5, Custody: []credential.Custody{step(9, 100+i)}})
	}
	if len(table.disputes) != maxDisputes || table.disputes[maxDisputes-1].Second != 100+2*maxDisputes-1 {
		t.Errorf("%d disputes are kept: %+v", len(table.disputes), table.disputes)
	}
}

// TestCalendarOfTheControllerSetBack: once the configuration says that the
// controller's clock went back, members' newer credentials do not keep out those
// that it issues from then on; what was revoked stays revoked, and without such a
// configuration older credentials count no more.
func TestCalendarOfTheControllerSetBack(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	controller := v.signer(t)
	const day = 86400_000
	configured := func(ts clock.Wall) {
		c := *nw.config
		c.Timestamp = ts
		c.Membership = credential.NewMembership(nw.id, f.self, ts, 1800000)
		c.Membership.Sign(controller)
		s.takeConfig(after(1), nw, &c)
	}
	packet := uint64(0)
	shown := func(a identity.Address, ts clock.Wall) (allowed bool) {
		packet++
		com := credential.NewMembership(nw.id, f.known[a], ts, 1800000)
		com.Sign(controller)
		tag := credential.Tag{Network: nw.id, Timestamp: ts, ID: 1, Value: uint32(packet), IssuedTo: a}
		tag.Sign(controller)
		bring(f, s, after(clock.Mono(2000*packet)), a, packet, credential.Bundle{Memberships: []credential.Membership{com}, Tags: []credential.Tag{tag}})
		m, id := nw.members.get(a), f.known[a]
		value, ok := m.side(nw).Tag(1)
		allowed = m != nil && nw.passes(m, &id)
		if ok = ok && value == uint32(packet); ok != (allowed && m.proof.Membership().Timestamp() == ts) {
			t.Errorf("its tag counts: %v, its membership: %v", ok, allowed)
		}
		return allowed && m.proof.Membership().Timestamp() == ts
	}
	configured(start.Wall + day)
	if !shown(v.PeerB, start.Wall+day) || !shown(v.PeerC, start.Wall+day) {
		t.Fatal("not let in to begin with")
	}
	if shown(v.PeerB, start.Wall+day-1000) {
		t.Error("an older membership counts")
	}
	gone := credential.Revocation{Network: nw.id, Type: credential.TypeMembership, Threshold: start.Wall + day, Target: v.PeerC}
	gone.Sign(controller)
	bring(f, s, after(90_000), v.PeerB, 999, credential.Bundle{Revocations: []credential.Revocation{gone}})
	configured(start.Wall)
	if !shown(v.PeerB, start.Wall) {
		t.Error("what the controller issues now does not count")
	}
	packet++
	com := credential.NewMembership(nw.id, f.known[v.PeerC], start.Wall, 1800000)
	com.Sign(controller)
	bring(f, s, after(200_000), v.PeerC, packet, credential.Bundle{Memberships: []credential.Membership{com}})
	if id := f.known[v.PeerC]; nw.passes(nw.members.get(v.PeerC), &id) {
		t.Error("who was expelled is let in")
	}
	// A little back is no reason to forget anything.
	configured(start.Wall - 1000)
	if id := f.known[v.PeerB]; !nw.passes(nw.members.get(v.PeerB), &id) {
		t.Error("a membership within the window was forgotten")
	}
}
