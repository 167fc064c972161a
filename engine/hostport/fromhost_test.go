package hostport

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

func TestHostPacketsChecked(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	good := udp("10.0.0.5", "10.0.0.9")
	good6 := udp("fd00::5", "fd00::9")
	for _, bad := range [][]byte{
		nil, {0x45}, good[:23], append([]byte{0x44}, good[1:]...), append([]byte{0x55}, good[1:]...), good6[:43], good6[:39],
	} {
		b.host(bad)
	}
	b.expect()
	b.expectDrops(DropMalformed, 7)
}

func TestTrimmedToLength(t *testing.T) {
	t.Parallel()
	b := resolved4(t)
	b.host(append(udp("10.0.0.5", "10.0.0.9"), make([]byte, 100)...))
	b.expect("net peer 10.0.0.5>10.0.0.9 proto 17 len 24")
	b.net(peerMAC, ownMAC, ether.TypeIPv4, append(udp("10.0.0.9", "10.0.0.5"), make([]byte, 22)...))
	b.expect("host 10.0.0.9>10.0.0.5 proto 17 len 24")
}

func TestTooBig(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24", "fd00::5/64"), MTU: 1400})
	big4, big6 := packet("10.0.0.5", "10.0.0.9", 17, make([]byte, 1381)...), packet("fd00::5", "fd00::9", 17, make([]byte, 1361)...)
	b.host(big4)
	b.host(big6)
	b.expect("host 10.0.0.9>10.0.0.5 unreachable 4", "host fd00::9>fd00::5 error 2/0")
	may := slices.Clone(big4)
	may[6] = 0 // may be fragmented, but nobody here does
	b.host(may)
	b.expect()
	for range 20 {
		b.host(big4)
	}
	if len(b.log) != 8 {
		t.Errorf("%d errors within a second, want 8 after the first two", len(b.log))
	}
	b.log = nil
	b.run(clock.Second)
	b.host(big4)
	b.expect("host 10.0.0.9>10.0.0.5 unreachable 4")
	b.expectDrops(DropTooBig, 24)
	// The MTU is in the error.
	var got []byte
	b.p.FromHost(b.at.Add(clock.Second), big4, capture(func(p []byte) { got = bytes.Clone(p) }))
	if mtu := binary.BigEndian.Uint16(got[26:]); mtu != 1400 {
		t.Errorf("the error says %d", mtu)
	}
	b.net(peerMAC, ownMAC, ether.TypeIPv4, packet("10.0.0.9", "10.0.0.5", 17, make([]byte, 1381)...))
	b.expect()
	b.expectDrops(DropTooBig, 26)
}

func TestMTUClamped(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{}, Settings{MTU: 10000})
	if b.p.set.MTU != MaxMTU {
		t.Errorf("MTU %d", b.p.set.MTU)
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24", "10.1.0.1/31", "fd00::5/64")})
	for _, c := range []struct{ src, dst, want string }{
		{"10.0.0.5", "10.0.0.5", "host 10.0.0.5>10.0.0.5 proto 17 len 24"},
		{"10.0.0.5", "255.255.255.255", "net all 10.0.0.5>255.255.255.255 proto 17 len 24"},
		{"10.0.0.5", "10.0.0.255", "net all 10.0.0.5>10.0.0.255 proto 17 len 24"},
		{"10.0.0.5", "224.0.0.251", "net 01:00:5e:00:00:fb 10.0.0.5>224.0.0.251 proto 17 len 24"},
		{"10.0.0.5", "239.255.255.250", "net 01:00:5e:7f:ff:fa 10.0.0.5>239.255.255.250 proto 17 len 24"},
		{"fd00::5", "fd00::5", "host fd00::5>fd00::5 proto 17 len 44"},
		{"fd00::5", "ff02::fb", "net 33:33:00:00:00:fb fd00::5>ff02::fb proto 17 len 44"},
	} {
		b.host(udp(c.src, c.dst))
		b.expect(c.want)
	}
	before := b.p.Drops(DropDestination)
	for i, dst := range []string{"0.0.0.0", "127.0.0.1", "127.255.0.1", "240.0.0.1", "255.255.255.254"} {
		b.host(udp("10.0.0.5", dst))
		b.expect()
		b.expectDrops(DropDestination, before+uint64(i)+1)
	}
	for _, dst := range []string{"::", "::1"} {
		b.host(udp("fd00::5", dst))
		b.expect()
	}
	b.expectDrops(DropDestination, before+7)
	// A /31 has no broadcast address: 10.1.0.1 is ours, 10.1.0.0 the other end.
	b.host(udp("10.1.0.1", "10.1.0.0"))
	b.expect("net all who-has 10.1.0.0 tell 10.1.0.1")
	// The source is not checked: the host may route.
	b.host(udp("192.168.1.1", "10.0.0.77"))
	b.expect("net all who-has 10.0.0.77 tell 10.0.0.5")
}

