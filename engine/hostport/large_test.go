package hostport

import (
	"bytes"
	"encoding/binary"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// What others send up to the network's MTU is taken where the device's is lower,
// and they are told, at most ten times a second; what exceeds both is not.
func TestLargePacketsOfOthers(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24", "fd00::5/64"), MTU: 1400, NetworkMTU: 2800})
	large4, large6 := packet("10.0.0.9", "10.0.0.5", 17, make([]byte, 2780)...), packet("fd00::9", "fd00::5", 17, make([]byte, 2760)...)
	b.net(peerMAC, ownMAC, ether.TypeIPv4, large4)
	b.net(peerMAC, ownMAC, ether.TypeIPv6, large6)
	b.expect(
		"net peer 10.0.0.5>10.0.0.9 unreachable 4", "host 10.0.0.9>10.0.0.5 proto 17 len 2800",
		"net peer fd00::5>fd00::9 error 2/0", "host fd00::9>fd00::5 proto 17 len 2800")
	for range 20 {
		b.net(peerMAC, ownMAC, ether.TypeIPv4, large4)
	}
	if len(b.log) != 20+8 {
		t.Errorf("%d lines, want 20 packets and 8 errors after the first two", len(b.log))
	}
	b.log = nil
	b.run(clock.Second)
	// Nobody is told who cannot act on it, or whom it does not concern.
	whole := bytes.Clone(large4)
	whole[6] = 0
	b.net(peerMAC, ownMAC, ether.TypeIPv4, whole)
	b.net(peerMAC, ownMAC, ether.TypeIPv4, packet("10.0.0.9", "192.168.1.1", 17, make([]byte, 2780)...))
	b.net(peerMAC, identity.Broadcast, ether.TypeIPv4, packet("10.0.0.9", "10.0.0.255", 17, make([]byte, 2780)...))
	b.expect("host 10.0.0.9>10.0.0.5 proto 17 len 2800", "host 10.0.0.9>192.168.1.1 proto 17 len 2800", "host 10.0.0.9>10.0.0.255 proto 17 len 2800")
	b.net(peerMAC, ownMAC, ether.TypeIPv4, packet("10.0.0.9", "10.0.0.5", 17, make([]byte, 2781)...))
	b.net(peerMAC, ownMAC, ether.TypeIPv6, packet("fd00::9", "fd00::5", 17, make([]byte, 2761)...))
	b.expect()
	b.expectDrops(DropTooBig, 2)
	// Our own host is told of the device's MTU.
	b.host(packet("10.0.0.5", "10.0.0.9", 17, make([]byte, 1381)...))
	b.expect("host 10.0.0.9>10.0.0.5 unreachable 4")
	var got []byte
	b.run(clock.Second)
	b.p.FromNetwork(b.at, peerMAC, ownMAC, ether.TypeIPv6, large6, false, sent(func(p []byte) { got = bytes.Clone(p) }))
	if mtu := binary.BigEndian.Uint32(got[44:]); mtu != 1400 {
		t.Errorf("the error says %d", mtu)
	}
}

// sent is an Output that shows what goes to the network.
type sent func(p []byte)

func (f sent) ToNetwork(_, _ identity.MAC, _ uint16, p []byte) { f(p) }
func (sent) ToHost([]byte)                                     {}
