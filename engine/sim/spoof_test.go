package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// A member with an Ethernet device can put any address into its frames. Those of
// another member whose certificates are known do not pass, neither in packets nor
// in ARP, on an open network as on a closed one; when the controller gives the
// address to that member, they do, though the other's certificate has not run out.
func TestSpoofingMember(t *testing.T) {
	for name, kind := range map[string]string{"public": isPublic, "private": isPrivate} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 350, wan, noNAT, noNAT)
				l.online()
				l.network(kind + v4Pool + `,` + v6Modes)
				d, sd := l.add("D", 70, "5.0.70.1")
				l.w.Run(sec)
				for _, n := range []*sim.Node{l.a, l.b, d} {
					l.member(n, `{"authorized":true}`)
				}
				_, tap := l.onSegment(l.a)
				l.joined(l.b, d)
				l.w.Run(5 * sec)
				victim, _ := d.Address(l.nwid, true)
				victim6, _ := d.Address(l.nwid, false)
				to, _ := l.b.Address(l.nwid, true)
				to6, _ := l.b.Address(l.nwid, false)
				for range 3 { // B gets the certificates of both
					sd.Ping(l.nwid, to, 56)
					tap.Ping(to, 56)
					l.w.Run(sec)
				}
				got := 0
				next := l.b.Host
				l.b.Host = func(nwid identity.NetworkID, packet []byte) {
					got++
					next(nwid, packet)
				}
				spoofed := func() uint64 { return l.b.Core.NetworkMeters()[0].Drops[vl2.DropSpoofed] }
				bMAC := mac(l.b, l.nwid)
				try := func(etherType uint16, payload []byte, want int) {
					t.Helper()
					before, counted := got, spoofed()
					tap.Send(bMAC, etherType, payload)
					l.w.Run(sec)
					if got-before != want || (spoofed() > counted) == (want > 0) {
						t.Errorf("%d packets passed, want %d; %d counted", got-before, want, spoofed()-counted)
					}
				}
				own := tap.IP
				try(ether.TypeIPv4, tcp(own, to, 0x10, 0, 10), 1)
				try(ether.TypeIPv4, tcp(victim, to, 0x10, 0, 10), 0)
				try(ether.TypeIPv6, tcp(victim6, to6, 0x10, 0, 10), 0)
				try(ether.TypeIPv4, tcp(ip("192.168.7.7"), to, 0x10, 0, 10), 1)
				// B answers D as ever: the claim has not changed its neighbours.
				try(ether.TypeARP, ether.ARP{Op: ether.ARPReply, SenderMAC: tap.MAC, SenderIP: victim, TargetMAC: bMAC, TargetIP: to}.Append(nil), 0)
				if !l.ping(l.sb, d, true, 56) {
					t.Error("D is not reached any more")
				}
				l.member(d, `{"noAutoAssignIps":true,"ipAssignments":[]}`)
				l.member(l.a, `{"ipAssignments":["`+own.String()+`","`+victim.String()+`"]}`)
				l.w.Run(2 * clock.Minute)
				for range 3 { // its certificates come with its frames, or when it is asked
					tap.Send(bMAC, ether.TypeIPv4, tcp(victim, to, 0x10, 0, 10))
					l.w.Run(2 * sec)
				}
				try(ether.TypeIPv4, tcp(victim, to, 0x10, 0, 10), 1)
				return l.w
			})
		})
	}
}
