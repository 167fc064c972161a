package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// plain counts packets between two nodes that travel without armour.
func (l *lan) plain(a, b *sim.Node) *int {
	n := new(int)
	l.w.Watch = func(_, _ netip.AddrPort, data []byte) bool {
		if wire.Classify(data) == wire.KindPacket {
			p := wire.Packet(data)
			between := p.Source() == addressOf(a) && p.Destination() == addressOf(b) || p.Source() == addressOf(b) && p.Destination() == addressOf(a)
			if between && p.Cipher() == armor.TrustedPath {
				*n++
			}
		}
		return true
	}
	return n
}

func trusted(prefix string, id uint64) vl1.Physical {
	return vl1.Physical{Prefix: netip.MustParsePrefix(prefix), TrustedPathID: id}
}

// On a trusted path frames travel without armour, in both directions, answers
// and fragments included. It ends at once where the entry is removed, works only
// with the same ID at both ends and straight to the peer, never through a relay,
// and ID 0 is none.
func TestTrustedPath(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 330, wan, noNAT, noNAT)
		l.a.Configure(trusted("5.0.12.9/24", 77))
		l.b.Configure(trusted("5.0.11.0/24", 77))
		l.up()
		plain := l.plain(l.a, l.b)
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct")
		}
		*plain = 0
		if got := l.count(l.sa, l.b, 50, 100*ms, 2700); got != 50 || *plain < 100 {
			t.Errorf("%d of 50 pings were answered, %d packets without armour", got, *plain)
		}
		// Another ID: refused by the other end.
		l.b.Configure(trusted("5.0.11.0/24", 78))
		before := counter(l.b, "drop.cipher")
		if got := l.count(l.sa, l.b, 5, 100*ms, 56); got != 0 || counter(l.b, "drop.cipher") == before {
			t.Errorf("%d pings with another ID were answered", got)
		}
		// The entries go: armoured at once.
		l.a.Configure(trusted("5.0.12.0/24", 0))
		l.b.Configure(trusted("5.0.11.0/24", 0))
		*plain = 0
		if got := l.count(l.sa, l.b, 50, 100*ms, 2700); got != 50 || *plain != 0 {
			t.Errorf("%d of 50 pings were answered, %d packets without armour after the entries were removed", got, *plain)
		}
		// By way of the root, which is in a trusted network: armoured.
		l.a.Configure(trusted("5.0.0.0/16", 77))
		l.b.Configure(trusted("5.0.0.0/16", 77))
		l.w.Watch = nil
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		wall, relayed := l.w.Watch, 0
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if wire.Classify(data) == wire.KindPacket && wire.Packet(data).Cipher() == armor.TrustedPath && wire.Packet(data).Hops() > 0 {
				relayed++
			}
			return wall(from, to, data)
		}
		l.w.Run(3 * sec)
		l.talk(l.sa, l.b, 5*sec)
		if got := l.count(l.sa, l.b, 20, 100*ms, 56); got != 20 || relayed != 0 {
			t.Errorf("%d of 20 relayed pings were answered, %d without armour", got, relayed)
		}
		return l.w
	})
}

// What local.conf blacklists carries no path, for everybody or for one peer; the
// most specific entry counts; changes are in force at once.
func TestBlacklistedNetworks(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 331, wan, noNAT, noNAT)
		black := func(prefix string, on bool) vl1.Physical {
			return vl1.Physical{Prefix: netip.MustParsePrefix(prefix), Blacklist: on}
		}
		l.a.Configure(black("5.0.12.0/24", true))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		if _, ok := l.directly(5 * sec); ok || l.direct(l.a, l.b) {
			t.Error("a path into a blacklisted network")
		}
		l.a.Configure(black("5.0.12.0/24", true), black("5.0.12.1/32", false))
		if took, ok := l.directly(40 * sec); !ok {
			t.Errorf("not direct %d ms after an exception was made", took/ms)
		}
		l.a.SetPhysical(vl1.Settings{Peers: []vl1.Advice{{Address: addressOf(l.b), Avoid: []netip.Prefix{netip.MustParsePrefix("5.0.0.0/16")}}}})
		if l.direct(l.a, l.b) {
			t.Error("the path stays though it is to be avoided for this peer")
		}
		if l.talk(l.sa, l.b, 3*sec); !l.answering(l.a, l.c) && l.direct(l.a, l.b) {
			t.Error("others are avoided instead")
		}
		return l.w
	})
}

