package hostport

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

func TestAnswerARP(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	answer := "net peer 10.0.0.5 is-at own to 10.0.0.9 peer"
	for _, dst := range []identity.MAC{identity.Broadcast, ownMAC} { // a refresh is unicast
		b.net(peerMAC, dst, ether.TypeARP, arp(ether.ARPRequest, peerMAC, "10.0.0.9", "10.0.0.5"))
		b.expect(answer)
	}
	// The sender was learnt.
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(sent4)
	// Another's address is not answered, and teaches nothing new.
	b.net(thirdMAC, identity.Broadcast, ether.TypeARP, arp(ether.ARPRequest, thirdMAC, "10.0.0.10", "10.0.0.77"))
	b.expect()
	b.host(udp("10.0.0.5", "10.0.0.10"))
	b.expect("net all who-has 10.0.0.10 tell 10.0.0.5")
	// But it answers what is asked for.
	b.net(thirdMAC, identity.Broadcast, ether.TypeARP, arp(ether.ARPRequest, thirdMAC, "10.0.0.10", "10.0.0.77"))
	b.expect("net third 10.0.0.5>10.0.0.10 proto 17 len 24")
	// A probe from no address is answered and not learnt, and one from outside
	// the subnet as well.
	b.net(peerMAC, identity.Broadcast, ether.TypeARP, arp(ether.ARPRequest, peerMAC, "0.0.0.0", "10.0.0.5"))
	b.net(peerMAC, identity.Broadcast, ether.TypeARP, arp(ether.ARPRequest, peerMAC, "192.168.0.9", "10.0.0.5"))
	b.expect("net peer 10.0.0.5 is-at own to 0.0.0.0 peer", "net peer 10.0.0.5 is-at own to 192.168.0.9 peer")
	if len(b.p.order) != 2 {
		t.Errorf("%d neighbours", len(b.p.order))
	}
	// A reply nobody waits for makes no entry.
	b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, thirdMAC, "10.0.0.11", "10.0.0.5"))
	if len(b.p.order) != 2 {
		t.Errorf("%d neighbours", len(b.p.order))
	}
	malformed := arp(ether.ARPRequest, peerMAC, "10.0.0.9", "10.0.0.5")
	malformed[4] = 8
	b.net(peerMAC, identity.Broadcast, ether.TypeARP, malformed)
	b.net(peerMAC, identity.Broadcast, ether.TypeARP, malformed[:27])
	b.expect()
	b.expectDrops(DropDiscovery, 2)
}

// A MAC that is not the frame's is believed only from a bridge.
func TestForeignMAC(t *testing.T) {
	t.Parallel()
	foreign := identity.MAC(0x020000000099)
	for _, bridged := range []bool{false, true} {
		b := settled(t, Config{Bridged: func(m identity.MAC) bool { return bridged && m == peerMAC }}, v4)
		b.host(udp("10.0.0.5", "10.0.0.9"))
		b.log = nil
		b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, foreign, "10.0.0.9", "10.0.0.5"))
		if bridged {
			b.expect("net 02:00:00:00:00:99 10.0.0.5>10.0.0.9 proto 17 len 24")
		} else {
			b.expect()
		}
		b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPRequest, foreign, "10.0.0.20", "10.0.0.5"))
		if bridged {
			b.expect("net 02:00:00:00:00:99 10.0.0.5 is-at own to 10.0.0.20 02:00:00:00:00:99")
		} else {
			b.expect()
		}
		if b.p.neighbors[ip("10.0.0.20")] != nil {
			t.Error("learnt from a bridge's request")
		}
		b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, identity.Broadcast, "10.0.0.9", "10.0.0.5"))
		b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, 0, "10.0.0.9", "10.0.0.5"))
		b.expect()
	}
}

