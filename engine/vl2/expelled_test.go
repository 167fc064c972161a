package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestRevokedAfterRestart: who was expelled stays out after a restart, for as
// long as its certificate would be valid by its date; a new one lets it in.
func TestRevokedAfterRestart(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	private := vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true}
	f, s, nw := v.node(t, Limits{}, private)
	controller := v.signer(t)
	peer := f.known[v.PeerB]
	com := credential.NewMembership(nw.id, peer, start.Wall, 1800000)
	com.Sign(controller)
	gone := credential.Revocation{Network: nw.id, Type: credential.TypeMembership, Threshold: start.Wall + 5, Target: v.PeerB, Flags: credential.FastPropagate}
	gone.Sign(controller)
	bring(f, s, start, v.PeerB, 1, credential.Bundle{Memberships: []credential.Membership{com}})
	if id := peer; !nw.passes(nw.members.get(v.PeerB), &id) {
		t.Fatal("not let in with its certificate")
	}
	bring(f, s, after(1000), v.PeerC, 2, credential.Bundle{Revocations: []credential.Revocation{gone}})
	bring(f, s, after(2000), v.PeerC, 3, credential.Bundle{Revocations: []credential.Revocation{gone}})
	if nw.passes(nw.members.get(v.PeerB), &peer) || f.revoked != 1 {
		t.Errorf("let in after its revocation; to be stored %d times", f.revoked)
	}
	kept := nw.Revoked()
	if len(kept) != 1 || kept[0] != (credential.Threshold{Member: v.PeerB, Until: start.Wall + 5, Type: credential.TypeMembership}) {
		t.Fatalf("kept %+v", kept)
	}

	f, s, nw = v.node(t, Limits{}, private)
	s.RestoreRevoked(start, nw, append(kept, credential.Threshold{Member: 0xff00000000, Until: 1, Type: credential.TypeMembership}))
	bring(f, s, start, v.PeerB, 1, credential.Bundle{Memberships: []credential.Membership{com}})
	if m := nw.members.get(v.PeerB); m == nil || nw.passes(m, &peer) || len(nw.Revoked()) != 1 {
		t.Error("let in with its old certificate after a restart")
	}
	fresh := credential.NewMembership(nw.id, peer, start.Wall+60000, 1800000)
	fresh.Sign(controller)
	bring(f, s, after(3000), v.PeerB, 2, credential.Bundle{Memberships: []credential.Membership{fresh}})
	if !nw.passes(nw.members.get(v.PeerB), &peer) {
		t.Error("not let in again with a new certificate")
	}

	// Idle for long, it is forgotten only when nothing can slip under the threshold.
	_, s, nw = v.node(t, Limits{}, private)
	s.RestoreRevoked(start, nw, kept)
	for _, c := range []struct {
		delta clock.Wall
		left  int
	}{{2 * 1800000, 1}, {2*1800000 + 60000, 0}} {
		nw.window.Center = start.Wall + c.delta
		nw.members.clean(start.Mono+2*memberLife, nw)
		if len(nw.members.order) != c.left {
			t.Errorf("%d ms on: %d memberships", c.delta, len(nw.members.order))
		}
	}

	// More than fit are not let push anybody out.
	_, s, nw = v.node(t, Limits{Members: 2}, private)
	s.RestoreRevoked(start, nw, []credential.Threshold{expelled(1, 1), expelled(2, 1), expelled(3, 1)})
	if len(nw.Revoked()) != 2 {
		t.Errorf("%d of 2 restored", len(nw.Revoked()))
	}
}

