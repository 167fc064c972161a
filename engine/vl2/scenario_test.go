package vl2

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// arpRequest is an ARP request of a member for an IPv4 address.
func arpRequest(nw *Network, from, target string) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1}
	b = nw.mac.Append(b)
	b = append(b, netip.MustParseAddr(from).AsSlice()...)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, netip.MustParseAddr(target).AsSlice()...)
}

// pair is a private network with a controller, a root and members.
func pair(t testing.TB) (l *lab, k *issuer, a, b *station, na, nb *Network) {
	l = newLab(t)
	k = newIssuer(l)
	l.add("unknown_to_node", true, nil)
	a, b = l.add("self", false, nil), l.add("peerB", false, nil)
	na, nb = k.admit(a, "10.147.17.5/24"), k.admit(b, "10.147.17.9/24")
	return
}

func TestFirstContact(t *testing.T) {
	t.Parallel()
	l, _, a, b, na, nb := pair(t)
	l.run(20 * clock.Millisecond)
	if na.Status() != StatusOK || nb.Status() != StatusOK {
		t.Fatalf("status %v and %v 20 ms after joining", na.Status(), nb.Status())
	}
	request := arpRequest(na, "10.147.17.5", "10.147.17.9")
	a.sw.SendFrame(l.at, na, na.mac, identity.Broadcast, ether.TypeARP, request)
	l.run(30 * clock.Millisecond)
	want := frameOut{na.mac, identity.Broadcast, ether.TypeARP, hex.EncodeToString(request), false}
	if got := b.takeHost(); len(got) != 1 || got[0] != want {
		t.Fatalf("host of B got %v, want %v", got, want)
	}
	reply := append([]byte{0, 1, 8, 0, 6, 4, 0, 2}, request[8:]...)
	b.sw.SendFrame(l.at, nb, nb.mac, na.mac, ether.TypeARP, reply)
	l.run(10 * clock.Millisecond)
	if got := a.takeHost(); len(got) != 1 || got[0].src != nb.mac || got[0].dst != na.mac {
		t.Fatalf("host of A got %v", got)
	}
	a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
	l.run(10 * clock.Millisecond)
	if got := b.takeHost(); len(got) != 1 || got[0].payload != hex.EncodeToString([]byte("ping")) {
		t.Fatalf("host of B got %v", got)
	}
	// A minute of frames needs no more than one push of credentials each way.
	a.sentBy, b.sentBy = [wire.VerbCount]int{}, [wire.VerbCount]int{}
	for range 30 {
		a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
		b.sw.SendFrame(l.at, nb, nb.mac, na.mac, 0x0800, []byte("pong"))
		l.run(clock.Second)
	}
	if len(a.takeHost()) != 30 || len(b.takeHost()) != 30 {
		t.Error("frames were lost")
	}
	if n := a.sentBy[wire.VerbNetworkCredentials] + b.sentBy[wire.VerbNetworkCredentials]; n > 2 {
		t.Errorf("%d pushes of credentials in half a minute", n)
	}
}

// TestCredentialsLate loses the credentials before the first frame: the receiver
// asks for them, and the frame is delivered the moment they are there.
func TestCredentialsLate(t *testing.T) {
	t.Parallel()
	l, _, a, b, na, nb := pair(t)
	l.run(20 * clock.Millisecond)
	drop := 1
	l.lost = func(m *message) bool {
		if m.kind == 'p' && m.verb == wire.VerbNetworkCredentials && drop > 0 {
			drop--
			return true
		}
		return false
	}
	a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
	l.run(1100 * clock.Millisecond)
	// The push on request is due a second after the first push at the earliest,
	// and the frame is retried, and refused, until then.
	a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("second"))
	l.run(30 * clock.Millisecond)
	if got := b.takeHost(); len(got) != 2 {
		t.Fatalf("host of B got %v", got)
	}
	if b.errors < 1 || b.errors > 3 {
		t.Errorf("%d refusals, want at most one a second", b.errors)
	}
	if len(b.held) != 0 {
		t.Errorf("%d packets still held", len(b.held))
	}
}

