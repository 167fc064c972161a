package vl2

import (
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// estate is a private network on which every member has certificates for its
// addresses, one given and one that is computed. Extra shapes configurations
// further.
func estate(t *testing.T, extra func(c *netconf.Config)) (l *lab, k *issuer, a, b, c *station, na, nb, nc *Network) {
	t.Helper()
	l = newLab(t)
	k = newIssuer(l)
	k.shape = func(conf *netconf.Config) {
		conf.Flags |= netconf.FlagNDPEmulation
		conf.Addresses = append(conf.Addresses, identity.SixPlane(k.id, conf.IssuedTo))
		if extra != nil {
			extra(conf)
		}
		own := credential.Ownership{Network: k.id, Timestamp: conf.Timestamp, ID: 1, IssuedTo: conf.IssuedTo}
		for _, p := range conf.Addresses {
			own.Things = append(own.Things, credential.ThingOf(p.Addr()))
		}
		own.Sign(k.st.secret)
		conf.Ownerships = []credential.Ownership{own}
	}
	a, b, c = l.add("self", false, nil), l.add("peerB", false, nil), l.add("unknown_to_node", false, nil)
	na, nb, nc = k.admit(a, "10.147.17.5/24"), k.admit(b, "10.147.17.9/24"), k.admit(c, "10.147.17.7/24")
	l.run(20 * clock.Millisecond)
	for _, x := range []struct {
		st  *station
		nw  *Network
		src string
	}{{b, nb, "10.147.17.9"}, {c, nc, "10.147.17.7"}} {
		// It gets our certificates, so that it takes our list of groups later.
		a.sw.SendFrame(l.at, na, na.mac, x.nw.mac, ether.TypeIPv4, packetFrom("10.147.17.5"))
		l.run(20 * clock.Millisecond)
		x.st.takeHost()
		x.st.sw.SendFrame(l.at, x.nw, x.nw.mac, na.mac, ether.TypeIPv4, packetFrom(x.src))
	}
	l.run(20 * clock.Millisecond)
	if got := a.takeHost(); len(got) != 2 {
		t.Fatalf("%d first frames", len(got))
	}
	return
}

// packetFrom is the head of an IP packet.
func packetFrom(src string) []byte {
	ip := netip.MustParseAddr(src)
	if ip.Is4() {
		p := make([]byte, 40)
		p[0], p[9] = 0x45, 17
		copy(p[12:], ip.AsSlice())
		return p
	}
	p := make([]byte, 80)
	p[0], p[6] = 0x60, 17
	copy(p[8:], ip.AsSlice())
	return p
}

func arpFrom(op uint16, mac identity.MAC, ip string) []byte {
	return ether.ARP{Op: op, SenderMAC: mac, SenderIP: netip.MustParseAddr(ip), TargetIP: netip.MustParseAddr("10.147.17.5")}.Append(nil)
}

// What a member says that it is from another member's address does not reach the
// host; what may be its own does.
func TestSpoofedSources(t *testing.T) {
	t.Parallel()
	l, k, a, b, c, na, nb, nc := estate(t, nil)
	six := func(st *station, last byte) string {
		p := identity.SixPlane(k.id, st.secret.Address).Addr().As16()
		p[15] = last
		return netip.AddrFrom16(p).String()
	}
	ll := func(nw *Network) string { return identity.LinkLocal(nw.mac).String() }
	advertise := func(target string) []byte {
		ip := netip.MustParseAddr(target)
		return ether.AppendAdvertisement(nil, netip.MustParseAddr(ll(nc)), netip.MustParseAddr(ll(na)), ip, nc.mac, ether.NeighborOverride)
	}
	all := identity.Broadcast
	for _, x := range []struct {
		name      string
		etherType uint16
		payload   []byte
		dst       identity.MAC
		pass      bool
	}{
		{"own address", ether.TypeIPv4, packetFrom("10.147.17.7"), na.mac, true},
		{"another member's", ether.TypeIPv4, packetFrom("10.147.17.9"), na.mac, false},
		{"again", ether.TypeIPv4, packetFrom("10.147.17.9"), na.mac, false},
		{"another member's as IPv6", ether.TypeIPv6, packetFrom("::ffff:10.147.17.9"), na.mac, false},
		{"own address as IPv6", ether.TypeIPv6, packetFrom("::ffff:10.147.17.7"), na.mac, true},
		{"nobody's", ether.TypeIPv4, packetFrom("10.147.17.200"), na.mac, true},
		{"from behind a router", ether.TypeIPv4, packetFrom("192.168.1.1"), na.mac, true},
		{"unspecified", ether.TypeIPv4, packetFrom("0.0.0.0"), na.mac, true},
		{"own address once more", ether.TypeIPv4, packetFrom("10.147.17.7"), na.mac, true},
		{"own ARP", ether.TypeARP, arpFrom(ether.ARPReply, nc.mac, "10.147.17.7"), na.mac, true},
		{"another's ARP", ether.TypeARP, arpFrom(ether.ARPReply, nc.mac, "10.147.17.9"), na.mac, false},
		{"another's ARP request", ether.TypeARP, arpFrom(ether.ARPRequest, nc.mac, "10.147.17.9"), na.mac, false},
		{"another's broadcast ARP", ether.TypeARP, arpFrom(ether.ARPRequest, nc.mac, "10.147.17.9"), all, false},
		{"ARP probe", ether.TypeARP, arpFrom(ether.ARPRequest, nc.mac, "0.0.0.0"), all, true},
		{"another's broadcast", ether.TypeIPv4, packetFrom("10.147.17.9"), all, false},
		{"own 6PLANE", ether.TypeIPv6, packetFrom(six(c, 1)), na.mac, true},
		{"own 6PLANE prefix", ether.TypeIPv6, packetFrom(six(c, 77)), na.mac, true},
		{"another's 6PLANE", ether.TypeIPv6, packetFrom(six(b, 1)), na.mac, false},
		{"another's 6PLANE prefix", ether.TypeIPv6, packetFrom(six(b, 77)), na.mac, false},
		{"ours", ether.TypeIPv6, packetFrom(six(a, 77)), na.mac, false},
		{"some other IPv6", ether.TypeIPv6, packetFrom("fd00::1"), na.mac, true},
		{"own link-local", ether.TypeIPv6, packetFrom(ll(nc)), na.mac, true},
		{"another's link-local", ether.TypeIPv6, packetFrom(ll(nb)), na.mac, false},
		{"private link-local", ether.TypeIPv6, packetFrom("fe80::1234:5678"), na.mac, true},
		{"own advertisement", ether.TypeIPv6, advertise(six(c, 1)), na.mac, true},
		{"another's advertised", ether.TypeIPv6, advertise(six(b, 1)), na.mac, false},
		{"too short", ether.TypeIPv4, packetFrom("10.147.17.9")[:19], na.mac, true},
		{"another ethertype", 0x88b5, packetFrom("10.147.17.9"), na.mac, true},
	} {
		l.run(6 * clock.Second) // a group's frames wait so long for members
		a.takeHost()
		before := na.Drops(DropSpoofed)
		c.sw.SendFrame(l.at, nc, nc.mac, x.dst, x.etherType, x.payload)
		l.run(20 * clock.Millisecond)
		passed, counted := len(a.takeHost()), na.Drops(DropSpoofed)-before
		if want := uint64(1); x.pass && (passed != 1 || counted != 0) || !x.pass && (passed != 0 || counted != want) {
			t.Errorf("%s: %d frames passed, %d were refused", x.name, passed, counted)
		}
	}
	// The real holder is not disturbed.
	b.sw.SendFrame(l.at, nb, nb.mac, na.mac, ether.TypeIPv4, packetFrom("10.147.17.9"))
	l.run(20 * clock.Millisecond)
	if len(a.takeHost()) != 1 {
		t.Error("the holder's frame did not pass")
	}
	if na.MayClaim(nc.mac, netip.MustParseAddr(six(b, 5))) || !na.MayClaim(nb.mac, netip.MustParseAddr(six(b, 5))) || na.MayClaim(0x00163eaabbcc, netip.MustParseAddr("10.147.17.9")) {
		t.Error("claims of derived or certified addresses")
	}
}

// Who forwards others' packets by the controller's will may go on: the gateway of
// a route, a bridge, and a node to which rules redirect. The same without that
// role may not.
func TestForwardersAreNoSpoofers(t *testing.T) {
	t.Parallel()
	roles := map[string]func(c *netconf.Config, who identity.Address){
		"nobody": func(*netconf.Config, identity.Address) {},
		"gateway": func(c *netconf.Config, _ identity.Address) {
			c.Routes = append(c.Routes, netconf.Route{Target: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("10.147.17.7")})
		},
		"gateway over 6PLANE": func(c *netconf.Config, who identity.Address) {
			c.Routes = append(c.Routes, netconf.Route{Target: netip.MustParsePrefix("2001:db8::/32"), Via: identity.SixPlane(c.Network, who).Addr()})
		},
		"bridge": func(c *netconf.Config, who identity.Address) {
			c.Specialists = append(c.Specialists, netconf.Specialist(uint64(who)|uint64(netconf.ActiveBridge)))
		},
		"inspector": func(c *netconf.Config, who identity.Address) {
			c.Rules = []rule.Rule{{Type: rule.MatchEtherType, Value: 0x0001}, {Type: rule.ActionRedirect, Address: who}, {Type: rule.ActionAccept}}
		},
		"watcher": func(c *netconf.Config, who identity.Address) {
			c.Rules = []rule.Rule{{Type: rule.MatchEtherType, Value: 0x0001}, {Type: rule.ActionWatch, Address: who}, {Type: rule.ActionAccept}}
		},
		"another's gateway": func(c *netconf.Config, _ identity.Address) {
			c.Routes = append(c.Routes, netconf.Route{Target: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("10.147.17.9")})
		},
	}
	v := loadMulticast(t)
	var who identity.Address
	for _, p := range v.Identities {
		if p.Role == "unknown_to_node" {
			who = p.Address
		}
	}
	for name, role := range roles {
		l, _, a, _, c, na, _, nc := estate(t, func(conf *netconf.Config) { role(conf, who) })
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, ether.TypeIPv4, packetFrom("10.147.17.9"))
		l.run(20 * clock.Millisecond)
		want := 1
		if name == "nobody" || name == "watcher" || name == "another's gateway" {
			want = 0
		}
		if got := len(a.takeHost()); got != want || na.Drops(DropSpoofed) != uint64(1-want) {
			t.Errorf("%s: %d frames passed, want %d; %d refused", name, got, want, na.Drops(DropSpoofed))
		}
		// A gateway forwards packets. That an address is its own is another matter.
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, ether.TypeARP, arpFrom(ether.ARPReply, nc.mac, "10.147.17.9"))
		l.run(20 * clock.Millisecond)
		may := name == "bridge" || name == "inspector"
		if got := len(a.takeHost()) == 1; got != may || na.MayClaim(nc.mac, netip.MustParseAddr("10.147.17.9")) != may {
			t.Errorf("%s: it claimed the address: %v, want %v", name, got, may)
		}
	}
}

