package hostport

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

func TestFrameFilter(t *testing.T) {
	t.Parallel()
	group := identity.MAC(0x01005e0000fb)
	for name, c := range map[string]struct {
		dst  identity.MAC
		typ  uint16
		b    []byte
		want string
		drop DropReason
	}{
		"own MAC":                  {ownMAC, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5"), "host 10.0.0.9>10.0.0.5 proto 17 len 24", 0},
		"another's MAC":            {thirdMAC, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5"), "", DropNotForUs},
		"to be routed":             {ownMAC, ether.TypeIPv4, udp("10.0.0.9", "172.16.0.1"), "host 10.0.0.9>172.16.0.1 proto 17 len 24", 0},
		"broadcast":                {identity.Broadcast, ether.TypeIPv4, udp("10.0.0.9", "255.255.255.255"), "host 10.0.0.9>255.255.255.255 proto 17 len 24", 0},
		"subnet broadcast":         {identity.Broadcast, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.255"), "host 10.0.0.9>10.0.0.255 proto 17 len 24", 0},
		"unicast in a broadcast":   {identity.Broadcast, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5"), "", DropLinkBroadcast},
		"other subnet's broadcast": {identity.Broadcast, ether.TypeIPv4, udp("10.0.0.9", "10.0.1.255"), "", DropLinkBroadcast},
		"joined group":             {group, ether.TypeIPv4, udp("10.0.0.9", "224.0.0.251"), "host 10.0.0.9>224.0.0.251 proto 17 len 24", 0},
		"group not joined":         {group + 1, ether.TypeIPv4, udp("10.0.0.9", "224.0.0.252"), "", DropNotForUs},
		"unicast in a group frame": {group, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5"), "", DropLinkBroadcast},
		"all nodes":                {ether.AllNodes, ether.TypeIPv6, udp("fe80::9", "ff02::1"), "host fe80::9>ff02::1 proto 17 len 44", 0},
		"IPv6 unicast in a group":  {ether.AllNodes, ether.TypeIPv6, udp("fe80::9", "fe80::5"), "", DropLinkBroadcast},
		"own source":               {ownMAC, ether.TypeIPv4, udp("10.0.0.5", "10.0.0.5"), "", DropSource},
		"multicast source":         {ownMAC, ether.TypeIPv4, udp("224.0.0.1", "10.0.0.5"), "", DropSource},
		"broadcast source":         {ownMAC, ether.TypeIPv4, udp("255.255.255.255", "10.0.0.5"), "", DropSource},
		"subnet broadcast source":  {ownMAC, ether.TypeIPv4, udp("10.0.0.255", "10.0.0.5"), "", DropSource},
		"loopback source":          {ownMAC, ether.TypeIPv4, udp("127.0.0.1", "10.0.0.5"), "", DropSource},
		"own IPv6 source":          {ownMAC, ether.TypeIPv6, udp("fe80::5", "fe80::5"), "", DropSource},
		"IPv6 multicast source":    {ownMAC, ether.TypeIPv6, udp("ff02::1", "fe80::5"), "", DropSource},
		"IPv6 loopback source":     {ownMAC, ether.TypeIPv6, udp("::1", "fe80::5"), "", DropSource},
		"IPv6 without source":      {ownMAC, ether.TypeIPv6, udp("::", "fe80::5"), "", DropSource},
		"mapped IPv4 source":       {ownMAC, ether.TypeIPv6, udp("::ffff:10.0.0.9", "fe80::5"), "", DropSource},
		"to loopback":              {ownMAC, ether.TypeIPv4, udp("10.0.0.9", "127.0.0.1"), "", DropDestination},
		"to nobody":                {ownMAC, ether.TypeIPv4, udp("10.0.0.9", "0.0.0.0"), "", DropDestination},
		"to IPv6 loopback":         {ownMAC, ether.TypeIPv6, udp("fe80::9", "::1"), "", DropDestination},
		"to nobody by IPv6":        {ownMAC, ether.TypeIPv6, udp("fe80::9", "::"), "", DropDestination},
		"to mapped IPv4":           {ownMAC, ether.TypeIPv6, udp("fe80::9", "::ffff:127.0.0.1"), "", DropDestination},
		"router solicitation":      {ownMAC, ether.TypeIPv6, packet("fe80::9", "fe80::5", 58, 133, 0), "", DropRouterDiscovery},
		"router advertisement":     {ether.AllNodes, ether.TypeIPv6, packet("fe80::9", "ff02::1", 58, 134, 0), "", DropRouterDiscovery},
		"redirect":                 {ownMAC, ether.TypeIPv6, packet("fe80::9", "fe80::5", 58, 137, 0), "", DropRouterDiscovery},
		"echo request":             {ownMAC, ether.TypeIPv6, packet("fe80::9", "fe80::5", 58, 128, 0), "host fe80::9>fe80::5 proto 58 len 42", 0},
		"not IP":                   {ownMAC, 0x88cc, []byte("lldp"), "", DropEtherType},
		"VLAN":                     {ownMAC, 0x8100, udp("10.0.0.9", "10.0.0.5"), "", DropEtherType},
		"IPv6 in an IPv4 frame":    {ownMAC, ether.TypeIPv4, udp("fe80::9", "fe80::5"), "", DropMalformed},
		"IPv4 in an IPv6 frame":    {ownMAC, ether.TypeIPv6, udp("10.0.0.9", "10.0.0.5"), "", DropMalformed},
		"truncated":                {ownMAC, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5")[:23], "", DropMalformed},
		"empty":                    {ownMAC, ether.TypeIPv4, nil, "", DropMalformed},
	} {
		b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24"), Added: prefixes("fe80::5/64")})
		b.host(report("224.0.0.251"))
		before := b.p.Drops(c.drop)
		b.net(peerMAC, c.dst, c.typ, c.b)
		if c.want != "" {
			t.Log(name)
			b.expect(c.want)
			continue
		}
		if len(b.log) != 0 || b.p.Drops(c.drop) != before+1 {
			t.Errorf("%s: %q, %d drops for %v", name, b.log, b.p.Drops(c.drop)-before, c.drop)
		}
	}
}

func TestRouterAdvertisementsIfWanted(t *testing.T) {
	t.Parallel()
	s := v6
	s.RouterAdvertisements = true
	b := settled(t, Config{}, s)
	b.net(peerMAC, ether.AllNodes, ether.TypeIPv6, packet("fe80::9", "ff02::1", 58, 134, 0))
	b.net(peerMAC, ownMAC, ether.TypeIPv6, packet("fe80::9", "fe80::5", 58, 137, 0))
	b.expect("host fe80::9>ff02::1 proto 58 len 42")
}

// Frames that rules copied here for others reach the capture hook, and the host
// only if the user wants to inspect them.
func TestCopies(t *testing.T) {
	t.Parallel()
	captured := 0
	cfg := Config{Capture: func(src, dst identity.MAC, etherType uint16, payload []byte) {
		if src != peerMAC || dst != thirdMAC {
			t.Errorf("captured %v to %v", src, dst)
		}
		captured++
	}}
	frames := func(b *bench, dst identity.MAC) {
		b.p.FromNetwork(b.at, peerMAC, dst, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.77"), true, b)
		b.p.FromNetwork(b.at, peerMAC, dst, ether.TypeARP, arp(ether.ARPRequest, peerMAC, "10.0.0.9", "10.0.0.77"), true, b)
		b.p.FromNetwork(b.at, peerMAC, dst, ether.TypeIPv6, ether.AppendSolicitation(nil, ip("fe80::9"), ip("fe80::77"), ip("fe80::77"), peerMAC), true, b)
	}
	b := settled(t, cfg, v4)
	frames(b, thirdMAC)
	b.expect()
	b.expectDrops(DropNotForUs, 3)
	if captured != 3 {
		t.Errorf("%d captured", captured)
	}
	frames(b, ownMAC)
	b.expect("host 10.0.0.9>10.0.0.77 proto 17 len 24")
	s := v4
	s.Inspect = true
	b = settled(t, cfg, s)
	frames(b, thirdMAC)
	b.expect("host 10.0.0.9>10.0.0.77 proto 17 len 24")
	b.net(peerMAC, thirdMAC, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.77")) // not a copy
	b.expect()
	// Without a hook nothing happens.
	b = settled(t, Config{}, v4)
	frames(b, thirdMAC)
	b.expect()
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{}, v4)
	b.p.SetHostGroups(nil)
	probe := "net all who-has 10.0.0.5 tell 0.0.0.0"
	b.p.Tick(b.at, b)
	b.expect(probe)
	b.run(clock.Second)
	b.expect(probe)
	b.run(10 * clock.Second)
	b.expect(probe)
	// Only what is new is probed, and what goes away no longer.
	b.p.Configure(b.at, Settings{Assigned: prefixes("10.0.0.5/24", "10.0.0.6/24", "10.0.0.7/24", "fd00::5/64"), MTU: 2800})
	b.run(0)
	b.expect("net all who-has 10.0.0.6 tell 0.0.0.0", "net all who-has 10.0.0.7 tell 0.0.0.0",
		"net 33:33:ff:00:00:05 solicit fd00::5 from :: to ff02::1:ff00:5, option 00:00:00:00:00:00 <nil>")
	b.p.Configure(b.at, Settings{Assigned: prefixes("10.0.0.7/24"), MTU: 2800})
	b.run(10 * clock.Second)
	b.expect("net all who-has 10.0.0.7 tell 0.0.0.0", "net all who-has 10.0.0.7 tell 0.0.0.0")
}

// Addresses that follow from our own on the network are not probed: nobody else
// can have them.
func TestComputedAddressesAreNotProbed(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{}, Settings{
		Assigned: []netip.Prefix{identity.SixPlane(nwid, self), identity.RFC4193(nwid, self)},
		Added:    []netip.Prefix{netip.PrefixFrom(identity.LinkLocal(ownMAC), 64)},
	})
	b.p.SetHostGroups(nil)
	b.run(10 * clock.Second)
	b.expect()
}
