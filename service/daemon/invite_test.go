package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

// inviteOf is an invite to a network of some controller.
func inviteOf(id identity.Identity, n uint32, name string) invite.Invite {
	return invite.Invite{Network: identity.NetworkID(uint64(id.Address)<<24 | uint64(n)), Controller: id, Name: name}
}

// record reads a trust record, nil if there is none.
func (r *running) record(a identity.Address) *ipc.TrustRecord {
	v, err := r.client.TrustRecord(r.t.Context(), a.String())
	if err != nil {
		return nil
	}
	return v
}

// TestJoinByInvite: the controller's key is on record as verified, on the disk
// too, before the network is there; what the user decided before stays, and an
// invite that contradicts it changes nothing.
func TestJoinByInvite(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	peer := secret(t, 1).Identity
	i := inviteOf(peer, 1, "garden")
	join := func(i invite.Invite) (*ipc.Network, error) {
		return r.client.JoinInvite(t.Context(), i.Network.String(), ipc.Join{Invite: i.String()})
	}
	n, err := join(i)
	if err != nil || n.Status != ipc.Requesting || n.ControllerTrust != ipc.Verified {
		t.Fatalf("%+v, %v", n, err)
	}
	if rec := r.record(peer.Address); rec == nil || rec.Identity != peer.String() || rec.State != ipc.Verified || rec.How != "invite" {
		t.Fatalf("%+v", rec)
	}
	name := "Kim"
	verified := ipc.TrustUpdate{State: ipc.Verified, Identity: peer.String(), How: "safety number", Name: &name}
	if _, err := r.client.UpdateTrust(t.Context(), peer.Address.String(), verified); err != nil {
		t.Fatal(err)
	}
	if _, err := join(inviteOf(peer, 2, "")); err != nil {
		t.Fatal(err)
	}
	if rec := r.record(peer.Address); rec.How != "safety number" || rec.Name != "Kim" {
		t.Errorf("an invite replaced what the user did: %+v", rec)
	}
	// Seen becomes verified; blocked stays.
	for state, refused := range map[ipc.TrustState]bool{ipc.Seen: false, ipc.Blocked: true} {
		if _, err := r.client.UpdateTrust(t.Context(), peer.Address.String(), ipc.TrustUpdate{State: state}); err != nil {
			t.Fatal(err)
		}
		_, err := join(inviteOf(peer, 3, ""))
		if refused {
			wantError(t, "an invite of a blocked controller", err, ipc.CodeConflict)
		}
		if rec := r.record(peer.Address); (err != nil) != refused || (rec.State == ipc.Verified) == refused {
			t.Errorf("%s: %v, %+v", state, err, rec)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = start(t, home, self)
	if rec := r.record(peer.Address); rec == nil || rec.Identity != peer.String() {
		t.Errorf("after a restart: %+v", rec)
	}
}

// TestInviteWithAnotherKey: another key on record for the controller's address
// stays, and the network is not joined.
func TestInviteWithAnotherKey(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	peer := secret(t, 1).Identity
	other := identity.Identity{Address: peer.Address, Public: secret(t, 2).Public}
	r.daemon.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if err := c.ChangeTrust(at, out, func(table *trust.Table) error { return table.Set(at.Wall, other, trust.Seen, "test") }); err != nil {
			t.Error(err)
		}
	})
	i := inviteOf(peer, 1, "garden")
	_, err := r.client.JoinInvite(t.Context(), i.Network.String(), ipc.Join{Invite: i.String()})
	wantError(t, "another key", err, ipc.CodeConflict)
	if s, err := r.client.Snapshot(t.Context()); err != nil || len(s.Networks) != 0 || len(s.Trust) != 1 || s.Trust[0].Identity != other.String() || s.Trust[0].State != ipc.Seen {
		t.Errorf("%+v, %v", s, err)
	}
	// A setting that is wrong records nothing either.
	if err := r.client.ForgetTrust(t.Context(), peer.Address.String()); err != nil {
		t.Fatal(err)
	}
	mtu := 7
	_, err = r.client.JoinInvite(t.Context(), i.Network.String(), ipc.Join{Invite: i.String(), NetworkSettings: ipc.NetworkSettings{MTU: &mtu}})
	wantError(t, "a bad setting", err, ipc.CodeBadRequest)
	if rec := r.record(peer.Address); rec != nil {
		t.Errorf("recorded all the same: %+v", rec)
	}
	// An invite that claims our own address for another key.
	own := inviteOf(identity.Identity{Address: self.Address, Public: peer.Public}, 1, "")
	if _, err = r.daemon.JoinInvite(t.Context(), own, ipc.NetworkSettings{}); err == nil {
		t.Error("an invite with our address and another key was taken")
	}
}

// TestInvitesAreMade: only a key that this node is sure of gets into an invite.
func TestInvitesAreMade(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	peer := secret(t, 1).Identity
	foreign := inviteOf(peer, 1, "").Network.String()
	_, err := r.client.Invite(t.Context(), foreign, "")
	wantError(t, "a network that is not joined", err, ipc.CodeNotFound)
	_, err = r.client.Invite(t.Context(), r.hosted(9), "")
	wantError(t, "a network that is not hosted", err, ipc.CodeNotFound)
	if _, err := r.client.Join(t.Context(), foreign, ipc.NetworkSettings{}); err != nil {
		t.Fatal(err)
	}
	for _, state := range []ipc.TrustState{"", ipc.Seen} {
		if state != "" {
			if _, err := r.client.UpdateTrust(t.Context(), peer.Address.String(), ipc.TrustUpdate{State: state, Identity: peer.String()}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = r.client.Invite(t.Context(), foreign, "")
		wantError(t, fmt.Sprintf("a controller that is %q", state), err, ipc.CodeConflict)
	}
	if _, err := r.client.UpdateTrust(t.Context(), peer.Address.String(), ipc.TrustUpdate{State: ipc.Verified, Identity: peer.String(), How: "safety number"}); err != nil {
		t.Fatal(err)
	}
	i, err := r.client.Invite(t.Context(), foreign, "Garden & co")
	if err != nil || i.Own || i.How != "safety number" || i.Since.IsZero() || i.Controller != peer.String() {
		t.Fatalf("%+v, %v", i, err)
	}
	if got, err := invite.Parse(i.Link); err != nil || got != inviteOf(peer, 1, "Garden & co") {
		t.Errorf("%+v, %v", got, err)
	}
	nwid := r.hosted(0x17)
	if status, answer, err := r.client.Reference(t.Context(), http.MethodPost, "/controller/network/"+nwid, []byte(`{"name":"mi\u202ene"}`)); err != nil || status != 200 {
		t.Fatalf("%d %s, %v", status, answer, err)
	}
	i, err = r.client.Invite(t.Context(), nwid, "")
	if err != nil || !i.Own || i.Controller != self.Identity.String() || i.Name != "mine" || !strings.HasSuffix(i.Link, "&n=mine") {
		t.Errorf("%+v, %v", i, err)
	}
	// One's own invite is no reason for a record of oneself.
	if _, err := r.client.JoinInvite(t.Context(), nwid, ipc.Join{Invite: i.Link}); err != nil {
		t.Fatal(err)
	}
	if rec := r.record(self.Address); rec != nil {
		t.Errorf("%+v", rec)
	}
}
