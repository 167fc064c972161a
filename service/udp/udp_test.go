package udp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"orrery/engine/vl1"
)

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// patience is what tests wait in vain for datagrams before they fail.
const patience = 2 * time.Minute

// transports are the configurations that every behaviour is tested with.
var transports = map[string]Config{
	"offloads":   {},
	"no offload": {noOffload: true},
	"plain":      {plain: true},
}

func open(t testing.TB, cfg Config) *Sockets {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	s := New(cfg)
	t.Cleanup(func() { _ = s.Close() })
	for try := 0; ; try++ {
		err := s.Update(Wildcard(freePort(t), Primary))
		if err == nil {
			return s
		}
		if !PortInUse(err) || try > 20 { // another program may have taken it meanwhile
			t.Fatal(err)
		}
	}
}

func update(t testing.TB, s *Sockets, want ...[]Binding) {
	t.Helper()
	if err := s.Update(slices.Concat(want...)); err != nil {
		t.Fatal(err)
	}
}

// freePorts are those that freePort has given to this run of the tests.
var freePorts struct {
	mu  sync.Mutex
	all []int
}

// freePort returns a free port, another one each time.
func freePort(t testing.TB) int {
	t.Helper()
	freePorts.mu.Lock()
	defer freePorts.mu.Unlock()
	if len(freePorts.all) > 10_000 { // of benchmarks, or of very many runs
		freePorts.all = nil
	}
	port, err := FreePort(freePorts.all...)
	if err != nil {
		t.Fatal(err)
	}
	freePorts.all = append(freePorts.all, port)
	return port
}

// inbox runs s and collects what it receives, copied.
type inbox struct {
	mu   sync.Mutex
	got  []vl1.Datagram
	more *sync.Cond
}

func listen(t testing.TB, s *Sockets) *inbox {
	t.Helper()
	in := &inbox{}
	in.more = sync.NewCond(&in.mu)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, in.take) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("Run: %v", err)
		}
	})
	return in
}

func (in *inbox) take(batch []vl1.Datagram) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, d := range batch {
		d.Data = bytes.Clone(d.Data)
		in.got = append(in.got, d)
	}
	in.more.Broadcast()
}

// wait returns the first n datagrams, and ends the test when they do not come.
func (in *inbox) wait(t testing.TB, n int) []vl1.Datagram {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		late = true
		in.more.Broadcast()
	})
	defer timer.Stop()
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.got) < n {
		if late {
			t.Fatalf("%d datagrams came, want %d", len(in.got), n)
		}
		in.more.Wait()
	}
	return slices.Clone(in.got[:n])
}

func payload(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + seed)
	}
	return b
}

func run(n, size int, to netip.AddrPort) []vl1.Datagram {
	batch := make([]vl1.Datagram, n)
	for i := range batch {
		batch[i] = vl1.Datagram{Data: payload(size, i), Remote: to}
	}
	return batch
}

func TestSendAndReceive(t *testing.T) {
	for name, cfg := range transports {
		for _, ip := range []netip.Addr{loopback4, loopback6} {
			t.Run(fmt.Sprintf("%s %s", name, ip), func(t *testing.T) {
				a, b := open(t, cfg), open(t, cfg)
				if ip.Is6() && len(b.IDs()) < 2 {
					t.Skip("no IPv6 here")
				}
				in := listen(t, b)
				to := netip.AddrPortFrom(ip, uint16(b.Port()))
				// Runs of equal sizes with a shorter last, growth, singles, and sizes that
				// no link carries whole.
				sizes := []int{1400, 1400, 1400, 100, 100, 100, 200, 1, 10024, 10024, 9000, 3, 3, 3, 40000}
				if cfg.noOffload {
					sizes = slices.DeleteFunc(sizes, func(n int) bool { return n > 10024 })
				}
				var batch []vl1.Datagram
				for i, n := range sizes {
					batch = append(batch, vl1.Datagram{Data: payload(n, i), Remote: to})
				}
				if err := a.Send(batch); err != nil {
					t.Fatal(err)
				}
				got := in.wait(t, len(sizes))
				for i, d := range got {
					if !bytes.Equal(d.Data, batch[i].Data) {
						t.Errorf("datagram %d: got %d bytes, want %d", i, len(d.Data), len(batch[i].Data))
					}
					if want := netip.AddrPortFrom(ip, uint16(a.Port())); d.Remote != want {
						t.Errorf("datagram %d: remote %v, want %v", i, d.Remote, want)
					}
					if cap(d.Data) < len(d.Data) || d.Socket == vl1.AnySocket {
						t.Errorf("datagram %d: socket %d", i, d.Socket)
					}
				}
				if s := a.Stats(); s.SentDatagrams != uint64(len(sizes)) || s.SendErrors != 0 {
					t.Errorf("sender's stats %+v", s)
				}
			})
		}
	}
}