// An address moves from one member to another, and the packet that would have
// told us got lost: the new holder is asked, answers with its certificates, and
// is let in. Asking is limited to once a second.
func TestMovedAddressIsLearnt(t *testing.T) {
	t.Parallel()
	l, k, a, _, c, na, _, nc := estate(t, nil)
	k.admitted[c.secret.Address] = netip.MustParsePrefix("10.147.17.9/24")
	l.lost = func(m *message) bool {
		return m.from == c.secret.Address && m.to == a.secret.Address && m.verb == wire.VerbNetworkCredentials
	}
	l.run(70 * clock.Second) // it has its new configuration
	asked := a.errors
	for range 20 {
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, ether.TypeIPv4, packetFrom("10.147.17.9"))
		l.run(50 * clock.Millisecond)
	}
	if n := a.errors - asked; len(a.takeHost()) != 0 || na.Drops(DropSpoofed) != 20 || n < 1 || n > 2 {
		t.Errorf("%d refused, asked %d times", na.Drops(DropSpoofed), n)
	}
	l.lost = nil
	l.run(2 * clock.Second)
	for range 3 {
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, ether.TypeIPv4, packetFrom("10.147.17.9"))
		l.run(20 * clock.Millisecond)
	}
	if got := len(a.takeHost()); got < 2 {
		t.Errorf("%d of 3 frames passed once the certificate had come", got)
	}
}

