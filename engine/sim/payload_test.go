package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
	"orrery/engine/vl1"
)

// payload is the longest datagram that a node sends another on its direct path.
func (l *lan) payload(from, to *sim.Node) int {
	p, _ := from.Core.Peer(from.Now().Mono, addressOf(to))
	for _, x := range p.Paths {
		if x.Preferred {
			return x.Payload
		}
	}
	return 0
}

// A path that silently drops what is longer than 1,300 bytes, from the start or
// from some time on, directly or beyond a relay: a connection with long packets
// does not hang, and the length found is the longest that passes.
func TestLongDatagramsAreLost(t *testing.T) {
	for name, relayed := range map[string]bool{"direct": false, "behind a relay": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 320, wan, noNAT, noNAT)
				if relayed {
					l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
				}
				l.b.MaxDatagram = 1300
				l.up()
				l.talk(l.sa, l.b, 3*sec)
				l.w.Run(sec)
				// The virtual MTU is 2800: three datagrams instead of two.
				l.count(l.sa, l.b, 15, 100*ms, 2700)
				if got := l.count(l.sa, l.b, 100, 100*ms, 2700); got != 100 {
					t.Errorf("%d of 100 long pings were answered", got)
				}
				if !relayed {
					if a, b := l.payload(l.a, l.b), l.payload(l.b, l.a); a != 1292 || b != 1292 {
						t.Errorf("datagrams of up to %d and %d bytes, want 1292", a, b)
					}
				}
				if counter(l.a, "payload.shrunk") == 0 {
					t.Error("nobody noticed")
				}
				// The line is repaired: found out within ten minutes of traffic.
				l.b.MaxDatagram = 0
				l.count(l.sa, l.b, 11*60, sec, 2700)
				if !relayed {
					if a := l.payload(l.a, l.b); a != 1432 {
						t.Errorf("datagrams of up to %d bytes after the repair", a)
					}
				}
				// It breaks again, in the middle of a conversation.
				l.w.Run(clock.Minute)
				l.b.MaxDatagram = 1260
				lost := 40 - l.count(l.sa, l.b, 40, 100*ms, 2700)
				t.Logf("%d of 40 long pings were lost when the line broke", lost)
				if got := l.count(l.sa, l.b, 100, 100*ms, 2700); got != 100 {
					t.Errorf("%d of 100 long pings were answered after the line broke", got)
				}
				return l.w
			})
		})
	}
}

// On a good line a conversation costs a few probes an hour, none while nothing
// long is sent, and none in low-bandwidth mode; loss does not lead astray.
func TestProbesArePaddedRarely(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 321, wan, noNAT, noNAT).up()
		l.directly(5 * sec)
		long := 0
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if len(data) == 1432 && from.Addr() != ip("5.0.0.2") && to.Addr() != ip("5.0.0.2") {
				long++
			}
			return true
		}
		l.count(l.sa, l.b, 600, sec, 1000)
		if long != 0 {
			t.Errorf("%d probes without need", long)
		}
		l.count(l.sa, l.b, 3600, sec, 1390) // in two parts, each short
		if long == 0 || long > 2*10 {
			t.Errorf("%d probes in an hour", long)
		}
		t.Logf("%d probes in an hour, by both", long)
		if l.payload(l.a, l.b) != 1432 || counter(l.a, "payload.shrunk") != 0 {
			t.Errorf("payload %d on a good line", l.payload(l.a, l.b))
		}
		lossy := wan
		lossy.Loss = 500
		l.w.SetLink(lossy)
		l.count(l.sa, l.b, 3600, sec, 1390)
		l.w.SetLink(wan)
		l.count(l.sa, l.b, 15*60, sec, 1390)
		if l.payload(l.a, l.b) != 1432 {
			t.Errorf("payload %d after a time of loss", l.payload(l.a, l.b))
		}
		return l.w
	})
}

func physical(prefix string, mtu int) vl1.Physical {
	return vl1.Physical{Prefix: netip.MustParsePrefix(prefix), MTU: mtu}
}

// No datagram is ever longer than 1,500 bytes, which is what the reference can
// take, whatever is configured; what is configured is neither probed nor changed.
func TestConfiguredPayload(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 322, wan, noNAT, noNAT)
		for _, n := range []*sim.Node{l.a, l.b} {
			n.Configure(physical("5.0.0.0/8", 9000), physical("5.0.12.0/24", 1450))
		}
		l.up()
		l.directly(5 * sec)
		if got := l.count(l.sa, l.b, 50, 100*ms, 2700); got != 50 {
			t.Errorf("%d of 50 pings were answered", got)
		}
		if a, b := l.payload(l.a, l.b), l.payload(l.b, l.a); a != 1450 || b != 1500 || l.w.Largest > 1500 {
			t.Errorf("payloads %d and %d, the longest datagram had %d bytes", a, b, l.w.Largest)
		}
		l.a.Configure()
		l.count(l.sa, l.b, 10, 100*ms, 2700)
		if a := l.payload(l.a, l.b); a != 1432 {
			t.Errorf("payload %d after the entry was removed", a)
		}
		return l.w
	})
}