func TestOutsidersAreKeptOut(t *testing.T) {
	t.Parallel()
	l, k, a, b, na, _ := pair(t)
	l.run(20 * clock.Millisecond)
	c := l.add("peerC_wrong_signer", false, nil)
	nc := c.sw.Join(l.at, k.id, nil)
	l.run(20 * clock.Millisecond)
	if nc.Status() != StatusAccessDenied {
		t.Fatalf("status of the outsider is %v", nc.Status())
	}
	// Give it a configuration of its own making: without certificate, with one
	// signed by itself, and with one that is too old.
	forged := k.config(l.at, c.secret.Identity, netip.MustParsePrefix("10.147.17.66/24"))
	none := *forged
	none.Membership = credential.Membership{}
	self := *forged
	self.Membership = credential.NewMembership(k.id, c.secret.Identity, l.at.Wall, none.MaxDelta)
	self.Membership.Sign(c.secret)
	old := *forged
	old.Membership = credential.NewMembership(k.id, c.secret.Identity, l.at.Wall-clock.Wall(none.MaxDelta)-1000, none.MaxDelta)
	old.Membership.Sign(k.st.secret)
	stolen := *forged
	stolen.Membership = na.config.Membership
	for _, conf := range []netconf.Config{none, self, old, stolen} {
		c.sw.setConfig(nc, &conf)
		nc.lastConfig = l.at.Mono
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, 0x0800, []byte("let me in"))
		l.run(6 * clock.Second)
	}
	if got := a.takeHost(); len(got) != 0 {
		t.Errorf("frames of an outsider were delivered: %v", got)
	}
	if n := na.Drops(DropNotMember); n == 0 {
		t.Error("nothing was counted")
	}
	if a.errors == 0 || a.errors > 26 {
		t.Errorf("%d refusals in 24 s", a.errors)
	}
	// One just inside the window is let in.
	inside := *forged
	inside.Membership = credential.NewMembership(k.id, c.secret.Identity, l.at.Wall-clock.Wall(none.MaxDelta)+60000, none.MaxDelta)
	inside.Membership.Sign(k.st.secret)
	c.sw.setConfig(nc, &inside)
	nc.lastConfig = l.at.Mono
	c.sw.SendFrame(l.at, nc, nc.mac, na.mac, 0x0800, []byte("member"))
	l.run(2 * clock.Second)
	if got := a.takeHost(); len(got) != 1 {
		t.Errorf("host of A got %v", got)
	}
	_ = b
}

func TestRevocationCutsTraffic(t *testing.T) {
	t.Parallel()
	l, k, a, b, na, nb := pair(t)
	c := l.add("peerC_wrong_signer", false, nil)
	nc := k.admit(c, "10.147.17.7/24")
	l.run(20 * clock.Millisecond)
	send := func(from *station, nf, to *Network) {
		from.sw.SendFrame(l.at, nf, nf.mac, to.mac, 0x0800, []byte("ping"))
		l.run(20 * clock.Millisecond)
	}
	send(a, na, nb)
	send(b, nb, na)
	send(c, nc, nb)
	send(b, nb, nc)
	send(a, na, nc)
	send(c, nc, na)
	if len(a.takeHost()) != 2 || len(b.takeHost()) != 2 || len(c.takeHost()) != 2 {
		t.Fatal("members do not reach each other")
	}
	delete(k.admitted, b.secret.Address)
	k.revoke(l.at, b.secret.Address, a)
	l.run(20 * clock.Millisecond)
	// C was not told by the controller, but by A.
	send(b, nb, na)
	send(b, nb, nc)
	l.run(6 * clock.Second)
	if got := append(a.takeHost(), c.takeHost()...); len(got) != 0 {
		t.Errorf("frames of a revoked member were delivered: %v", got)
	}
	send(a, na, nc)
	if len(c.takeHost()) != 1 {
		t.Error("the others were cut off too")
	}
	// B learns of it from the controller, and keeps what it has.
	l.run(90 * clock.Second)
	if nb.Status() != StatusAccessDenied || nb.Config() == nil {
		t.Errorf("status of B is %v", nb.Status())
	}
	// Cleaning must not let it back in with its old certificate.
	for range 5 {
		send(b, nb, na)
		l.run(31 * clock.Second)
	}
	if got := a.takeHost(); len(got) != 0 {
		t.Errorf("a revoked member came back: %v", got)
	}
	// Being admitted again is a newer certificate.
	k.admitted[b.secret.Address] = netip.MustParsePrefix("10.147.17.9/24")
	l.run(31 * clock.Second)
	send(b, nb, na)
	if nb.Status() != StatusOK || len(a.takeHost()) != 1 {
		t.Errorf("B was admitted again: status %v", nb.Status())
	}
}

