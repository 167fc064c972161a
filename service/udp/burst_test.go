package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"orrery/engine/vl1"
)

// Short-lived sockets send and receive, each from a port of its own, until they
// are closed; datagrams to AnySocket never leave by them, and updates of the
// others do not touch them.
func TestBurst(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			s := open(t, cfg)
			in := listen(t, s)
			sink, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback4, 0)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = sink.Close() }()
			to := netip.AddrPortFrom(loopback4, uint16(sink.LocalAddr().(*net.UDPAddr).Port))
			regular := s.IDs()
			ids, err := s.Burst(64, 0, true)
			if err != nil || len(ids) != 64 {
				t.Fatalf("%d sockets, %v", len(ids), err)
			}
			if !slices.Equal(s.IDs(), regular) {
				t.Errorf("regular sockets are %v now, were %v", s.IDs(), regular)
			}
			var batch []vl1.Datagram
			for _, id := range ids {
				batch = append(batch, vl1.Datagram{Data: []byte("from a burst"), Remote: to, Socket: id})
			}
			batch = append(batch, vl1.Datagram{Data: []byte("from any"), Remote: to})
			if err := s.Send(batch); err != nil {
				t.Fatal(err)
			}
			ports := make(map[uint16]string)
			buf := make([]byte, 100)
			if err := sink.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			for range 65 {
				n, from, err := sink.ReadFromUDPAddrPort(buf)
				if err != nil {
					t.Fatalf("after %d datagrams: %v", len(ports), err)
				}
				ports[from.Port()] = string(buf[:n])
				if _, err := sink.WriteToUDPAddrPort([]byte("an answer for one"), from); err != nil {
					t.Fatal(err)
				}
			}
			if len(ports) != 65 || ports[uint16(s.Port())] != "from any" {
				t.Errorf("%d ports, from the regular one %q", len(ports), ports[uint16(s.Port())])
			}
			for _, d := range in.wait(t, 65) {
				if d.Remote != to || !slices.Contains(ids, d.Socket) && !slices.Contains(regular, d.Socket) {
					t.Errorf("an answer from %v on socket %d", d.Remote, d.Socket)
				}
			}
			update(t, s, Wildcard(freePort(t), Primary))
			s.CloseBurst(append(ids[:63:63], s.IDs()...))
			if s.find(ids[0]) != nil || s.find(ids[63]) == nil || len(s.IDs()) == 0 {
				t.Error("not just the sockets of the burst are closed")
			}
			_ = s.Close()
			if _, err := s.Burst(1, 0, true); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a burst after Close: %v", err)
			}
		})
	}
}

// There is a bound on short-lived sockets, and they are bound as a model is.
func TestBurstBounds(t *testing.T) {
	s := open(t, Config{})
	update(t, s, []Binding{{Local: netip.AddrPortFrom(loopback4, uint16(freePort(t))), Role: Primary}})
	ids, err := s.Burst(maxBurst+10, s.IDs()[0], true)
	if err != nil || len(ids) != maxBurst {
		t.Fatalf("%d sockets, %v", len(ids), err)
	}
	if more, err := s.Burst(1, 0, true); err != nil || len(more) != 0 {
		t.Errorf("%d more, %v", len(more), err)
	}
	if at := s.find(ids[0]).binding.Local; at.Addr() != loopback4 || at.Port() == 0 {
		t.Errorf("bound to %v", at)
	}
	if _, err := s.Burst(1, 0, false); !errors.Is(err, ErrNoSocket) {
		t.Errorf("IPv6 without a socket to be like: %v", err)
	}
}
