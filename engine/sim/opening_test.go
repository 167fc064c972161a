package sim_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
)

// tcp is the packet of a TCP segment without data: flags and, if it is not 0, a
// maximum segment size.
func tcp(from, to netip.Addr, flags byte, mss uint16, data int) []byte {
	segment := make([]byte, 20, 24+data)
	binary.BigEndian.PutUint16(segment, 50022)
	binary.BigEndian.PutUint16(segment[2:], 22)
	segment[12], segment[13] = 5<<4, flags
	if mss != 0 {
		segment[12] = 6 << 4
		segment = append(segment, 2, 4, byte(mss>>8), byte(mss))
	}
	segment = append(segment, make([]byte, data)...)
	var p []byte
	if from.Is4() {
		p = make([]byte, 20)
		p[0], p[6], p[8], p[9] = 0x45, 0x40, 64, ether.ProtoTCP
		binary.BigEndian.PutUint16(p[2:], uint16(20+len(segment)))
		copy(p[12:], from.AsSlice())
		copy(p[16:], to.AsSlice())
		binary.BigEndian.PutUint16(p[10:], ether.Checksum(p))
	} else {
		p = make([]byte, 40)
		p[0], p[6], p[7] = 0x60, ether.ProtoTCP, 64
		binary.BigEndian.PutUint16(p[4:], uint16(len(segment)))
		copy(p[8:], from.AsSlice())
		copy(p[24:], to.AsSlice())
	}
	binary.BigEndian.PutUint16(segment[16:], tcpSum(from, to, segment))
	return append(p, segment...)
}

// tcpSum is the checksum of a segment; over one that includes it, it is 0.
func tcpSum(from, to netip.Addr, segment []byte) uint16 {
	if from.Is6() {
		return ether.Checksum6(from, to, ether.ProtoTCP, segment)
	}
	pseudo := append(append(from.AsSlice(), to.AsSlice()...), 0, ether.ProtoTCP, byte(len(segment)>>8), byte(len(segment)))
	return ether.Checksum(append(pseudo, segment...))
}

// segments notes the TCP segments that a host gets.
type segments struct {
	flags byte
	mss   uint16 // 0 without the option
	wrong int    // checksums
	bytes int    // of data, in all
}

func (s *segments) watch(n *sim.Node) {
	next := n.Host
	n.Host = func(nwid identity.NetworkID, packet []byte) {
		var segment []byte
		var from, to netip.Addr
		if p, err := ether.ParseIPv4(packet); err == nil && p.Protocol() == ether.ProtoTCP {
			segment, from, to = p.Payload(), p.Src(), p.Dst()
		} else if p, err := ether.ParseIPv6(packet); err == nil {
			if proto, body, ok := p.Upper(); ok && proto == ether.ProtoTCP {
				segment, from, to = body, p.Src(), p.Dst()
			}
		}
		if segment == nil {
			next(nwid, packet)
			return
		}
		if tcpSum(from, to, segment) != 0 {
			s.wrong++
		}
		head := int(segment[12]>>4) * 4
		s.flags, s.mss = segment[13], 0
		if head == 24 {
			s.mss = binary.BigEndian.Uint16(segment[22:])
		}
		s.bytes += len(segment) - head
	}
}

// Scenario 12 of a connection that hangs: the line loses long datagrams without a
// word. A connection that was open goes on, as its packets travel in shorter
// parts; one that is opened then is told to keep to segments that need none,
// whichever end opens it, over IPv4 and IPv6, directly and through a relay.
func TestConnectionOnALineThatLosesLongDatagrams(t *testing.T) {
	for name, relayed := range map[string]bool{"direct": false, "relayed": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 330, wan, noNAT, noNAT)
				if relayed {
					l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
				}
				l.up()
				l.talk(l.sa, l.b, 3*sec)
				l.w.Run(3 * sec)
				var atA, atB segments
				atA.watch(l.a)
				atB.watch(l.b)
				const syn, ack = 0x02, 0x10
				// open is what the two ends learn of each other's segments.
				open := func(v4 bool) (b, a uint16) {
					t.Helper()
					from, _ := l.a.Address(l.nwid, v4)
					to, _ := l.b.Address(l.nwid, v4)
					mss := uint16(2800 - 40)
					if !v4 {
						mss = 2800 - 60
					}
					atA, atB = segments{wrong: atA.wrong}, segments{wrong: atB.wrong}
					l.a.SendIP(l.nwid, tcp(from, to, syn, mss, 0))
					l.w.Run(sec)
					l.b.SendIP(l.nwid, tcp(to, from, syn|ack, mss, 0))
					l.w.Run(sec)
					if atB.flags != syn || atA.flags != syn|ack {
						t.Fatalf("flags %02x and %02x arrived", atB.flags, atA.flags)
					}
					return atB.mss, atA.mss
				}
				if b, a := open(true); b != 2760 || a != 2760 {
					t.Errorf("on a good line segments of %d and %d bytes", b, a)
				}
				// The line turns bad while the connection is in use: segments are sent
				// until each has arrived.
				l.b.MaxDatagram = 1300
				from, _ := l.a.Address(l.nwid, true)
				to, _ := l.b.Address(l.nwid, true)
				start := l.w.Now().Mono
				for got := 0; got < 20; {
					before := atB.bytes
					l.a.SendIP(l.nwid, tcp(from, to, ack, 0, 2760))
					l.w.Run(100 * ms)
					if atB.bytes > before {
						got++
					} else if l.w.Now().Mono-start > 20*sec {
						t.Fatalf("the connection hangs after %d segments", got)
					}
				}
				t.Logf("20 segments took %d ms", (l.w.Now().Mono-start)/ms)
				l.w.Run(3 * sec)
				// Of 1,300 bytes that pass 28 are the packet's header, 10 the frame's. What
				// is found out is the next lower of the lengths that are tried.
				b, a := open(true)
				fits := b + 40
				if a != b || fits > 1300-38 || fits < 1272-38 {
					t.Errorf("segments of %d and %d bytes", b, a)
				}
				for _, v4 := range []bool{true, false} {
					want := fits - 40
					if !v4 {
						want = fits - 60
					}
					if b, a := open(v4); b != want || a != want {
						t.Errorf("segments of %d and %d bytes, want %d, IPv4 %v", b, a, want, v4)
					}
				}
				if atA.wrong+atB.wrong != 0 {
					t.Errorf("%d wrong checksums", atA.wrong+atB.wrong)
				}
				long := 0
				l.w.Watch = func(_, _ netip.AddrPort, data []byte) bool {
					if len(data) > 1300 {
						long++
					}
					return true
				}
				sent := l.a.Sent
				for range 100 {
					l.a.SendIP(l.nwid, tcp(from, to, ack, 0, int(fits)-40))
				}
				if n := l.a.Sent - sent; n != 100 {
					t.Errorf("100 segments took %d datagrams", n)
				}
				l.w.Run(sec)
				if long > 0 {
					t.Errorf("%d long datagrams", long)
				}
				return l.w
			})
		})
	}
}

