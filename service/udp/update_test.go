package udp

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/vl1"
)

// at are the bindings of an address of the loopback network to ports.
func at(addr string, role Role, ports ...int) (all []Binding) {
	for _, p := range ports {
		all = append(all, Binding{Local: netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(p)), Role: role})
	}
	return all
}

// TestUpdate changes sockets while they run: what stays keeps its ID and goes
// on, what comes is received from, what goes is gone, and counted.
func TestUpdate(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, cfg), open(t, Config{})
			in, back := listen(t, a), listen(t, b)
			p, q, r := freePort(t), freePort(t), freePort(t)
			update(t, a, at("127.0.0.1", Primary, p), at("127.0.0.1", Secondary, q))
			first := a.IDs()
			if len(first) != 2 || a.Port() != p || first[0] <= 2 {
				t.Fatalf("IDs %v, port %d", first, a.Port())
			}
			got := 0
			speak := func(ports ...int) {
				t.Helper()
				for _, port := range ports {
					if err := b.Send(run(1, 20, netip.AddrPortFrom(loopback4, uint16(port)))); err != nil {
						t.Fatal(err)
					}
					got++
					if d := in.wait(t, got)[got-1]; a.LocalPort(d.Socket) != port {
						t.Errorf("for port %d: came by socket %d", port, d.Socket)
					}
				}
			}
			speak(p, q)
			update(t, a, at("127.0.0.1", Primary, p), at("127.0.0.2", Secondary, r))
			second := a.IDs()
			if len(second) != 2 || second[0] != first[0] || second[1] <= first[1] {
				t.Errorf("IDs %v after %v", second, first)
			}
			speak(p)
			to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
			batch := []vl1.Datagram{
				{Data: []byte("gone"), Remote: to, Socket: first[1]},
				{Data: []byte("new"), Remote: to, Socket: second[1]},
			}
			if err := a.Send(batch); err != nil {
				t.Fatal(err)
			}
			if d := back.wait(t, 1)[0]; string(d.Data) != "new" || d.Remote != netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), uint16(r)) {
				t.Errorf("%q from %v", d.Data, d.Remote)
			}
			if s := a.Stats(); s.Unroutable != 1 || s.ReceivedDatagrams != 3 || s.SentDatagrams != 1 {
				t.Errorf("%+v", s)
			}
			// A wildcard takes the place of an address on its port, and gives it back.
			update(t, a, Wildcard(p, Primary))
			speak(p)
			update(t, a, at("127.0.0.1", Primary, p))
			speak(p)
			if ids := a.IDs(); len(ids) != 1 || slices.Contains(first, ids[0]) {
				t.Errorf("IDs %v", ids)
			}
			update(t, a)
			if err := a.Send(run(1, 9, to)); err != nil {
				t.Fatal(err)
			}
			if len(a.IDs()) != 0 || a.Port() != p || a.Stats().Unroutable != 2 {
				t.Errorf("without sockets: %v, port %d, %+v", a.IDs(), a.Port(), a.Stats())
			}
			update(t, a, at("127.0.0.1", Primary, p))
			speak(p)
		})
	}
}

// TestUpdatePartly has one socket that cannot be had.
func TestUpdatePartly(t *testing.T) {
	a, b := open(t, Config{}), open(t, Config{})
	want := slices.Concat(at("127.0.0.1", Primary, b.Port()), at("192.0.2.77", Primary, freePort(t)), at("127.0.0.1", Secondary, freePort(t)))
	if err := a.Update(want); !PortInUse(err) {
		t.Errorf("%v", err)
	}
	if x := a.Status(); len(x) != 1 || x[0].Local != want[2].Local || x[0].Role != Secondary {
		t.Errorf("%+v", x)
	}
	_ = b.Close()
	if err := a.Update(want); err == nil || len(a.IDs()) != 2 || a.Port() != int(want[0].Local.Port()) {
		t.Errorf("%v, %v", err, a.IDs())
	}
	if err := b.Update(want); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}
}

// TestMixed sends a batch for several sockets, in the order of each.
func TestMixed(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, cfg), open(t, cfg)
			in := listen(t, b)
			to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
			ports := []int{freePort(t), freePort(t), freePort(t)}
			update(t, a, at("127.0.0.1", Primary, ports[0]), at("127.0.0.1", Secondary, ports[1:]...))
			ids := a.IDs()
			var batch []vl1.Datagram
			want := map[int][]byte{}
			for i := range byte(90) {
				d := vl1.Datagram{Data: []byte{i}, Remote: to}
				if i%4 != 0 {
					d.Socket = ids[i%3]
				}
				for j, id := range ids {
					if d.Socket == id || d.Socket == vl1.AnySocket {
						want[ports[j]] = append(want[ports[j]], i)
					}
				}
				batch = append(batch, d)
			}
			if err := a.Send(batch); err != nil {
				t.Fatal(err)
			}
			got := map[int][]byte{}
			for _, d := range in.wait(t, len(want[ports[0]])+len(want[ports[1]])+len(want[ports[2]])) {
				p := int(d.Remote.Port())
				got[p] = append(got[p], d.Data...)
			}
			for _, p := range ports {
				if !bytes.Equal(got[p], want[p]) {
					t.Errorf("from port %d: %v, want %v", p, got[p], want[p])
				}
			}
		})
	}
}