// A peer that is not found otherwise is looked for where local.conf says that it
// may be, every thirty seconds, and only there.
func TestAdvisedAddresses(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 332, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.r.Stop()
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.b.Move(ip("5.0.99.9"), nil)
		// A firewall of B's lets in whom B has heard of: nobody but A can begin.
		wall, opened := l.w.Watch, false
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			opened = opened || to == ipPort("5.0.99.9:9993")
			return wall(from, to, data) && (opened || from.Addr() != ip("5.0.99.9"))
		}
		l.w.Run(clock.Minute)
		if got := l.count(l.sa, l.b, 10, sec, 56); got != 0 {
			t.Fatalf("%d pings were answered", got)
		}
		sent := 0
		guarded := l.w.Watch
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if to == ipPort("5.0.98.9:9993") {
				sent++
			}
			return guarded(from, to, data)
		}
		l.a.SetPhysical(vl1.Settings{Peers: []vl1.Advice{{Address: addressOf(l.b), Try: []netip.AddrPort{ipPort("5.0.98.9:9993")}}}})
		l.count(l.sa, l.b, 300, sec, 56)
		if sent < 9 || sent > 12 {
			t.Errorf("%d HELLOs to an advised address in five minutes", sent)
		}
		l.a.SetPhysical(vl1.Settings{Peers: []vl1.Advice{{Address: addressOf(l.b), Try: []netip.AddrPort{ipPort("5.0.98.9:9993"), ipPort("5.0.99.9:9993")}}}})
		t.Logf("found after %d ms", l.talk(l.sa, l.b, 35*sec)/ms)
		return l.w
	})
}

// In low-bandwidth mode an idle member sends a small part of what it usually
// does, and still is reached.
func TestLowBandwidth(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 333, wan, sim.Cone, noNAT).up()
		l.directly(5 * sec)
		l.w.Run(10 * clock.Minute)
		hour := func() (sent uint64, likes, configs, pushes uint64) {
			s, k, c, p := l.a.Sent, counter(l.a, "out.MULTICAST_LIKE"), counter(l.a, "out.NETWORK_CONFIG_REQUEST"), counter(l.a, "out.PUSH_DIRECT_PATHS")
			l.count(l.sa, l.b, 60, clock.Minute, 56)
			return l.a.Sent - s, counter(l.a, "out.MULTICAST_LIKE") - k, counter(l.a, "out.NETWORK_CONFIG_REQUEST") - c, counter(l.a, "out.PUSH_DIRECT_PATHS") - p
		}
		usual, likes, configs, pushes := hour()
		l.a.SetPhysical(vl1.Settings{LowBandwidth: true})
		l.w.Run(clock.Minute)
		low, fewLikes, fewConfigs, fewPushes := hour()
		t.Logf("in an hour: %d datagrams, %d likes, %d requests, %d pushes; in low-bandwidth mode %d, %d, %d, %d",
			usual, likes, configs, pushes, low, fewLikes, fewConfigs, fewPushes)
		if low*3 > usual*2 || fewLikes*4 > likes || fewConfigs > 2 || fewPushes > 3 || likes < 50 || configs < 50 || pushes < 10 {
			t.Error("that is not what it should be")
		}
		if got := l.count(l.sb, l.a, 10, 10*sec, 56); got != 10 {
			t.Errorf("%d of 10 pings were answered", got)
		}
		l.a.SetPhysical(vl1.Settings{})
		if _, likes, _, _ := hour(); likes < 50 {
			t.Errorf("%d likes in an hour after low-bandwidth mode", likes)
		}
		return l.w
	})
}