// TestExpelledGetNothing: who was expelled gets no frames, copies or multicast
// either; it is asked for a new certificate once a second, and gets all again with
// the first frame after it has shown one.
func TestExpelledGetNothing(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	controller := v.signer(t)
	peer := f.known[v.PeerB]
	issue := func(at clock.Wall) credential.Bundle {
		com := credential.NewMembership(nw.id, peer, at, 1800000)
		com.Sign(controller)
		return credential.Bundle{Memberships: []credential.Membership{com}}
	}
	bring(f, s, start, v.PeerB, 1, issue(start.Wall))
	s.learnLike(start, groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}, v.PeerB, true)
	now := start.Add(10 * clock.Second)
	send := func() (frames, asked, shown int) {
		f.take()
		s.SendFrame(now, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
		s.SendFrame(now, nw, nw.mac, 0x01005e0000fb, 0x0800, []byte("x"))
		for _, p := range f.take() {
			switch {
			case p.To != v.PeerB:
			case p.Verb == wire.VerbFrame || p.Verb == wire.VerbMulticastFrame || p.Verb == wire.VerbExtFrame:
				frames++
			case p.Verb == wire.VerbError:
				asked++
				if want := "06" + "0000000000000000" + "06" + "b10ca2393e1a2b3c"; p.Payload != want {
					t.Errorf("asked by %s, want %s", p.Payload, want)
				}
			case p.Verb == wire.VerbNetworkCredentials:
				shown++
			}
		}
		return frames, asked, shown
	}
	if frames, asked, _ := send(); frames != 2 || asked != 0 {
		t.Fatalf("%d frames, asked %d times", frames, asked)
	}
	gone := credential.Revocation{Network: nw.id, Type: credential.TypeMembership, Threshold: start.Wall + 5, Target: v.PeerB}
	gone.Sign(controller)
	bring(f, s, now, v.PeerC, 2, credential.Bundle{Revocations: []credential.Revocation{gone}})
	nw.members.get(v.PeerB).pushed = clock.Never
	for i, want := range [][3]int{{0, 1, 1}, {0, 0, 0}, {0, 1, 0}} {
		frames, asked, shown := send()
		if got := [3]int{frames, asked, shown}; got != want {
			t.Errorf("try %d: %v frames, questions and certificates, want %v", i, got, want)
		}
		now = now.Add(600 * clock.Millisecond)
	}
	if n := nw.Drops(DropExpelled); n != 6 {
		t.Errorf("%d counted", n)
	}
	bring(f, s, now, v.PeerB, 3, issue(start.Wall)) // what it had before
	if frames, _, _ := send(); frames != 0 {
		t.Error("gets frames again with its old certificate")
	}
	bring(f, s, now, v.PeerB, 4, issue(start.Wall+60000))
	if frames, asked, _ := send(); frames != 2 || asked != 0 {
		t.Errorf("with a new certificate %d frames, asked %d times", frames, asked)
	}

	// A public network knows no certificates.
	c := *nw.config
	c.Public = true
	s.setConfig(nw, &c)
	gone.Threshold = start.Wall + 120000
	gone.Sign(controller)
	now = now.Add(5 * clock.Second)
	bring(f, s, now, v.PeerC, 5, credential.Bundle{Revocations: []credential.Revocation{gone}})
	if frames, _, _ := send(); frames != 2 {
		t.Errorf("%d frames on a public network", frames)
	}
}

// TestMembersMayAsk: a member that has shown its certificate gets ours when it asks,
// though we had nothing to say to it; a stranger does not.
func TestMembersMayAsk(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	com := credential.NewMembership(nw.id, f.known[v.PeerB], start.Wall, 1800000)
	com.Sign(v.signer(t))
	bring(f, s, start, v.PeerB, 1, credential.Bundle{Memberships: []credential.Membership{com}})
	nw.members.open(start.Mono, v.PeerC)
	for from, answers := range map[identity.Address]int{v.PeerB: 1, v.PeerC: 0} {
		f.take()
		in := vl1.Inbound{From: f.known[from], Payload: nw.id.Append(nil)}
		s.HandleError(after(5000), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
		if out := f.take(); to(out, from) != answers {
			t.Errorf("%s asks: sent %v", from, out)
		}
	}
}