func TestHostDiscoveryStays(t *testing.T) {
	t.Parallel()
	rs := packet("fe80::5", "ff02::2", 58, 133, 0, 0, 0, 0, 0, 0, 0)
	ra := packet("fe80::5", "ff02::1", 58, 134, 0, 0, 0)
	redirect := packet("fe80::5", "fe80::9", 58, 137, 0, 0, 0)
	na := ether.AppendAdvertisement(nil, ip("fd00::5"), ip("ff02::1"), ip("fd00::5"), ownMAC, 0x20)
	dad := ether.AppendSolicitation(nil, ip("::"), ether.SolicitedNode(ip("fd00::9")), ip("fd00::9"), 0)[:64]
	dad[5] = 24
	b := settled(t, Config{}, v6)
	for _, p := range [][]byte{rs, ra, redirect, na, dad} {
		b.host(p)
	}
	b.expect()
	b.expectDrops(DropHostDiscovery, 5)
	s := v6
	s.RouterAdvertisements = true
	b = settled(t, Config{}, s)
	for _, p := range [][]byte{rs, ra, redirect, na} {
		b.host(p)
	}
	b.expect("net 33:33:00:00:00:02 fe80::5>ff02::2 proto 58 len 48", "net 33:33:00:00:00:01 fe80::5>ff02::1 proto 58 len 44")
}

// A kernel that solicits over the device is answered from our neighbour table.
func TestHostSolicits(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v6)
	ask := func(target string) []byte {
		return ether.AppendSolicitation(nil, ip("fd00::5"), ether.SolicitedNode(ip(target)), ip(target), ownMAC)
	}
	b.host(ask("fd00::9"))
	b.expect("net 33:33:ff:00:00:09 solicit fd00::9 from fd00::5 to ff02::1:ff00:9, option own <nil>")
	b.net(peerMAC, ownMAC, ether.TypeIPv6, ether.AppendAdvertisement(nil, ip("fd00::9"), ip("fd00::5"), ip("fd00::9"), peerMAC, 0x60))
	b.expect("host advertise fd00::9 at peer flags 60 to fd00::5 <nil>")
	b.host(ask("fd00::9"))
	b.expect("host advertise fd00::9 at peer flags 60 to fd00::5 <nil>")
	// Its own address is no question; a derived one needs no network.
	b.host(ask("fd00::5"))
	b.expect()
	linkLocal := "fe80::3ee3:68ff:fec0:7cb8"
	if mac, ok := b.p.derived(ip(linkLocal)); ok {
		t.Fatalf("an EUI-64 with the bit set is not what members use, got %v", mac)
	}
	linkLocal = "fe80::3ce3:68ff:fec0:7cb8"
	b.host(ask(linkLocal))
	b.expect("host advertise " + linkLocal + " at peer flags 60 to fd00::5 <nil>")
	// One that nobody answers is not answered with an error either.
	b.host(ask("fd00::77"))
	b.run(6 * clock.Second)
	for _, line := range b.log {
		if line[:4] == "host" {
			t.Errorf("unexpected: %s", line)
		}
	}
}

// capture is an Output for the host's side only.
type capture func(packet []byte)

func (c capture) ToHost(packet []byte) { c(packet) }

func (capture) ToNetwork(_, _ identity.MAC, _ uint16, _ []byte) {}
