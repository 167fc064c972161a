package node

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/ether"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// ethernetPort joins a public network with an Ethernet device. out has what that
// brought about.
func ethernetPort(t *testing.T, name string) (p *player, pt *port, out *Outbox) {
	t.Helper()
	p = newPlayer(t, loadNetworkVectors(t), &networkCase{Name: name})
	conf, _ := p.network("public")
	s := netconf.DefaultSettings()
	s.Port = "tap"
	out = &Outbox{}
	p.c.Join(p.now, vectorNetwork, s, conf, out)
	return p, p.c.ports[vectorNetwork], out
}

// TestEthernetDeviceIsSpared: a device gets no frames that are longer than it
// takes, nor, unless it is a bridge's, frames for others.
func TestEthernetDeviceIsSpared(t *testing.T) {
	t.Parallel()
	p, port, out := ethernetPort(t, "spared")
	c, at := p.c, p.now
	const host identity.MAC = 0x00163e000001
	for _, x := range []struct {
		what      string
		dst       identity.MAC
		etherType uint16
		length    int
		super     bool
		want      int
	}{
		{"for us", port.mac, 0x0800, port.mtu, false, 1},
		{"for all", identity.Broadcast, 0x0806, 46, false, 1},
		{"for a group", 0x01005e0000fb, 0x0800, 46, false, 1},
		{"too long", port.mac, 0x0800, port.mtu + 1, false, 0},
		{"as long with a tag", port.mac, 0x8100, port.mtu + 4, false, 1},
		{"too long with a tag", port.mac, 0x88a8, port.mtu + 5, false, 0},
		{"for another host", 0x00163e000002, 0x0800, 46, false, 0},
		{"a copy that rules sent here", 0x00163e000002, 0x0800, 46, true, 1},
	} {
		out.Reset()
		c.begin(at, out)
		port.fromNetwork(c, at, host, x.dst, x.etherType, make([]byte, x.length), x.super)
		c.end()
		if len(out.Deliver) != x.want {
			t.Errorf("%s: %d frames to the device", x.what, len(out.Deliver))
		}
	}
	m := c.NetworkMeters()[0]
	if m.Oversize != 2 || m.Strays != 1 {
		t.Errorf("%d too long, %d astray", m.Oversize, m.Strays)
	}
}

// An Ethernet device's system tells nobody that another has one of its addresses:
// claims are noted on their way, forgotten when they are old, and not taken from
// frames that contradict themselves.
func TestClaimsOnAnEthernetDevice(t *testing.T) {
	t.Parallel()
	p, port, _ := ethernetPort(t, "claims")
	at := p.now
	own := netip.MustParseAddr("10.1.17.5")
	port.addresses = []netip.Prefix{netip.PrefixFrom(own, 24), netip.MustParsePrefix("fd00::5/64")}
	const other identity.MAC = 0x00163e000001
	arp := func(mac identity.MAC, ip string) []byte {
		return ether.ARP{Op: ether.ARPReply, SenderMAC: mac, SenderIP: netip.MustParseAddr(ip), TargetIP: own}.Append(nil)
	}
	advertise := func(ip string) []byte {
		a := netip.MustParseAddr(ip)
		return ether.AppendAdvertisement(nil, a, ether.AllNodesAddr(), a, other, ether.NeighborOverride)
	}
	for _, x := range []struct {
		what      string
		src       identity.MAC
		etherType uint16
		payload   []byte
		want      int
	}{
		{"another address", other, ether.TypeARP, arp(other, "10.1.17.6"), 0},
		{"our own", port.mac, ether.TypeARP, arp(port.mac, "10.1.17.5"), 0},
		{"for another", other, ether.TypeARP, arp(other+1, "10.1.17.5"), 0},
		{"short", other, ether.TypeARP, arp(other, "10.1.17.5")[:27], 0},
		{"a claim", other, ether.TypeARP, arp(other, "10.1.17.5"), 1},
		{"again", other + 1, ether.TypeARP, arp(other+1, "10.1.17.5"), 1},
		{"another address over IPv6", other, ether.TypeIPv6, advertise("fd00::6"), 1},
		{"a claim over IPv6", other, ether.TypeIPv6, advertise("fd00::5"), 2},
		{"damaged", other, ether.TypeIPv6, advertise("fd00::5")[:70], 2},
	} {
		port.watchClaims(at, x.src, x.etherType, x.payload)
		if got := port.conflicts(at.Mono); len(got) != x.want {
			t.Errorf("%s: %+v", x.what, got)
		}
	}
	if got := port.conflicts(at.Mono); got[0].MAC != other+1 || got[0].IP != own {
		t.Errorf("%+v", got)
	}
	if len(port.conflicts(at.Mono+hostport.ConflictKept+1)) != 0 {
		t.Error("old claims count")
	}
}

