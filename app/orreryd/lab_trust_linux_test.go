package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

// invite is an invite to a network of the scene's controller: its own if it can
// make one, else one that its owner writes by hand.
func (s *scene) invite(nwid string) string {
	s.t.Helper()
	if s.controller.kind != referenceKind {
		i, err := s.controller.client.Invite(ctx(s.t), nwid, "")
		if err != nil || !i.Own {
			s.t.Fatalf("%+v, %v", i, err)
		}
		return i.Link
	}
	return s.written(nwid)
}

// written is the same without asking the controller.
func (s *scene) written(nwid string) string {
	s.t.Helper()
	n, err := identity.ParseNetworkID(nwid)
	if err != nil {
		s.t.Fatal(err)
	}
	return invite.Invite{Network: n, Controller: s.controller.secret.Identity, Name: "scene"}.String()
}

// asked counts the pings, of either family and by broadcast too, that came to a
// computer.
func (b *box) asked() (n int) {
	t := b.lab.t
	t.Helper()
	text, err := b.run("cat", "/proc/net/snmp", "/proc/net/snmp6")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case f[0] == "IcmpMsg:" && names == nil:
			names = f
		case f[0] == "IcmpMsg:":
			for i, name := range names {
				if name == "InType8" {
					n += number(t, f[i])
				}
			}
		case f[0] == "Icmp6InEchos":
			n += number(t, f[1])
		}
	}
	return n
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// trusts changes what a's user thinks of a computer.
func (b *box) trusts(other *box, state ipc.TrustState) {
	t := b.lab.t
	t.Helper()
	u := ipc.TrustUpdate{Identity: other.secret.Identity.String(), State: state, How: "safety number"}
	if _, err := b.client.UpdateTrust(ctx(t), other.secret.Address.String(), u); err != nil {
		t.Fatal(err)
	}
}

// mute checks, at once for all, that pings of computers to addresses get no
// answer.
func mute(t *testing.T, pings map[string]*box) {
	t.Helper()
	var wg sync.WaitGroup
	for to, from := range pings {
		wg.Go(func() {
			if _, err := from.run("ping", "-n", "-b", "-c2", "-i0.3", "-W1", to); err == nil {
				t.Errorf("%s has answered %s", to, from.name)
			}
		})
	}
	wg.Wait()
}

// onlyOurs skips a test of what the reference cannot do.
func (s *scene) onlyOurs(b *box) {
	if b.kind == referenceKind {
		s.t.Skipf("%s runs the reference, which knows nothing of this", b.name)
	}
}

// TestLabVerifiedOnly has a network for verified peers on a, who joined by an
// invite, with b, who is verified, and c, who is not. Those two know nothing of it.
func TestLabVerifiedOnly(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	c := s.box("c")
	s.onlyOurs(s.a)
	s.begin()
	nwid := s.found(0x40, `{"name":"trusted","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true,"6plane":true},
		"routes":[{"target":"10.149.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.149.0.1","ipRangeEnd":"10.149.0.254"}]}`)
	for _, x := range []*box{s.a, s.b, c} {
		s.admit(nwid, x, `{"authorized":true}`)
	}
	on := true
	if _, err := s.a.client.JoinInvite(ctx(t), nwid, ipc.Join{Invite: s.invite(nwid), NetworkSettings: ipc.NetworkSettings{VerifiedOnly: &on}}); err != nil {
		t.Fatal(err)
	}
	r, err := s.a.client.TrustRecord(ctx(t), s.controller.secret.Address.String())
	if err != nil || r.State != ipc.Verified || r.How != "invite" || r.Identity != s.controller.secret.Identity.String() {
		t.Fatalf("%+v, %v", r, err)
	}
	c.enter(nwid, "{}")
	for _, x := range []*box{s.a, c} {
		x.member(nwid, "OK")
	}

	// Nothing of what a's host says comes to c: not by ARP, not by an address that
	// tells its MAC, not by broadcast.
	mute(t, map[string]*box{c.ip4(nwid): s.a, c.rfc4193(nwid): s.a, c.sixPlane(nwid): s.a, "10.149.0.255": s.a})
	if n := c.asked(); n != 0 {
		t.Errorf("c got %d pings", n)
	}
	mute(t, map[string]*box{s.a.ip4(nwid): c, s.a.rfc4193(nwid): c, s.a.sixPlane(nwid): c})
	until(t, 5*time.Second, "c among those turned away", func() error {
		n, err := s.a.client.Network(ctx(t), nwid)
		if err != nil || !n.VerifiedOnly || n.DroppedUnverified == 0 || len(n.Unverified) != 1 || n.Unverified[0].Address != c.secret.Address.String() || n.Unverified[0].From == 0 || n.Unverified[0].To == 0 {
			return fmt.Errorf("%+v, %w", n, err)
		}
		return nil
	})

	s.a.trusts(s.b, ipc.Verified)
	s.b.enter(nwid, "{}")
	s.b.member(nwid, "OK")
	t.Logf("b after %v", s.a.pings(20*time.Second, s.b.ip4(nwid)))
	s.b.pings(5*time.Second, s.a.rfc4193(nwid))
	t.Logf("b and c after %v", s.b.pings(20*time.Second, c.ip4(nwid)))
	if c.asked() == 0 {
		t.Error("the test does not see pings")
	}

	// A change of mind holds at once.
	for _, state := range []ipc.TrustState{ipc.Seen, ipc.Blocked} {
		s.a.trusts(s.b, state)
		mute(t, map[string]*box{s.b.ip4(nwid): s.a, s.a.ip4(nwid): s.b, c.ip4(nwid): s.a})
		s.a.trusts(s.b, ipc.Verified)
		t.Logf("%s, verified again: b after %v", state, s.a.pings(20*time.Second, s.b.ip4(nwid)))
	}
	s.a.trusts(c, ipc.Verified)
	t.Logf("c, now verified, after %v", s.a.pings(10*time.Second, c.ip4(nwid)))
	until(t, 5*time.Second, "nobody turned away", func() error {
		if n, err := s.a.client.Network(ctx(t), nwid); err != nil || len(n.Unverified) != 0 {
			return fmt.Errorf("%+v, %w", n, err)
		}
		return nil
	})
	// It survives a restart.
	s.a.trusts(c, ipc.Seen)
	s.a.kill()
	s.begin(s.a)
	t.Logf("b after a restart: %v", s.a.pings(30*time.Second, s.b.ip4(nwid)))
	mute(t, map[string]*box{s.a.ip4(nwid): c})
}