func TestReplacement(t *testing.T) {
	t.Parallel()
	b := resolved4(t)
	claim := func(m identity.MAC) {
		b.net(m, ownMAC, ether.TypeARP, arp(ether.ARPReply, m, "10.0.0.9", "10.0.0.5"))
	}
	mac := func() identity.MAC { return b.p.neighbors[ip("10.0.0.9")].mac }
	claim(thirdMAC)
	if mac() != thirdMAC {
		t.Error("a moved address is not followed")
	}
	claim(peerMAC)
	if mac() != thirdMAC {
		t.Error("replaced twice within a second")
	}
	b.run(clock.Second)
	claim(peerMAC)
	if mac() != peerMAC {
		t.Error("not replaced after a second")
	}
	// A stale entry has no brake.
	b.run(61 * clock.Second)
	claim(thirdMAC)
	b.run(61 * clock.Second)
	claim(peerMAC)
	if mac() != peerMAC {
		t.Error("a stale entry is not replaced")
	}
}

func TestMayClaim(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{MayClaim: func(m identity.MAC, a netip.Addr) bool { return m != thirdMAC }}, v4)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.log = nil
	b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, thirdMAC, "10.0.0.9", "10.0.0.5"))
	b.expect()
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	b.expect(sent4)
	b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, thirdMAC, "10.0.0.9", "10.0.0.5"))
	b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPRequest, thirdMAC, "10.0.0.30", "10.0.0.5"))
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect("net third 10.0.0.5 is-at own to 10.0.0.30 third", sent4)
	if b.p.neighbors[ip("10.0.0.30")] != nil {
		t.Error("learnt what may not be claimed")
	}
}

func TestAnswerSolicitation(t *testing.T) {
	t.Parallel()
	solicit := func(src, target string, mac identity.MAC) []byte {
		return ether.AppendSolicitation(nil, ip(src), ether.SolicitedNode(ip(target)), ip(target), mac)
	}
	group := identity.MAC(0x3333ff000005)
	b := settled(t, Config{}, v6)
	b.net(peerMAC, group, ether.TypeIPv6, solicit("fe80::9", "fd00::5", peerMAC))
	b.expect("net peer advertise fd00::5 at own flags 60 to fe80::9 <nil>")
	b.host(udp("fe80::5", "fe80::9")) // learnt
	b.expect("net peer fe80::5>fe80::9 proto 17 len 44")
	// Without the option the frame's source is answered.
	bare := solicit("fe80::9", "fd00::5", peerMAC)[:64]
	b.net(peerMAC, ownMAC, ether.TypeIPv6, reseal(bare))
	b.expect("net peer advertise fd00::5 at own flags 60 to fe80::9 <nil>")
	// A search for duplicates is answered to all.
	b.net(peerMAC, group, ether.TypeIPv6, reseal(solicit("::", "fd00::5", peerMAC)[:64]))
	b.expect("net 33:33:00:00:00:01 advertise fd00::5 at own flags 20 to ff02::1 <nil>")
	// What is not ours, or not right, is not answered.
	b.net(peerMAC, group, ether.TypeIPv6, solicit("fe80::9", "fd01::5", peerMAC))
	b.expect()
	wrong := solicit("fe80::9", "fd00::5", peerMAC)
	wrong[43] ^= 1
	b.net(peerMAC, group, ether.TypeIPv6, wrong)
	b.net(peerMAC, group, ether.TypeIPv6, solicit("fe80::9", "fd00::5", thirdMAC)) // another's MAC
	b.expect()
	b.expectDrops(DropDiscovery, 2)
	// One from outside our subnets is answered and not learnt.
	b.net(peerMAC, group, ether.TypeIPv6, solicit("2001:db8::9", "fd00::5", peerMAC))
	b.expect("net peer advertise fd00::5 at own flags 60 to 2001:db8::9 <nil>")
	if b.p.neighbors[ip("2001:db8::9")] != nil {
		t.Error("learnt from outside")
	}
}

// reseal sets length and checksum of a shortened ICMPv6 packet.
func reseal(b []byte) []byte {
	n := len(b) - 40
	b[4], b[5], b[42], b[43] = byte(n>>8), byte(n), 0, 0
	p := ether.IPv6(b)
	sum := ether.Checksum6(p.Src(), p.Dst(), ether.ProtoICMPv6, b[40:])
	b[42], b[43] = byte(sum>>8), byte(sum)
	return b
}