// The table of holders follows certificates: it is bounded by what members hold,
// and forgets those that ran out or were evicted.
func TestHoldersAreForgotten(t *testing.T) {
	t.Parallel()
	l, _, _, b, _, na, nb, _ := estate(t, nil)
	ip := netip.MustParseAddr("10.147.17.9")
	if na.certifiedTo(ip) != b.secret.Address || len(na.origins.holders) != 4 {
		t.Fatalf("%v", na.origins.holders)
	}
	i, _ := na.members.position(b.secret.Address)
	na.members.removeAt(i)
	na.cleanOrigins()
	if na.certifiedTo(ip) != 0 || len(na.origins.holders) != 2 {
		t.Errorf("%v after its member was forgotten", na.origins.holders)
	}
	// A certificate that ran out binds nobody, though its holder is still known.
	nb.sw(t, l, b, na)
	if na.certifiedTo(ip) == 0 {
		t.Fatal("not learnt again")
	}
	na.window.Center += clock.Wall(na.window.MaxDelta) * 2
	if na.certifiedTo(ip) != 0 {
		t.Error("a certificate that ran out counts")
	}
}

// sw has a member send its certificates and a frame.
func (nw *Network) sw(t *testing.T, l *lab, st *station, to *Network) {
	t.Helper()
	st.Send(l.at, to.mac.Address(to.id), wire.VerbNetworkCredentials, nw.pushes[0], nil, false)
	l.run(20 * clock.Millisecond)
}