// TestReach keeps greetings to few sockets, and away from links that do not
// lead there.
func TestReach(t *testing.T) {
	a, b := open(t, Config{}), open(t, Config{})
	in := listen(t, b)
	want := at("127.0.0.9", Primary, freePort(t))
	want[0].Reach = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	want = append(want, at("127.0.0.8", Primary, freePort(t))...)
	want[1].Reach = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	for range 20 {
		want = append(want, at("127.0.0.7", Primary, freePort(t))...)
	}
	update(t, a, want)
	to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
	send := func(d vl1.Datagram) {
		t.Helper()
		d.Remote = to
		if err := a.Send([]vl1.Datagram{d}); err != nil {
			t.Fatal(err)
		}
	}
	send(vl1.Datagram{Data: []byte("any")})
	send(vl1.Datagram{Data: []byte("one"), Socket: a.IDs()[0]}) // named, it is used for anything
	got := in.wait(t, maxAny+1)
	if last := got[maxAny]; string(last.Data) != "one" || last.Remote != want[0].Local {
		t.Errorf("%q from %v", last.Data, last.Remote)
	}
	for i, d := range got[:maxAny] {
		if d.Remote != want[i+1].Local {
			t.Errorf("greeting %d from %v, want %v", i, d.Remote, want[i+1].Local)
		}
	}
	for i := range want {
		want[i].Reach = []netip.Prefix{}
	}
	ids := a.IDs()
	update(t, a, want)
	send(vl1.Datagram{Data: []byte("nowhere")})
	if s := a.Stats(); s.Unroutable != 1 || !slices.Equal(ids, a.IDs()) {
		t.Errorf("%+v, IDs %v, were %v", s, a.IDs(), ids)
	}
}

// TestIDs never come again, and leave out the places of open sockets.
func TestIDs(t *testing.T) {
	s := open(t, Config{})
	open := s.IDs()
	var last vl1.SocketID
	for range 3 * tableSize {
		s.mu.Lock()
		id, err := s.nextID()
		s.mu.Unlock()
		if err != nil || id <= last || slices.ContainsFunc(open, func(o vl1.SocketID) bool { return o%tableSize == id%tableSize }) {
			t.Fatalf("ID %d after %d, %v", id, last, err)
		}
		last = id
	}
	if s.LocalPort(open[0]+tableSize) != 0 {
		t.Error("an ID of the next round is known")
	}
	update(t, s, Wildcard(freePort(t), Primary))
	if ids := s.IDs(); ids[0] <= last {
		t.Errorf("IDs %v after %d", ids, last)
	}
	s.lastID = math.MaxInt32
	if err := s.Update(at("127.0.0.1", Primary, freePort(t))); err == nil || len(s.IDs()) != 0 {
		t.Errorf("%v, IDs %v", err, s.IDs())
	}
}

// TestSendAllocates: sending makes no garbage, however many sockets there are.
func TestSendAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector pools forget at random")
	}
	a, b := open(t, Config{}), open(t, Config{})
	var want []Binding
	for range 40 {
		want = append(want, at("127.0.0.1", Primary, freePort(t))...)
	}
	update(t, a, want)
	ids := a.IDs()
	batch := make([]vl1.Datagram, 64)
	for i := range batch {
		batch[i] = vl1.Datagram{Data: payload(100, i), Remote: netip.AddrPortFrom(loopback4, uint16(b.Port())), Socket: ids[i*7%len(ids)]}
	}
	if n := testing.AllocsPerRun(50, func() { _ = a.Send(batch) }); n > 2 { // the pools may be emptied
		t.Errorf("%v allocations a batch", n)
	}
}

// TestUpdateWhileSending is for the race detector.
func TestUpdateWhileSending(t *testing.T) {
	a, b := open(t, Config{}), open(t, Config{})
	in := listen(t, b)
	listen(t, a)
	to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
	p, q := freePort(t), freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := a.Send(run(3, 30, to)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 50 {
		update(t, a, at("127.0.0.1", Primary, p), at("127.0.0.1", Secondary, q)[:i%2])
	}
	in.wait(t, 1)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestStrays: burst sockets go with the address that they are bound to.
func TestStrays(t *testing.T) {
	a := open(t, Config{})
	p := freePort(t)
	update(t, a, at("127.0.0.1", Primary, p), at("127.0.0.2", Secondary, p))
	ids := a.IDs()
	here, err := a.Burst(2, ids[0], true)
	if err != nil {
		t.Fatal(err)
	}
	there, err := a.Burst(1, ids[1], true)
	if err != nil {
		t.Fatal(err)
	}
	update(t, a, at("127.0.0.1", Primary, freePort(t)))
	if a.LocalPort(here[0]) == 0 || a.LocalPort(here[1]) == 0 || a.LocalPort(there[0]) != 0 {
		t.Errorf("%+v", a.Status())
	}
}
