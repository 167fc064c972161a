package sim_test

import (
	"bytes"
	"slices"
	"testing"

	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/sim"
)

// Frames of every type pass between Ethernet devices as they are, to one member
// and to all: old protocols with a length for a type, tagged ones, tagged twice,
// and ones as long as the device takes. An IP device has no use for any, and
// counts them.
func TestEveryEtherTypeIsCarried(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 510, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool + `,"rules":[{"type":"ACTION_ACCEPT"}]`)
		_, tap := l.onSegment(l.a)
		d, _ := l.add("D", 70, "5.0.70.1")
		l.w.Run(sec)
		_, other := l.onSegment(d)
		l.joined(l.b)
		l.w.Run(5 * sec)
		for _, to := range []*sim.EtherHost{other, tap} { // each knows the other
			tap.Ping(to.IP, 56)
			l.w.Run(sec)
		}
		var got [][]byte
		next := d.Host
		d.Host = func(nwid identity.NetworkID, frame []byte) {
			got = append(got, bytes.Clone(frame))
			next(nwid, frame)
		}
		frame := func(dst identity.MAC, etherType uint16, payload []byte) []byte {
			return append(ether.AppendHeader(nil, dst, tap.MAC, etherType), payload...)
		}
		fill := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i * 7)
			}
			return b
		}
		tagged := append([]byte{0x20, 0x2a, 0x08, 0x00}, fill(2796)...) // PCP 1, VLAN 42
		twice := append([]byte{0x00, 0x05, 0x81, 0x00, 0x00, 0x2a, 0x86, 0xdd}, fill(200)...)
		for _, x := range []struct {
			name      string
			etherType uint16
			payload   []byte
		}{
			{"a length, as IPX and spanning tree have", 0x0026, fill(38)},
			{"zero", 0, fill(46)},
			{"LLDP", 0x88cc, fill(100)},
			{"PPPoE", 0x8863, fill(60)},
			{"wake on LAN", 0x0842, fill(102)},
			{"one byte", 0x88b5, fill(1)},
			{"the longest", 0x88b5, fill(2800)},
			{"tagged", 0x8100, tagged},
			{"tagged twice", 0x88a8, twice},
			{"not IP in spite of the type", ether.TypeIPv4, fill(30)},
			{"damaged ARP", ether.TypeARP, fill(20)},
			{"reserved", 0xffff, fill(64)},
		} {
			for _, dst := range []identity.MAC{other.MAC, identity.Broadcast, 0x0180c2000000} {
				got = nil
				tap.Send(dst, x.etherType, x.payload)
				l.w.Run(200 * ms)
				want := frame(dst, x.etherType, x.payload)
				if dst == 0x0180c2000000 {
					continue // nobody has joined that group; it must only do no harm
				}
				if !slices.ContainsFunc(got, func(f []byte) bool { return bytes.Equal(f, want) }) {
					t.Errorf("%s to %v: %d frames came, none as it was sent", x.name, dst, len(got))
				}
			}
		}
		port := l.b.Core.NetworkMeters()[0].PortDrops
		var stopped uint64
		for _, n := range port {
			stopped += n
		}
		if stopped == 0 {
			t.Error("the IP device's port counted nothing")
		}
		if l.sb.Received != 0 {
			t.Errorf("%d packets reached the IP device", l.sb.Received)
		}
		return l.w
	})
}

// Rules see a tagged frame as what it is, type 8100 in VLAN 0: the tag is not
// looked into, for both ends must agree with the reference.
func TestRulesDoNotLookIntoTags(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		tagged bool // passes
		plain  bool
	}{
		"in VLAN 42": {`{"type":"MATCH_VLAN_ID","vlanId":42,"not":false,"or":false},{"type":"ACTION_ACCEPT"}`, false, false},
		"in VLAN 0":  {`{"type":"MATCH_VLAN_ID","vlanId":0,"not":false,"or":false},{"type":"ACTION_ACCEPT"}`, true, true},
		"no tags":    {`{"type":"MATCH_ETHERTYPE","etherType":33024,"not":false,"or":false},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}`, false, true},
		"stock":      {`{"type":"MATCH_ETHERTYPE","etherType":2048,"not":true,"or":false},{"type":"MATCH_ETHERTYPE","etherType":2054,"not":true,"or":false},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 511, wan, noNAT, noNAT)
				l.online()
				l.network(isPublic + v4Pool + `,"rules":[` + c.rules + `]`)
				_, tap := l.onSegment(l.a)
				d, _ := l.add("D", 70, "5.0.70.1")
				l.w.Run(sec)
				_, other := l.onSegment(d)
				l.w.Run(5 * sec)
				frames := 0
				d.Host = func(identity.NetworkID, []byte) { frames++ }
				tap.Send(other.MAC, 0x8100, append([]byte{0x00, 0x2a, 0x08, 0x00}, make([]byte, 60)...))
				l.w.Run(sec)
				if got := frames > 0; got != c.tagged {
					t.Errorf("a tagged frame passed: %v", got)
				}
				frames = 0
				tap.Send(other.MAC, ether.TypeIPv4, make([]byte, 60))
				l.w.Run(sec)
				if got := frames > 0; got != c.plain {
					t.Errorf("a plain frame passed: %v", got)
				}
				return l.w
			})
		})
	}
}