// TestLabInvite joins by an invite: the controller's key is on record before the
// controller is met; an invite with another key than the recorded one is refused,
// and so is a controller that has another key than the invite.
func TestLabInvite(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.onlyOurs(s.a)
	s.begin(s.root, s.a, s.b)
	nwid := s.controller.secret.Address.String() + "000041"
	join := func(link string) error {
		_, err := s.a.client.JoinInvite(ctx(t), nwid, ipc.Join{Invite: link})
		return err
	}
	address := s.controller.secret.Address.String()
	link := s.written(nwid)

	// Another key is on record: of nobody, under the controller's address.
	s.a.stop()
	record := map[string]any{
		"identity": strings.Replace(s.root.secret.Identity.String(), s.root.secret.Address.String(), address, 1),
		"state":    "seen", "firstSeen": 1, "changed": 1, "how": "pinned by the test",
	}
	text, err := json.Marshal(map[string]any{"version": 1, "records": []any{record}})
	if err != nil {
		t.Fatal(err)
	}
	s.a.write("trust.json", text)
	s.begin(s.a)
	var refused *ipc.Error
	if err := join(link); !errors.As(err, &refused) || refused.Code != ipc.CodeConflict || !strings.Contains(refused.Message, address) {
		t.Fatalf("%v", err)
	}
	if all, err := s.a.client.Networks(ctx(t)); err != nil || len(all) != 0 {
		t.Errorf("joined all the same: %+v, %v", all, err)
	}
	// Joined by ID, the controller with its true key is refused: the record counts.
	s.begin(s.controller)
	if got := s.found(0x41, `{"name":"scene","private":false,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.150.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.150.0.1","ipRangeEnd":"10.150.0.254"}]}`); got != nwid {
		t.Fatal(got)
	}
	s.a.enter(nwid, "{}")
	s.a.alert("trust.conflict." + address)
	s.a.member(nwid, "REQUESTING_CONFIGURATION")
	if err := s.a.client.Leave(ctx(t), nwid); err != nil {
		t.Fatal(err)
	}

	// Settled. The controller is off, and its key on record all the same.
	s.controller.kill()
	if err := s.a.client.ForgetTrust(ctx(t), address); err != nil {
		t.Fatal(err)
	}
	if err := join(link); err != nil {
		t.Fatal(err)
	}
	if r, err := s.a.client.TrustRecord(ctx(t), address); err != nil || r.State != ipc.Verified || r.Identity != s.controller.secret.Identity.String() {
		t.Fatalf("%+v, %v", r, err)
	}
	s.a.member(nwid, "REQUESTING_CONFIGURATION")
	s.begin(s.controller)
	s.a.member(nwid, "OK")
	s.b.enter(nwid, "{}")
	s.b.member(nwid, "OK")
	t.Logf("traffic after %v", s.a.pings(20*time.Second, s.b.ip(nwid, netip.Addr.Is4)))
	// Who joined by it passes the invite on, as one verifies a key.
	again, err := s.a.client.Invite(ctx(t), nwid, "")
	if err != nil || again.Own || again.How != "invite" || again.Link != link {
		t.Errorf("%+v, %v", again, err)
	}
}