func TestLargeConfig(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newIssuer(l)
	a := l.add("self", false, nil)
	k.shape = func(c *netconf.Config) {
		for i := range 1000 {
			c.Rules = append(c.Rules, rule.Rule{Type: rule.MatchIntegerRange, Start: uint64(i), End: uint64(i) + 1, Index: 4, Flags: 31})
		}
	}
	chunks, dropped := 0, false
	l.lost = func(m *message) bool {
		if m.kind != 'o' {
			return false
		}
		chunks++
		if chunks == 2 { // the middle one of the first answer
			dropped = true
			return true
		}
		return false
	}
	nw := k.admit(a, "10.147.17.5/24")
	l.run(clock.Second)
	if chunks < 3 || !dropped || nw.Config() != nil {
		t.Fatalf("%d chunks, configured: %v", chunks, nw.Config() != nil)
	}
	l.run(4 * clock.Second)
	if nw.Config() == nil || len(nw.Config().Rules) != 1001 {
		t.Fatalf("no configuration after asking again")
	}
	if !bytes.Equal(a.stored[k.id], nw.Config().Append(nil)) {
		t.Error("stored something else")
	}
}

func TestSilentController(t *testing.T) {
	t.Parallel()
	l, k, a, b, na, nb := pair(t)
	l.run(20 * clock.Millisecond)
	k.silent = true
	held := na.Config()
	for range 40 {
		a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
		l.run(30 * clock.Second)
	}
	if n := len(b.takeHost()); n != 40 {
		t.Errorf("%d of 40 frames arrived while the controller was silent", n)
	}
	if na.Config() != held || na.Status() != StatusOK {
		t.Errorf("status %v, same configuration: %v", na.Status(), na.Config() == held)
	}
	k.silent = false
	l.run(6 * clock.Second)
	if na.Config() == held {
		t.Error("no fresh configuration after the controller came back")
	}
}

func TestControllerIsMember(t *testing.T) {
	t.Parallel()
	l, k, a, _, na, _ := pair(t)
	k.st.sw.Join(l.at, k.id, nil)
	nk := k.st.sw.Network(k.id)
	if nk.Status() != StatusAccessDenied {
		t.Fatalf("status of the controller's own membership is %v", nk.Status())
	}
	nk = k.admit(k.st, "10.147.17.1/24")
	k.st.sw.RequestConfig(l.at, nk)
	l.run(20 * clock.Millisecond)
	if nk.Status() != StatusOK {
		t.Fatalf("status of the controller's own membership is %v", nk.Status())
	}
	k.st.sw.SendFrame(l.at, nk, nk.mac, na.mac, 0x0800, []byte("ping"))
	l.run(20 * clock.Millisecond)
	if len(a.takeHost()) != 1 {
		t.Error("the controller's frame did not arrive")
	}
}

// TestSignerUnknown: credentials whose signer is unknown are held, asked for and
// taken, without being charged twice.
func TestSignerUnknown(t *testing.T) {
	t.Parallel()
	l, k, a, b, na, nb := pair(t)
	l.run(20 * clock.Millisecond)
	// B forgets the controller after it has its configuration.
	delete(b.known, k.st.secret.Address)
	a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
	l.run(20 * clock.Millisecond)
	if len(b.takeHost()) != 1 {
		t.Error("the frame did not arrive")
	}
	p, left := b.sw.peers.byAddress[a.secret.Address], 0
	for p.credentials.Take(l.at.Mono, b.sw.limits.CredentialBurst, clock.Second) {
		left++
	}
	if left != 3 {
		t.Errorf("%d more packets would be taken, want 3", left)
	}
}