func TestAdvertisements(t *testing.T) {
	t.Parallel()
	advertise := func(mac identity.MAC, flags uint8) []byte {
		return ether.AppendAdvertisement(nil, ip("fd00::9"), ip("fd00::5"), ip("fd00::9"), mac, flags)
	}
	b := settled(t, Config{}, v6)
	b.net(peerMAC, ownMAC, ether.TypeIPv6, advertise(peerMAC, 0x60)) // nobody asked
	if len(b.p.order) != 0 {
		t.Error("an entry from an advertisement")
	}
	b.host(udp("fd00::5", "fd00::9"))
	b.log = nil
	// The flag does not matter while there is no MAC, nor does a missing option.
	b.net(peerMAC, ownMAC, ether.TypeIPv6, reseal(advertise(peerMAC, 0x40)[:64]))
	b.expect("net peer fd00::5>fd00::9 proto 17 len 44")
	n := b.p.neighbors[ip("fd00::9")]
	b.net(thirdMAC, ownMAC, ether.TypeIPv6, advertise(thirdMAC, 0x40))
	if n.mac != peerMAC {
		t.Error("replaced without override")
	}
	b.net(thirdMAC, ownMAC, ether.TypeIPv6, advertise(thirdMAC, 0x60))
	if n.mac != thirdMAC {
		t.Error("not replaced with override")
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24", "fd00::5/64"), Added: prefixes("fe80::5/64")})
	rival := arp(ether.ARPRequest, thirdMAC, "10.0.0.5", "10.0.0.9")
	defence := "net third 10.0.0.5 is-at own to 10.0.0.5 third"
	b.net(thirdMAC, identity.Broadcast, ether.TypeARP, rival)
	b.expect(defence)
	b.run(9 * clock.Second)
	b.net(thirdMAC, identity.Broadcast, ether.TypeARP, rival)
	b.expect()
	b.run(clock.Second)
	b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, thirdMAC, "10.0.0.5", "0.0.0.0")) // answers our probe
	b.expect(defence)
	b.net(thirdMAC, ether.AllNodes, ether.TypeIPv6, ether.AppendAdvertisement(nil, ip("fd00::5"), ip("ff02::1"), ip("fd00::5"), thirdMAC, 0x20))
	b.expect("net third advertise fd00::5 at own flags 20 to ff02::1 <nil>")
	b.net(thirdMAC, identity.MAC(0x3333ff000005), ether.TypeIPv6,
		ether.AppendSolicitation(nil, ip("fe80::5"), ether.SolicitedNode(ip("fd00::5")), ip("fd00::5"), thirdMAC))
	b.expect("net third advertise fe80::5 at own flags 20 to ff02::1 <nil>")
	got := b.p.Conflicts()
	if len(got) != 3 || got[0].IP != ip("10.0.0.5") || got[0].MAC != thirdMAC || got[0].At != b.at || got[1].IP != ip("fd00::5") || got[2].IP != ip("fe80::5") {
		t.Errorf("%+v", got)
	}
	if len(b.p.order) != 0 {
		t.Error("learnt from a rival")
	}
	b.p.Configure(b.at, Settings{Assigned: prefixes("10.0.0.6/24"), MTU: 1500})
	if len(b.p.Conflicts()) != 0 {
		t.Error("conflicts of addresses that are gone")
	}
}

// A claim is checked every five minutes for as long as it is made, by a probe or
// two, and then no more.
func TestConflictIsCheckedAgain(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	claim := func() { b.net(thirdMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, thirdMAC, "10.0.0.5", "0.0.0.0")) }
	claim()
	const defence, probe = "net third 10.0.0.5 is-at own to 10.0.0.5 third", "net all who-has 10.0.0.5 tell 0.0.0.0"
	b.expect(defence)
	for range 4 {
		b.run(checkAgain - clock.Second)
		b.expect()
		b.run(clock.Second)
		b.expect(probe)
		claim()
		b.expect(defence)
	}
	if at := b.p.Conflicts()[0].At; at != b.at {
		t.Errorf("last claim at %v", at)
	}
	b.run(clock.Hour)
	b.expect(probe, probe)
}