// A frame from a source that was seen before costs no allocation, one that is
// refused none either.
func TestOriginsDoNotAllocate(t *testing.T) {
	l, _, a, _, c, na, _, nc := estate(t, nil)
	h := &sinkhole{fake: newFake(a.secret.Identity)}
	a.sw.link, a.sw.sink = h, h
	m := na.members.get(c.secret.Address)
	for _, src := range []string{"10.147.17.7", "10.147.17.9", "10.147.17.200", identity.LinkLocal(nc.mac).String()} {
		typ := ether.TypeIPv4
		if netip.MustParseAddr(src).Is6() {
			typ = ether.TypeIPv6
		}
		f := frame{nc.mac, na.mac, typ, packetFrom(src)}
		a.sw.refused.allow(l.at.Mono, stampKey{network: na.id, peer: m.address}, refusalInterval)
		if n := testing.AllocsPerRun(50, func() { a.sw.spoofed(l.at, na, m, &f, nil, wire.VerbFrame) }); n != 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
}

func BenchmarkOrigin(b *testing.B) {
	h, s, nw, in := busy(b)
	m := nw.members.get(in.From.Address)
	for i := range 10_000 {
		if nw.origins.holders == nil {
			nw.origins.holders = make(map[netip.Addr]identity.Address)
		}
		nw.origins.holders[netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})] = 0x1000000000
	}
	_ = h
	for _, c := range []struct{ name, src string }{{"known", "10.147.17.9"}, {"unknown", ""}} {
		b.Run(c.name, func(b *testing.B) {
			p := packetFrom("10.147.17.9")
			f := frame{m.mac, nw.mac, ether.TypeIPv4, p}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if c.src == "" {
					p[14], p[15] = byte(i>>8), byte(i)
				}
				if s.spoofed(start, nw, m, &f, in, wire.VerbFrame) {
					b.Fatal(fmt.Sprint(p))
				}
			}
		})
	}
}