func TestRedirectAndTee(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newIssuer(l)
	l.add("unknown_to_node", true, nil)
	a, b, c := l.add("self", false, nil), l.add("peerB", false, nil), l.add("peerC_wrong_signer", false, nil)
	k.shape = func(conf *netconf.Config) {
		conf.Rules = []rule.Rule{
			{Type: rule.MatchEtherType, Value: 0x1111},
			{Type: rule.ActionTee, Address: c.secret.Address, Length: 2},
			{Type: rule.MatchEtherType, Value: 0x2222},
			{Type: rule.ActionRedirect, Address: c.secret.Address},
			{Type: rule.MatchEtherType, Value: 0x3333},
			{Type: rule.ActionDrop},
			{Type: rule.ActionAccept},
		}
	}
	na, nb := k.admit(a, "10.147.17.5/24"), k.admit(b, "10.147.17.9/24")
	k.admit(c, "10.147.17.7/24")
	l.run(20 * clock.Millisecond)
	for _, etherType := range []uint16{0x1111, 0x2222, 0x3333} {
		a.sw.SendFrame(l.at, na, na.mac, nb.mac, etherType, []byte("abcd"))
		// No credentials go before a copy, so that C has to ask for them.
		l.run(20 * clock.Millisecond)
	}
	gotB, gotC := b.takeHost(), c.takeHost()
	if len(gotB) != 1 || gotB[0].etherType != 0x1111 || gotB[0].super {
		t.Errorf("B got %v", gotB)
	}
	want := []frameOut{
		{na.mac, nb.mac, 0x1111, "6162", true}, // by A on sending
		{na.mac, nb.mac, 0x1111, "6162", true}, // by B on receiving
		{na.mac, nb.mac, 0x2222, "61626364", true},
	}
	if len(gotC) != 3 || gotC[0] != want[0] || gotC[1] != want[1] || gotC[2] != want[2] {
		t.Errorf("C got %v, want %v", gotC, want)
	}
	if na.Drops(DropFiltered) != 2 {
		t.Errorf("%d frames counted as filtered, want 2", na.Drops(DropFiltered))
	}
}

func TestRemoteBridge(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newIssuer(l)
	a, b := l.add("self", false, nil), l.add("peerB", false, nil)
	k.shape = func(c *netconf.Config) {
		c.Specialists = []netconf.Specialist{netconf.ActiveBridge | netconf.Specialist(b.secret.Address)}
	}
	na, nb := k.admit(a, "10.147.17.5/24"), k.admit(b, "10.147.17.9/24")
	l.run(20 * clock.Millisecond)
	const printer identity.MAC = 0x02000000aa01
	// A host behind B broadcasts, A answers to it, and A's broadcast reaches B
	// although B asked for nothing.
	b.sw.SendFrame(l.at, nb, printer, identity.Broadcast, 0x0800, []byte("anyone?"))
	l.run(20 * clock.Millisecond)
	if via, ok := na.BridgeRoute(printer); !ok || via != b.secret.Address {
		// B had no members of the group; A learns it from a unicast then.
		b.sw.SendFrame(l.at, nb, printer, na.mac, 0x0800, []byte("you?"))
		l.run(20 * clock.Millisecond)
	}
	if got := a.takeHost(); len(got) == 0 || got[0].src != printer {
		t.Fatalf("A got %v", got)
	}
	a.sw.SendFrame(l.at, na, na.mac, printer, 0x0800, []byte("me"))
	a.sw.SendFrame(l.at, na, na.mac, identity.Broadcast, 0x0800, []byte("all"))
	a.sw.SendFrame(l.at, na, na.mac, 0x01005e0000fb, 0x0800, []byte("mdns"))
	l.run(20 * clock.Millisecond)
	got := b.takeHost()
	if len(got) != 3 || got[0].dst != printer || got[1].dst != identity.Broadcast || got[2].dst != 0x01005e0000fb {
		t.Errorf("B got %v", got)
	}
	// We are no bridge, so nobody else's frames leave from here.
	a.sw.SendFrame(l.at, na, printer, nb.mac, 0x0800, []byte("spoof"))
	l.run(20 * clock.Millisecond)
	if got := b.takeHost(); len(got) != 0 || na.Drops(DropNotBridge) != 1 {
		t.Errorf("a foreign source was let out: %v", got)
	}
}