// TestReportsAreOverheard: what the host of an Ethernet device reports to join is
// subscribed to at once, and until the system's list says otherwise. Others'
// reports, and broken ones, mean nothing.
func TestReportsAreOverheard(t *testing.T) {
	t.Parallel()
	p, port, out := ethernetPort(t, "overheard")
	c, at := p.c, p.now
	mdns, mdns6 := netip.MustParseAddr("224.0.0.251"), netip.MustParseAddr("ff02::fb")
	subscribed := func(ip netip.Addr) bool {
		st, _ := c.Network(vectorNetwork)
		return slices.Contains(st.Groups, identity.MulticastGroup{MAC: ether.MulticastMAC(ip)})
	}
	igmp := func(kind byte, spoil bool) []byte {
		m := append([]byte{kind, 0, 0, 0}, mdns.AsSlice()...)
		binary.BigEndian.PutUint16(m[2:], ether.Checksum(m))
		if spoil {
			m[7]++
		}
		return append([]byte{0x45, 0, 0, byte(20 + len(m)), 0, 0, 0, 0, 1, ether.ProtoIGMP, 0, 0, 10, 0, 0, 1, 224, 0, 0, 251}, m...)
	}
	mld := func() []byte {
		m := append([]byte{ether.TypeMLDReport, 0, 0, 0, 0, 0, 0, 0}, mdns6.AsSlice()...)
		src := netip.MustParseAddr("fe80::1")
		binary.BigEndian.PutUint16(m[2:], ether.Checksum6(src, mdns6, ether.ProtoICMPv6, m))
		b := append([]byte{0x60, 0, 0, 0, 0, byte(len(m)), ether.ProtoICMPv6, 1}, src.AsSlice()...)
		return append(append(b, mdns6.AsSlice()...), m...)
	}
	send := func(src identity.MAC, etherType uint16, payload []byte) {
		out.Reset()
		f := append(ether.AppendHeader(nil, 0x01005e0000fb, src, etherType), payload...)
		c.Frames(at, vectorNetwork, [][]byte{f}, out)
	}
	send(0x00163e000001, ether.TypeIPv4, igmp(0x16, false))
	send(port.mac, ether.TypeIPv4, igmp(0x16, true))
	send(port.mac, ether.TypeIPv4, igmp(0x16, false)[:20])
	send(port.mac, ether.TypeIPv4, igmp(0x17, false))
	send(port.mac, ether.TypeIPv6, mld()[:50])
	if subscribed(mdns) || subscribed(mdns6) {
		t.Fatal("no report of this host, and subscribed")
	}
	send(port.mac, ether.TypeIPv4, igmp(0x16, false))
	send(port.mac, ether.TypeIPv6, mld())
	if !subscribed(mdns) || !subscribed(mdns6) {
		t.Error("reported, and not subscribed")
	}
	c.Observed(at, vectorNetwork, nil, []identity.MAC{ether.MulticastMAC(mdns6)}, out)
	if subscribed(mdns) || !subscribed(mdns6) {
		t.Error("the system's list does not count")
	}
}
