package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// accept accepts TCP connections on the computer until the test ends.
func (b *box) accept(address string) {
	t := b.lab.t
	t.Helper()
	var l net.Listener
	if err := b.inside(func() (err error) { l, err = net.Listen("tcp", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
}

// connects reports whether a TCP connection from the computer comes about.
func (b *box) connects(address string) error {
	c, err := b.dial(address)
	if err != nil {
		return err
	}
	return c.Close()
}

// TestLabAdHoc has two computers meet on networks that nobody controls: one open
// on a range of ports, and one open altogether. A range that ends before it
// begins is no network.
func TestLabAdHoc(t *testing.T) {
	t.Parallel()
	const ports, flat, bad = "ff270f2710000000", "ff0b000000000001", "ff00500016000000"
	s := newScene(t)
	s.begin(s.root, s.a, s.b)
	for _, x := range []*box{s.a, s.b} {
		for _, nwid := range []string{ports, flat, bad} {
			x.enter(nwid, "{}")
		}
	}
	for _, x := range []*box{s.a, s.b} {
		if m := x.member(ports, "OK"); m.MTU != 2800 || len(m.AssignedAddresses) != 1 || !strings.HasSuffix(m.AssignedAddresses[0], "/40") {
			t.Errorf("%s: %+v", x.name, m)
		}
		if m := x.member(flat, "OK"); len(m.AssignedAddresses) != 2 {
			t.Errorf("%s: %+v", x.name, m)
		}
		if m := x.member(bad, "NOT_FOUND"); len(m.AssignedAddresses) != 0 {
			t.Errorf("%s: %+v", x.name, m)
		}
	}
	to, back := s.b.sixPlane(ports), s.a.sixPlane(ports)
	if to != sixPlaneOf(t, ports, s.b) {
		t.Errorf("address %s", to)
	}
	t.Logf("ICMPv6 after %v, back after %v", s.a.pings(20*time.Second, to), s.b.pings(20*time.Second, back))
	for _, port := range []string{"9999", "10000", "9998", "10001"} {
		s.b.accept(net.JoinHostPort("::", port))
	}
	for _, port := range []string{"9999", "10000"} {
		until(t, 10*time.Second, "connection to port "+port, func() error { return s.a.connects(net.JoinHostPort(to, port)) })
	}
	for _, port := range []string{"9998", "10001"} {
		if s.a.connects(net.JoinHostPort(to, port)) == nil {
			t.Errorf("port %s is open", port)
		}
	}
	ip := s.b.ip4(flat)
	if a := s.b.secret.Address; netip.MustParseAddr(ip) != netip.AddrFrom4([4]byte{11, byte(a >> 16), byte(a >> 8), byte(a)}) {
		t.Errorf("address %s", ip)
	}
	t.Logf("IPv4 after %v, back after %v", s.a.pings(20*time.Second, ip), s.b.pings(20*time.Second, s.a.ip4(flat)))
	until(t, 10*time.Second, "connection on the open network", func() error { return s.a.connects(net.JoinHostPort(ip, "9998")) })
}

// sixPlaneOf is the 6PLANE address of a computer (spec 04 §1.3).
func sixPlaneOf(t *testing.T, nwid string, b *box) string {
	t.Helper()
	id, err := identity.ParseNetworkID(nwid)
	if err != nil {
		t.Fatal(err)
	}
	return identity.SixPlane(id, b.secret.Address).Addr().String()
}

// private makes a private network of the members a and b, whose traffic flows,
// and returns its ID and b's address.
func (s *scene) private(number int, subnet string) (nwid, to string) {
	s.t.Helper()
	nwid = s.found(number, `{"name":"private","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"`+subnet+`.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"`+subnet+`.1","ipRangeEnd":"`+subnet+`.254"}]}`)
	for _, x := range []*box{s.a, s.b} {
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b} {
		x.member(nwid, "ACCESS_DENIED")
		s.admit(nwid, x, `{"authorized":true}`)
	}
	for _, x := range []*box{s.a, s.b} {
		x.member(nwid, "OK")
	}
	to = s.b.ip4(nwid)
	s.t.Logf("traffic after %v", s.a.pings(30*time.Second, to))
	return nwid, to
}

// TestLabExpelled takes a member's authorisation away and gives it back.
func TestLabExpelled(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	nwid, to := s.private(0x50, "10.149.0")
	back := s.a.ip4(nwid)
	s.b.pings(20*time.Second, back)
	s.admit(nwid, s.b, `{"authorized":false}`)
	// Both directions end: the others refuse what the expelled sends, and send
	// it nothing.
	t.Logf("cut after %v", s.a.cut(5*time.Second, to))
	s.b.cut(5*time.Second, back)
	// Our controller tells the expelled; with the reference's, a member of ours asks
	// when it hears of its revocation, one of the reference's each minute.
	until(t, 90*time.Second, "denial", func() error {
		m, err := s.b.membership(nwid)
		if err == nil && m.Status != "ACCESS_DENIED" {
			err = fmt.Errorf("%+v", m)
		}
		return err
	})
	s.a.silent(to)
	s.admit(nwid, s.b, `{"authorized":true}`)
	s.b.member(nwid, "OK")
	t.Logf("traffic again after %v", s.a.pings(40*time.Second, to))
}

// TestLabControllerAway has a network live on while its controller is away, also
// for a member that restarts meanwhile.
func TestLabControllerAway(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	nwid, to := s.private(0x51, "10.151.0")
	s.controller.kill()
	s.a.kill()
	s.begin(s.a)
	t.Logf("without a controller and after a restart: traffic after %v", s.a.pings(30*time.Second, to))
	s.a.member(nwid, "OK")
	s.b.pings(5*time.Second, s.a.ip4(nwid))
	s.begin(s.controller)
	// The reference tells of an expulsion only members that have asked it for
	// something since its start, and only of a change: it is repeated.
	begun, next := time.Now(), time.Time{}
	until(t, 90*time.Second, "cut", func() error {
		if time.Now().After(next) {
			s.admit(nwid, s.b, `{"authorized":true}`)
			s.admit(nwid, s.b, `{"authorized":false}`)
			next = time.Now().Add(10 * time.Second)
		}
		if _, err := s.a.run("ping", "-n", "-c3", "-i0.2", "-W1", to); err == nil {
			return errors.New("it answers")
		}
		return nil
	})
	t.Logf("cut %v after the controller's return", time.Since(begun))
}

// TestLabToken admits a member by a join token, which the reference's members
// cannot give but its controllers take.
func TestLabToken(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if s.a.kind == referenceKind {
		t.Skip("members of the reference have no join tokens")
	}
	s.begin(s.root, s.controller, s.a)
	nwid := s.found(0x52, `{"name":"token","private":true,"authTokens":{"open sesame":0},"v4AssignMode":{"zt":true},"routes":[{"target":"10.152.0.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.152.0.1","ipRangeEnd":"10.152.0.254"}]}`)
	wrong, right := "open, please", "open sesame"
	s.a.join(nwid, ipc.NetworkSettings{Token: &wrong})
	s.a.member(nwid, "ACCESS_DENIED")
	if _, err := s.a.client.SetNetwork(ctx(t), nwid, ipc.NetworkSettings{Token: &right}); err != nil {
		t.Fatal(err)
	}
	s.a.member(nwid, "OK")
	t.Logf("admitted, with address %s", s.a.ip4(nwid))
}