func TestVerifiedOnly(t *testing.T) {
	t.Parallel()
	l, _, a, b, na, nb := pair(t)
	l.run(20 * clock.Millisecond)
	verified := false
	b.sw.cfg.Verified = func(x identity.Address) bool { return verified && x == a.secret.Address }
	b.sw.SetVerifiedOnly(l.at, nb, true)
	for range 2 {
		a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, []byte("ping"))
		b.sw.SendFrame(l.at, nb, nb.mac, na.mac, 0x0800, []byte("pong"))
		l.run(20 * clock.Millisecond)
		got := len(a.takeHost()) + len(b.takeHost())
		if want := map[bool]int{false: 0, true: 2}[verified]; got != want {
			t.Errorf("verified %v: %d frames arrived, want %d", verified, got, want)
		}
		verified = true
	}
	if nb.Drops(DropNotVerified) != 2 {
		t.Errorf("%d drops counted, want 2", nb.Drops(DropNotVerified))
	}
}

// TestDeterminism: the same events give the same packets, bit for bit.
func TestDeterminism(t *testing.T) {
	t.Parallel()
	run := func() string {
		l, k, a, b, na, nb := pair(t)
		c := l.add("peerC_wrong_signer", false, nil)
		nc := k.admit(c, "10.147.17.7/24")
		l.run(clock.Second)
		for i := range 20 {
			a.sw.SendFrame(l.at, na, na.mac, identity.Broadcast, 0x0800, []byte{byte(i)})
			b.sw.SendFrame(l.at, nb, nb.mac, 0x01005e0000fb, 0x0800, []byte{byte(i)})
			c.sw.SendFrame(l.at, nc, nc.mac, na.mac, 0x0800, []byte{byte(i)})
			l.run(7 * clock.Second)
		}
		return hex.EncodeToString(l.transcript.Sum(nil))
	}
	if x, y := run(), run(); x != y {
		t.Error("two runs differ")
	}
}

// TestReplay: a captured frame may come again, but a captured push of an old
// configuration changes nothing.
func TestReplayedConfig(t *testing.T) {
	t.Parallel()
	l, k, a, _, na, _ := pair(t)
	l.run(20 * clock.Millisecond)
	old, err := netconf.Chunks(k.id, k.config(l.at, a.secret.Identity, netip.MustParsePrefix("10.9.9.9/24")).Append(nil), 99, netconf.MaxChunk, k.st.secret)
	if err != nil {
		t.Fatal(err)
	}
	l.run(150 * clock.Second)
	held := na.Config()
	in := vl1.Inbound{From: k.st.secret.Identity, ID: 1, Payload: old[0]}
	if d := a.sw.Handle(l.at, wire.VerbNetworkConfig, &in); d != vl1.Received || na.Config() != held {
		t.Errorf("disposition %v, replaced: %v", d, na.Config() != held)
	}
}

// TestClaims: an address with a certificate is its holder's, others are anyone's,
// and a revoked certificate counts no more.
func TestClaims(t *testing.T) {
	t.Parallel()
	l, k, a, b, na, _ := pair(t)
	l.run(20 * clock.Millisecond)
	ip, free := netip.MustParseAddr("10.147.17.9"), netip.MustParseAddr("10.147.17.200")
	holder, other := identity.MACOf(k.id, b.secret.Address), identity.MACOf(k.id, k.st.secret.Address)
	claims := func(want bool) {
		t.Helper()
		if !na.MayClaim(holder, ip) || na.MayClaim(other, ip) != want || !na.MayClaim(other, free) || na.MayClaim(0x020000000001, ip) != want {
			t.Errorf("others may claim it: %v, want %v", na.MayClaim(other, ip), want)
		}
	}
	claims(true)
	own := credential.Ownership{
		Network: k.id, Timestamp: l.at.Wall, ID: 1, IssuedTo: b.secret.Address, Things: []credential.Thing{credential.ThingOf(ip)},
	}
	own.Sign(k.st.secret)
	bundle := credential.Bundle{Ownerships: []credential.Ownership{own}}
	b.Send(l.at, a.secret.Address, wire.VerbNetworkCredentials, bundle.Append(nil), nil, false)
	l.run(20 * clock.Millisecond)
	claims(false)
	v := credential.Revocation{Network: k.id, CredentialID: 1, Threshold: l.at.Wall, Target: b.secret.Address, Type: credential.TypeOwnership}
	v.Sign(k.st.secret)
	bundle = credential.Bundle{Revocations: []credential.Revocation{v}}
	k.st.Send(l.at, a.secret.Address, wire.VerbNetworkCredentials, bundle.Append(nil), nil, false)
	l.run(20 * clock.Millisecond)
	claims(true)
}
