package vl2

import (
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// expelled is the threshold of a member's memberships.
func expelled(a identity.Address, until clock.Wall) credential.Threshold {
	return credential.Threshold{Member: a, Until: until, Type: credential.TypeMembership}
}

// TestRevokedCredentialsAfterRestart: a tag, a capability and addresses that were
// taken from a member do not come back with a restart, whose certificates are
// valid by their date; newer ones count.
func TestRevokedCredentialsAfterRestart(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	private := vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true}
	controller := v.signer(t)
	all := func(nw *Network, at clock.Wall) credential.Bundle {
		tag := credential.Tag{Network: nw.id, Timestamp: at, ID: 7, Value: 1, IssuedTo: v.PeerB}
		tag.Sign(controller)
		capability := credential.Capability{Network: nw.id, Timestamp: at, ID: 8, Rules: []rule.Rule{{Type: rule.ActionAccept}}}
		capability.Sign(controller, v.PeerB)
		own := credential.Ownership{Network: nw.id, Timestamp: at, ID: 9, IssuedTo: v.PeerB, Things: []credential.Thing{{Type: credential.ThingIPv4, Value: [16]byte{10, 1, 2, 3}}}}
		own.Sign(controller)
		return credential.Bundle{Tags: []credential.Tag{tag}, Capabilities: []credential.Capability{capability}, Ownerships: []credential.Ownership{own}}
	}
	usable := func(nw *Network) int {
		m := nw.members.get(v.PeerB)
		if m == nil {
			return 0
		}
		view := m.proof.View(nw.window)
		return len(view.Side.Tags) + len(view.Capabilities) + len(view.Side.IPs)
	}

	f, s, nw := v.node(t, Limits{}, private)
	bring(f, s, start, v.PeerB, 1, all(nw, start.Wall))
	if n := usable(nw); n != 3 {
		t.Fatalf("%d usable to begin with", n)
	}
	var taken credential.Bundle
	for id, kind := range map[uint32]credential.Type{7: credential.TypeTag, 8: credential.TypeCapability, 9: credential.TypeOwnership} {
		r := credential.Revocation{Network: nw.id, Type: kind, CredentialID: id, Threshold: start.Wall + 5, Target: v.PeerB}
		r.Sign(controller)
		taken.Revocations = append(taken.Revocations, r)
	}
	bring(f, s, after(1000), v.PeerC, 2, taken)
	if n := usable(nw); n != 0 || f.revoked != 3 {
		t.Errorf("%d usable after the revocation; to be stored %d times", n, f.revoked)
	}
	kept := nw.Revoked()
	if len(kept) != 3 {
		t.Fatalf("kept %+v", kept)
	}

	f, s, nw = v.node(t, Limits{}, private)
	s.RestoreRevoked(start, nw, kept)
	bring(f, s, start, v.PeerB, 1, all(nw, start.Wall))
	if n := usable(nw); n != 0 || !slices.Equal(nw.Revoked(), kept) {
		t.Errorf("%d usable after a restart, keeps %+v", n, nw.Revoked())
	}
	bring(f, s, after(2000), v.PeerB, 2, all(nw, start.Wall+6))
	if n := usable(nw); n != 3 {
		t.Errorf("%d usable when renewed", n)
	}
}

// TestRevokedIsNotPushedOut: whoever had anything revoked is remembered longer than
// others, and as much as can be kept is.
func TestRevokedIsNotPushedOut(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	_, s, nw := v.node(t, Limits{Members: 8}, vectorConfig{Flags: "0"})
	s.RestoreRevoked(start, nw, []credential.Threshold{{Member: 0x11, Until: start.Wall, Type: credential.TypeTag, ID: 1}})
	for a := range identity.Address(50) {
		nw.members.open(after(1).Mono, 0x1000+a)
	}
	if len(nw.members.order) != 8 || len(nw.Revoked()) != 1 {
		t.Errorf("%d members, revoked %v", len(nw.members.order), nw.Revoked())
	}

	_, s, nw = v.node(t, Limits{}, vectorConfig{Flags: "0"})
	var list []credential.Threshold
	for a := range identity.Address(17) {
		for id := range uint32(1024) {
			list = append(list, credential.Threshold{Member: 0x1000 + a, Until: start.Wall + clock.Wall(id), Type: credential.TypeTag, ID: id})
		}
	}
	list = append(list, expelled(0x2000, 1))
	s.RestoreRevoked(start, nw, list)
	kept := nw.Revoked()
	if len(kept) != credential.MaxThresholds || kept[0] != list[len(list)-1] {
		t.Fatalf("%d kept, the first is %v", len(kept), kept[0])
	}
	if last := kept[len(kept)-1]; last.Until < start.Wall+60 {
		t.Errorf("kept %v rather than newer ones", last)
	}
}

// TestOwnTagRevoked: whose tag was revoked asks at once what is left to it.
func TestOwnTagRevoked(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: "0"})
	r := credential.Revocation{Network: nw.id, Type: credential.TypeTag, CredentialID: 1, Threshold: start.Wall, Target: f.self.Address}
	r.Sign(v.signer(t))
	f.take()
	bring(f, s, after(1000), v.PeerB, 1, credential.Bundle{Revocations: []credential.Revocation{r}})
	if !slices.ContainsFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbNetworkConfigRequest }) {
		t.Error("not asked")
	}
}
