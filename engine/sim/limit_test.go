package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// A user's own limit of the MTU: the device has it, TCP connections keep below it
// in both directions, others' longer packets arrive and their senders are told.
// It never raises the network's MTU, and ends when it is taken back.
func TestOwnLimitOfTheMTU(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 332, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.w.Run(5 * sec)
		var atA, atB segments
		atA.watch(l.a)
		atB.watch(l.b)
		errors := 0
		next := l.b.Host
		l.b.Host = func(nwid identity.NetworkID, packet []byte) {
			if p, err := ether.ParseIPv4(packet); err == nil && p.Protocol() == ether.ProtoICMP && p.Payload()[0] == 3 && p.Payload()[1] == 4 {
				errors++
			}
			next(nwid, packet)
		}
		from, _ := l.a.Address(l.nwid, true)
		to, _ := l.b.Address(l.nwid, true)
		check := func(limit, mtu int, mss uint16) {
			t.Helper()
			s := netconf.DefaultSettings()
			s.MTU = limit
			l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSettings(at, l.nwid, s, out) })
			if st, _ := l.a.Core.Network(l.nwid); st.MTU != mtu {
				t.Errorf("MTU %d, want %d", st.MTU, mtu)
			}
			l.a.SendIP(l.nwid, tcp(from, to, 2, 2760, 0))
			l.w.Run(sec)
			l.b.SendIP(l.nwid, tcp(to, from, 0x12, 2760, 0))
			l.w.Run(sec)
			if atA.mss != mss || atB.mss != mss || atA.wrong+atB.wrong != 0 {
				t.Errorf("limit %d: segments of %d and %d bytes, want %d", limit, atA.mss, atB.mss, mss)
			}
		}
		check(0, 2800, 2760)
		check(1400, 1400, 1360)
		got := atA.bytes
		l.b.SendIP(l.nwid, tcp(to, from, 0x10, 0, 2760))
		l.w.Run(sec)
		if atA.bytes != got+2760 || errors != 1 {
			t.Errorf("%d bytes of a longer packet arrived, its sender was told %d times", atA.bytes-got, errors)
		}
		check(9000, 2800, 2760)
		check(0, 2800, 2760)
		l.b.SendIP(l.nwid, tcp(to, from, 0x10, 0, 2760))
		l.w.Run(sec)
		if errors != 1 {
			t.Errorf("told %d times", errors)
		}
		return l.w
	})
}