// settled returns what has come once n datagrams have, or nothing has for a while:
// nobody tells what the kernel has dropped.
func (in *inbox) settled(n int) []vl1.Datagram {
	had, since := 0, time.Now()
	for {
		in.mu.Lock()
		got := slices.Clone(in.got)
		in.mu.Unlock()
		switch {
		case len(got) >= n || len(got) == had && time.Since(since) > 3*time.Second:
			return got
		case len(got) > had:
			had, since = len(got), time.Now()
		}
		<-time.After(5 * time.Millisecond) // between two looks
	}
}

// TestLargeBatch sends more than the kernel's queues may take when it does much
// else, and again if they did not.
func TestLargeBatch(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			const n = 2500 // more than one call takes, in messages and in vectors
			for range 10 {
				a, b := open(t, cfg), open(t, cfg)
				in := listen(t, b)
				to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
				batch := make([]vl1.Datagram, n)
				for i := range batch {
					batch[i] = vl1.Datagram{Data: payload(20+i/50, i), Remote: to}
				}
				if err := a.Send(batch); err != nil {
					t.Fatal(err)
				}
				if s := a.Stats(); s.SentDatagrams != n || s.SendErrors != 0 {
					t.Fatalf("sender's stats %+v", s)
				}
				got := in.settled(n)
				if len(got) < n {
					t.Logf("%d of %d came", len(got), n)
					continue
				}
				for i, d := range got {
					if !bytes.Equal(d.Data, batch[i].Data) {
						t.Fatalf("datagram %d differs", i)
					}
				}
				return
			}
			if os.Geteuid() > 0 {
				t.Skip("needs root for a receive buffer that takes it all")
			}
			t.Error("not all came, ten times")
		})
	}
}

func TestSocketChoice(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, cfg), open(t, Config{})
			update(t, a, Wildcard(a.Port(), Primary), Wildcard(freePort(t), Secondary), Wildcard(freePort(t), Tertiary))
			in := listen(t, b)
			if len(a.Ports()) != 3 || a.Ports()[0] != a.Port() {
				t.Fatalf("ports %v", a.Ports())
			}
			to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
			byPort := map[int][]vl1.SocketID{}
			for _, x := range a.Status() {
				if x.Local.Addr().Is4() {
					byPort[int(x.Local.Port())] = append(byPort[int(x.Local.Port())], x.ID)
				}
			}
			if err := a.Send([]vl1.Datagram{{Data: []byte("any"), Remote: to}}); err != nil {
				t.Fatal(err)
			}
			var from []int
			for _, d := range in.wait(t, 2) {
				from = append(from, int(d.Remote.Port()))
			}
			slices.Sort(from)
			want := slices.Sorted(slices.Values(a.Ports()[:2])) // the tertiary port is for mappings
			if !slices.Equal(from, want) {
				t.Errorf("AnySocket sent from %v, want %v", from, want)
			}
			second := byPort[a.Ports()[1]][0]
			mapped := netip.AddrPortFrom(netip.AddrFrom16(loopback4.As16()), to.Port())
			if err := a.Send([]vl1.Datagram{{Data: []byte("one"), Remote: mapped, Socket: second}}); err != nil {
				t.Fatal(err)
			}
			if got := in.wait(t, 3)[2]; int(got.Remote.Port()) != a.Ports()[1] {
				t.Errorf("socket %d sent from port %d", second, got.Remote.Port())
			}
			if err := a.Send([]vl1.Datagram{{Data: []byte("none"), Remote: to, Socket: 99}}); err != nil {
				t.Fatal(err)
			}
			if s := a.Stats(); s.Unroutable != 1 {
				t.Errorf("unroutable %d, want 1", s.Unroutable)
			}
		})
	}
}