// The other side alone sends long packets and never finds out by itself that they
// get lost, as the reference: parts that stay alone show it, and connections are
// clamped at our end, in both directions.
func TestConnectionWithOneThatDoesNotProbe(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 333, wan, noNAT, noNAT).up()
		l.directly(5 * sec)
		l.b.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			c.SetPhysical(at, vl1.Settings{LowBandwidth: true}, out) // then B does not probe either
		})
		l.w.Watch = func(src, _ netip.AddrPort, data []byte) bool {
			// The first part of its packets stands for one of full length, as the
			// reference cuts them, with a shorter one behind it.
			first := len(data) > 700 && data[13] != 0xff
			return src.Addr() != ip("5.0.12.1") || len(data) <= 1300 && !first
		}
		from, _ := l.b.Address(l.nwid, true)
		to, _ := l.a.Address(l.nwid, true)
		var atA, atB segments
		atA.watch(l.a)
		atB.watch(l.b)
		for range 60 {
			l.b.SendIP(l.nwid, tcp(from, to, 0x10, 0, 1460))
			l.w.Run(sec)
		}
		if n := counter(l.b, "payload.shrunk"); n != 0 || atA.bytes != 0 {
			t.Errorf("B noticed %d times; %d bytes arrived", n, atA.bytes)
		}
		l.a.SendIP(l.nwid, tcp(to, from, 2, 2760, 0))
		l.w.Run(sec)
		if atB.mss == 0 || atB.mss > 1300-38-40 {
			t.Errorf("A lets B send segments of %d bytes", atB.mss)
		}
		l.b.SendIP(l.nwid, tcp(from, to, 0x12, 2760, 0))
		l.w.Run(sec)
		if atA.mss != atB.mss {
			t.Errorf("B lets A send segments of %d bytes", atA.mss)
		}
		return l.w
	})
}

// A line that loses parts of packets, of whatever length, counts as such once
// some have been lost in a row; a single one does not.
func TestConnectionOnALineThatLosesParts(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 331, wan, noNAT, noNAT).up()
		l.directly(5 * sec)
		l.count(l.sa, l.b, 10, 100*ms, 2700)
		var atB segments
		atB.watch(l.b)
		from, _ := l.a.Address(l.nwid, true)
		to, _ := l.b.Address(l.nwid, true)
		open := func() uint16 {
			l.a.SendIP(l.nwid, tcp(from, to, 2, 2760, 0))
			l.w.Run(sec)
			return atB.mss
		}
		lose := func(n int) {
			for range n {
				lost := false
				l.w.Watch = func(src, _ netip.AddrPort, data []byte) bool {
					if !lost && src.Addr() == ip("5.0.12.1") && len(data) > 16 && data[13] == 0xff {
						lost = true
						return false
					}
					return true
				}
				l.ping(l.sa, l.b, true, 2700)
				l.w.Watch = nil
			}
			l.w.Run(10 * sec)
		}
		lose(1)
		if mss := open(); mss != 2760 {
			t.Errorf("segments of %d bytes after a single loss", mss)
		}
		l.w.Run(2 * clock.Minute)
		lose(6)
		if mss := open(); mss != 1432-38-40 {
			t.Errorf("segments of %d bytes on a line that loses parts", mss)
		}
		l.w.Run(11 * clock.Minute)
		if mss := open(); mss != 2760 {
			t.Errorf("segments of %d bytes when all has been well for eleven minutes", mss)
		}
		return l.w
	})
}
