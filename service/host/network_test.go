package host

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl2"
	"orrery/service/device"
)

func (s *fakeSystem) setRefuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func TestPortRefusedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		refused := errors.New("no such device")
		p.system.setRefuse(refused)
		p.join(planetNetwork)
		pass(time.Second)
		_, f := p.Device(planetNetwork)
		if s, _ := p.state(planetNetwork); s.Status != vl2.StatusPortError || f.Reason != refused.Error() || f.Since.IsZero() {
			t.Fatalf("status %v, failure %+v", s.Status, f)
		}
		pass(3 * retryPort)
		if _, again := p.Device(planetNetwork); again != f {
			t.Errorf("the failure was %+v and is %+v", f, again)
		}
		p.system.setRefuse(nil)
		pass(retryPort)
		name, f := p.Device(planetNetwork)
		if s, _ := p.state(planetNetwork); s.Status == vl2.StatusPortError || f != (Failure{}) || name == "" {
			t.Errorf("status %v, name %q, failure %+v", s.Status, name, f)
		}
		p.leave(planetNetwork)
		pass(time.Second)
		if !p.system.last(t).isClosed() {
			t.Error("the device of a network that was left is open")
		}
		if name, _ := p.Device(planetNetwork); name != "" {
			t.Errorf("the network that was left has device %s", name)
		}
	})
}

func TestLeavingAFailedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		p.system.setRefuse(errDisk)
		p.join(planetNetwork)
		pass(time.Second)
		p.leave(planetNetwork)
		pass(2 * retryPort)
		if _, f := p.Device(planetNetwork); f != (Failure{}) {
			t.Errorf("failure %+v of a network that was left", f)
		}
	})
}

// TestDeviceRemoved has another program delete the interface.
func TestDeviceRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b, nwid := trio(t)
		a.join(nwid)
		b.join(nwid)
		pass(5 * time.Second)
		first := b.system.last(t)
		_ = first.Fake.Close()
		synctest.Wait()
		if _, f := b.Device(nwid); f.Reason != errDeviceGone.Error() {
			t.Errorf("failure %+v", f)
		}
		pass(retryPort)
		if b.system.last(t) == first || !first.isClosed() {
			t.Fatal("no new device, or the old one was not closed")
		}
		a.system.last(t).Inject(packet(a.address(nwid), b.address(nwid), 100))
		pass(time.Second)
		if got := received(b.system.last(t)); len(got) != 1 {
			t.Errorf("the new device has got %d packets", len(got))
		}
	})
}

func TestKindOfPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		p.join(planetNetwork)
		pass(time.Second)
		for i, kind := range []string{"tap", "tun", ""} {
			if _, err := p.Configure(planetNetwork, false, nil, func(s *netconf.Settings) error { s.Port = kind; return nil }); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			all := p.system.all()
			want := min(i+2, 3) // "" is "tun"
			if len(all) != want {
				t.Fatalf("after %q, %d devices were opened, want %d", kind, len(all), want)
			}
			last := all[len(all)-1]
			if last.Ethernet() != (kind == "tap") || last.isClosed() || !all[len(all)-2].isClosed() {
				t.Errorf("%q: Ethernet %v, closed %v", kind, last.Ethernet(), last.isClosed())
			}
		}
	})
}

// TestBuffersFollowTheMTU raises the MTU while the reader waits.
func TestBuffersFollowTheMTU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a, b, nwid := trio(t)
		a.join(nwid)
		b.join(nwid)
		pass(5 * time.Second)
		from, to := a.address(nwid), b.address(nwid)
		root.network(`{"mtu":9000}`)
		pass(2 * time.Second)
		dev := a.system.last(t)
		if dev.MTU() != 9000 {
			t.Fatalf("MTU %d", dev.MTU())
		}
		// The reader may still have the small buffers for the first: it must be
		// lost then, not cut.
		big := packet(from, to, 9000)
		for range 3 {
			dev.Inject(big)
			pass(time.Second)
		}
		got := received(b.system.last(t))
		if len(got) < 2 {
			t.Errorf("%d of 3 packets arrived", len(got))
		}
		for _, g := range got {
			if !bytes.Equal(g, big) {
				t.Errorf("a packet of %d bytes arrived with %d", len(big), len(g))
			}
		}
	})
}