func TestRefusedIsCounted(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, cfg), open(t, cfg)
			in := listen(t, b)
			to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
			bad := netip.AddrPortFrom(loopback4, 0) // no port: the kernel refuses
			batch := []vl1.Datagram{
				{Data: payload(10, 1), Remote: bad}, {Data: payload(10, 1), Remote: bad},
				{Data: payload(10, 2), Remote: to}, {Data: payload(70000, 0), Remote: to},
				{Data: payload(10, 3), Remote: to}, {Data: payload(9, 4), Remote: to},
				{Data: payload(10, 3), Remote: bad},
			}
			if err := a.Send(batch); err != nil {
				t.Fatal(err)
			}
			got := in.wait(t, 3)
			if !bytes.Equal(got[0].Data, batch[2].Data) || !bytes.Equal(got[2].Data, batch[5].Data) {
				t.Error("what could be sent did not arrive")
			}
			if s := a.Stats(); s.SendErrors != 4 || s.SentDatagrams != 3 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestRunEnds(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			s := open(t, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			for range 3 { // and can be run again
				if err := s.Run(ctx, func([]vl1.Datagram) {}); err != nil {
					t.Errorf("Run with an ended context: %v", err)
				}
			}
			done := make(chan error)
			go func() { done <- s.Run(context.Background(), func([]vl1.Datagram) {}) }()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Run after Close: %v", err)
			}
			to := netip.AddrPortFrom(loopback4, 9)
			if err := s.Send([]vl1.Datagram{{Data: []byte("x"), Remote: to}}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Send after Close: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	a := open(t, Config{})
	if p := a.Port(); p < firstRandomPort || p >= firstRandomPort+randomPorts {
		t.Errorf("random port %d", p)
	}
	if err := TryPort(a.Port()); !PortInUse(err) {
		t.Errorf("port in use: %v", err)
	}
	b := New(Config{Log: slog.New(slog.DiscardHandler)})
	defer b.Close()
	if err := b.Update(Wildcard(a.Port(), Primary)); !PortInUse(err) || len(b.IDs()) != 0 {
		t.Errorf("port in use: %v, sockets %v", err, b.IDs())
	}
	for _, p := range []int{0, -1, 65536} {
		if err := TryPort(p); err == nil {
			t.Errorf("port %d accepted", p)
		}
	}
	if ids := a.IDs(); ids[0] != 1 || a.LocalPort(1) != a.Port() || a.LocalPort(77) != 0 {
		t.Errorf("IDs %v, port %d", ids, a.LocalPort(1))
	}
}

func TestConcurrentSend(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, cfg), open(t, Config{})
			in := listen(t, b)
			to := netip.AddrPortFrom(loopback4, uint16(b.Port()))
			const workers, each = 8, 40
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					batch := make([]vl1.Datagram, each)
					for i := range batch {
						batch[i] = vl1.Datagram{Data: []byte{byte(w), byte(i)}, Remote: to}
					}
					if err := a.Send(batch); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			next := [workers]byte{}
			for _, d := range in.wait(t, workers*each) {
				w := d.Data[0]
				if d.Data[1] != next[w] {
					t.Fatalf("worker %d: datagram %d came when %d was due", w, d.Data[1], next[w])
				}
				next[w]++
			}
		})
	}
}