func TestBuffers(t *testing.T) {
	p := &livePort{Port: &fakePort{Fake: newFake(1500)}}
	p.mtu.Store(1500)
	var b portBuffers
	b.fit(p)
	if n := len(b.bufs); n != p.BatchSize() || len(b.bufs[0]) != p.Headroom()+1500+frameRoom {
		t.Fatalf("%d buffers of %d bytes", n, len(b.bufs[0]))
	}
	b.sizes[0], b.sizes[1], b.sizes[2] = 1518, 1519, 40
	b.bufs[2][b.head] = 7
	got := b.take(3)
	if len(got) != 2 || len(got[0]) != 1518 || len(got[1]) != 40 || got[1][0] != 7 {
		t.Errorf("packets of %d", len(got))
	}
	first := &b.bufs[0][0]
	if b.fit(p); &b.bufs[0][0] != first {
		t.Error("buffers were made again for the same MTU")
	}
	p.mtu.Store(9000)
	if b.fit(p); len(b.bufs[0]) != p.Headroom()+9000+frameRoom {
		t.Errorf("buffers of %d bytes", len(b.bufs[0]))
	}
}

func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		p.join(planetNetwork)
		pass(time.Second)
		port := p.system.last(t)
		port.mu.Lock()
		port.state.Addresses = []netip.Prefix{netip.MustParsePrefix("10.77.0.1/16")}
		port.mu.Unlock()
		p.Observe()
		pass(time.Second)
		s, _ := p.state(planetNetwork)
		found := false
		for _, g := range s.Groups {
			found = found || g.ADI == 0x0a4d0001
		}
		if !found {
			t.Errorf("no group for an address that the user added: %v", s.Groups)
		}
	})
}

// TestDeliverAllocatesNothing measures the way to the device.
func TestDeliverAllocatesNothing(t *testing.T) {
	h := New(Config{Core: func(clock.Instant) *node.Core { return nil }, Log: quiet()})
	port := &livePort{Port: nowhere{}}
	h.networks.set(1, port)
	tr := new(tray)
	for range 300 {
		tr.Deliver = append(tr.Deliver, node.Delivery{Network: 1, Data: make([]byte, 100)})
	}
	for range 10 {
		tr.Deliver = append(tr.Deliver, node.Delivery{Network: 2, Data: make([]byte, 100)})
	}
	h.deliver(tr)
	if n := testing.AllocsPerRun(100, func() { h.deliver(tr) }); n != 0 {
		t.Errorf("%v allocations for each batch", n)
	}
}

// TestDeliverBatches checks what a device gets.
func TestDeliverBatches(t *testing.T) {
	h := New(Config{Core: func(clock.Instant) *node.Core { return nil }, Log: quiet()})
	one, two := &recorder{}, &recorder{}
	h.networks.set(1, &livePort{Port: one})
	h.networks.set(2, &livePort{Port: two})
	tr := new(tray)
	for i, nwid := range []uint64{1, 1, 2, 3, 1} {
		b := make([]byte, node.Headroom+1)
		b[node.Headroom] = byte(i)
		tr.Deliver = append(tr.Deliver, node.Delivery{Network: networkID(nwid), Data: b})
	}
	h.deliver(tr)
	if !slices.Equal(one.got, []byte{0, 1, 4}) || !slices.Equal(two.got, []byte{2}) || one.writes != 2 {
		t.Errorf("%v in %d writes, and %v", one.got, one.writes, two.got)
	}
}

// nowhere is a device that takes everything.
type nowhere struct{ Port }

func (nowhere) Headroom() int        { return 4 }
func (nowhere) Write([][]byte) error { return nil }

// recorder is a device that remembers first bytes.
type recorder struct {
	Port
	got    []byte
	writes int
}

func (r *recorder) Headroom() int { return 10 }
func (r *recorder) Write(bufs [][]byte) error {
	r.writes++
	for _, b := range bufs {
		r.got = append(r.got, b[10])
	}
	return nil
}

func BenchmarkDeliver(b *testing.B) {
	h := New(Config{Core: func(clock.Instant) *node.Core { return nil }, Log: quiet()})
	h.networks.set(1, &livePort{Port: nowhere{}})
	tr := new(tray)
	for range 64 {
		tr.Deliver = append(tr.Deliver, node.Delivery{Network: 1, Data: make([]byte, 1416)})
	}
	b.ReportAllocs()
	b.SetBytes(64 * 1400)
	for b.Loop() {
		h.deliver(tr)
	}
}

var _ device.Device = (*fakePort)(nil)
