package portmap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// rig is a mapper with a clock that the test drives.
type rig struct {
	*Mapper
	t      *testing.T
	clock  *manual
	cancel context.CancelFunc
	done   chan struct{}
	wait   *waiting // what the mapper waits for

	mu     sync.Mutex // guards what follows
	events []string
	routes []route
}

// events records what was offered.
func (r *rig) event(a netip.AddrPort, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.events = append(r.events, "none")
		return
	}
	r.events = append(r.events, a.String())
}

// took returns what was offered since the last call.
func (r *rig) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.events
	r.events = nil
	return all
}

func (r *rig) offered(want ...string) {
	r.t.Helper()
	if got := r.took(); !slices.Equal(got, want) {
		r.t.Errorf("offered %v, want %v", got, want)
	}
}

// code lets the time pass that the mapper waits for, lets it do what it does
// then, and checks its status and, unless that is negative, how long it waits
// now. After it the mapper stands still.
func (r *rig) code(want Code, d time.Duration) Status {
	r.t.Helper()
	r.step()
	return r.check(want, d)
}

// step is code without the checks.
func (r *rig) step() {
	r.t.Helper()
	if r.wait != nil {
		r.clock.fire(r.wait)
	}
	r.wait = r.clock.next(r.t)
}

func (r *rig) check(want Code, d time.Duration) Status {
	r.t.Helper()
	s := r.Status()
	if s.Code != want {
		r.t.Errorf("code %q, want %q: %+v", s.Code, want, s)
	}
	if d >= 0 && r.wait.d != d {
		r.t.Errorf("waits %v, want %v", r.wait.d, d)
	}
	if s.Next != r.wait.d {
		r.t.Errorf("says that it waits %v, but waits %v", s.Next, r.wait.d)
	}
	if _, ok := r.External(); ok != (s.Code == Mapped) {
		r.t.Errorf("%q, but offered: %v", s.Code, ok)
	}
	if s.Text == "" {
		r.t.Errorf("%q without text", s.Code)
	}
	return s
}

// disturb tells of a change and lets the gap pass that follows.
func (r *rig) disturb(gap time.Duration) {
	r.t.Helper()
	r.Changed()
	r.Changed() // together
	r.wait = r.clock.next(r.t)
	if r.wait.d != gap {
		r.t.Errorf("waits %v after a change, want %v", r.wait.d, gap)
	}
}

func (r *rig) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case <-r.done:
	case <-time.After(2 * time.Minute):
		r.t.Fatal("does not stop")
	}
	if s := r.Status(); s.Code != Stopped || s.Next != 0 {
		r.t.Errorf("in the end %+v", s)
	}
	if _, ok := r.External(); ok {
		r.t.Error("offers something in the end")
	}
}

// run starts a mapper.
func run(t *testing.T, c *manual, cfg Config, routes ...route) *rig {
	t.Helper()
	r := &rig{t: t, clock: c, done: make(chan struct{}), routes: routes}
	cfg.Log, cfg.External, cfg.clock = quiet, r.event, c
	cfg.routes = func() ([]route, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Clone(r.routes), nil
	}
	r.Mapper = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// script is a method that does what a test says.
type script struct {
	name string
	log  *journal

	mu     sync.Mutex // guards what follows
	answer func(ctx context.Context, w want) (grant, error)
	look   func() (grant, error)
}

// journal collects what the methods were asked.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("asked %q, want %q", j.lines, want)
	}
	j.lines = nil
}

func (s *script) set(answer func(ctx context.Context, w want) (grant, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *script) seen(look func() (grant, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look = look
}

func (s *script) ask(ctx context.Context, w want, ok func(netip.Addr) error) (grant, error) {
	s.log.add("%s %v", s.name, w.gateway)
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return grant{}, unanswered("no answer")
	}
	return answer(ctx, w)
}

func (s *script) check(context.Context, want, grant) (grant, error) {
	s.log.add("%s check", s.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.look == nil {
		return grant{}, nil
	}
	return s.look()
}

func (s *script) release(_ context.Context, w want, g grant) error {
	s.log.add("%s release %v %d", s.name, w.gateway, g.external.Port())
	return nil
}

func (s *script) forget() {}

func granting(external string, life time.Duration) func(context.Context, want) (grant, error) {
	return func(context.Context, want) (grant, error) {
		return grant{external: netip.MustParseAddrPort(external), life: life}, nil
	}
}

func failing(err error) func(context.Context, want) (grant, error) {
	return func(context.Context, want) (grant, error) { return grant{}, err }
}

// scripted makes three methods that write to one journal.
func scripted() (p, n, u *script, j *journal, cfg Config) {
	j = new(journal)
	p, n, u = &script{name: "pcp", log: j}, &script{name: "natpmp", log: j}, &script{name: "upnp", log: j}
	return p, n, u, j, Config{Port: 9994, makers: map[Method]maker{PCP: p, NATPMP: n, UPnP: u}}
}

var (
	home  = route{gateway: netip.MustParseAddr("192.168.1.1"), source: netip.MustParseAddr("192.168.1.2")}
	hotel = route{gateway: netip.MustParseAddr("10.0.0.1"), source: netip.MustParseAddr("10.0.0.2")}
)

func TestOrderAndMemory(t *testing.T) {
	t.Parallel()
	_, n, _, j, cfg := scripted()
	n.set(granting("5.6.7.8:9994", 2*time.Hour))
	r := run(t, newManual(), cfg, home)
	s := r.code(Mapped, checkEvery)
	j.expect(t, "pcp 192.168.1.1", "natpmp 192.168.1.1")
	r.offered("5.6.7.8:9994")
	if s.Method != NATPMP || s.Left != 2*time.Hour || s.Gateway != home.gateway || s.Local != home.source || s.Port != 9994 {
		t.Errorf("%+v", s)
	}
	if len(s.Attempts) != 2 || s.Attempts[0] != (Attempt{PCP, "no answer"}) || s.Attempts[1] != (Attempt{NATPMP, ""}) {
		t.Errorf("attempts %+v", s.Attempts)
	}
	// Every five minutes a look, at half of the lease a renewal.
	for range 10 {
		r.code(Mapped, checkEvery)
		j.expect(t, "natpmp check")
	}
	r.code(Mapped, checkEvery)
	j.expect(t, "natpmp check")
	if s := r.code(Mapped, checkEvery); s.Left != 2*time.Hour {
		t.Errorf("after the renewal %v are left", s.Left)
	}
	j.expect(t, "natpmp 192.168.1.1")
	r.offered()
	// What has worked is asked first, also after it has failed.
	n.seen(func() (grant, error) { return grant{}, errLost })
	n.set(failing(refused("no")))
	r.code(Refused, firstPause)
	j.expect(t, "natpmp check", "natpmp 192.168.1.1", "natpmp release 192.168.1.1 9994", "natpmp 192.168.1.1", "pcp 192.168.1.1", "upnp 192.168.1.1")
	r.offered("none")
	r.stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if l == "natpmp release 192.168.1.1 9994" {
			t.Error("deleted twice")
		}
	}
}

func TestBackOff(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	r := run(t, newManual(), cfg, home)
	for i := range 13 {
		s := r.code(Unanswered, pauseAfter(i+1))
		j.expect(t, "pcp 192.168.1.1", "natpmp 192.168.1.1", "upnp 192.168.1.1")
		if len(s.Attempts) != 3 {
			t.Errorf("attempts %+v", s.Attempts)
		}
	}
	// A gateway may ask for more patience, within reason.
	p.set(failing(&problem{code: Refused, text: "no resources left", pause: 20 * time.Minute}))
	if s := r.code(Refused, 20*time.Minute); s.Text != "No resources left." {
		t.Errorf("text %q", s.Text)
	}
	p.set(failing(&problem{code: Refused, text: "no", pause: 1000 * time.Hour}))
	r.code(Refused, longestRequested)
	// Success starts over.
	p.set(granting("5.6.7.8:9994", 2*time.Minute))
	r.code(Mapped, time.Minute)
	p.set(failing(refused("no")))
	r.code(Refused, firstPause)
	r.offered("5.6.7.8:9994", "none")
	r.stop()
}

func TestNoGateway(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	p.set(granting("5.6.7.8:9994", time.Hour))
	r := run(t, newManual(), cfg)
	r.code(NoGateway, firstPause)
	s := r.code(NoGateway, 2*firstPause)
	if s.Text != "This machine has no IPv4 gateway." || s.Gateway.IsValid() {
		t.Errorf("%+v", s)
	}
	j.expect(t)
	r.mu.Lock()
	r.routes = []route{home}
	r.mu.Unlock()
	r.code(Mapped, -1)
	r.code(Mapped, -1)
	r.mu.Lock()
	r.routes = nil
	r.mu.Unlock()
	r.code(NoGateway, -1)
	r.offered("5.6.7.8:9994", "none")
	j.expect(t, "pcp 192.168.1.1", "pcp check", "pcp release 192.168.1.1 9994")
	r.stop()
}

func TestMoved(t *testing.T) {
	t.Parallel()
	p, n, _, j, cfg := scripted()
	n.set(granting("5.6.7.8:9994", time.Hour))
	r := run(t, newManual(), cfg, home)
	r.code(Mapped, checkEvery)
	p.set(granting("5.6.7.9:9994", time.Hour))
	r.mu.Lock()
	r.routes = []route{hotel, home}
	r.mu.Unlock()
	r.disturb(leastGap)
	r.code(Mapped, checkEvery)
	j.expect(t, "pcp 192.168.1.1", "natpmp 192.168.1.1", "natpmp release 192.168.1.1 9994", "pcp 10.0.0.1")
	r.offered("5.6.7.8:9994", "none", "5.6.7.9:9994")
	r.stop()
}

// TestManyChanges has the network change all the time, but not for us: the
// gateway is asked again once, after half a minute. Another gateway is asked at
// once.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	p.set(granting("5.6.7.8:9994", time.Hour))
	r := run(t, newManual(), cfg, home)
	r.code(Mapped, checkEvery)
	for passed := time.Duration(0); passed < calmFor; passed += calmFor / 10 {
		r.Changed()
		if w := r.clock.next(t); w.d != calmFor-passed {
			t.Errorf("waits %v after %v", w.d, passed)
		} else if r.wait = w; passed < calmFor*9/10 {
			r.clock.advance(calmFor / 10)
		}
	}
	j.expect(t, "pcp 192.168.1.1")
	r.clock.fire(r.wait) // the last tenth, and then some
	r.wait = r.clock.next(t)
	r.code(Mapped, -1)
	j.expect(t, "pcp 192.168.1.1")
	r.mu.Lock()
	r.routes = []route{hotel}
	r.mu.Unlock()
	r.disturb(leastGap)
	r.code(Mapped, -1)
	j.expect(t, "pcp release 192.168.1.1 9994", "pcp 10.0.0.1")
	r.stop()
}

// TestChangedAtHome is another network with the same addresses, or none.
func TestChangedAtHome(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	p.set(granting("5.6.7.8:9994", time.Hour))
	r := run(t, newManual(), cfg, home)
	r.code(Mapped, checkEvery)
	p.set(granting("5.6.7.9:9995", time.Hour))
	r.clock.advance(time.Minute)      // nothing has happened for a while
	r.disturb(leastGap - time.Minute) // at once
	r.code(Mapped, -1)
	j.expect(t, "pcp 192.168.1.1", "pcp 192.168.1.1")
	r.offered("5.6.7.8:9994", "5.6.7.9:9995")
	r.stop()
	j.expect(t, "pcp release 192.168.1.1 9995")
	r.offered("none")
}

func TestReboot(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	c := newManual()
	boot := c.now().Add(-10 * time.Hour)
	var mu sync.Mutex
	epoch := func() uint32 {
		mu.Lock()
		defer mu.Unlock()
		return uint32(c.now().Sub(boot) / time.Second)
	}
	port := uint16(9994)
	p.set(func(context.Context, want) (grant, error) {
		return grant{external: netip.AddrPortFrom(outside, port), life: time.Hour, epoch: epoch(), hasEpoch: true}, nil
	})
	p.seen(func() (grant, error) { return grant{epoch: epoch(), hasEpoch: true}, nil })
	r := run(t, c, cfg, home)
	r.code(Mapped, checkEvery)
	r.code(Mapped, checkEvery)
	j.expect(t, "pcp 192.168.1.1", "pcp check")
	mu.Lock()
	boot, port = c.now().Add(time.Minute), 9995
	mu.Unlock()
	r.code(Mapped, checkEvery)
	j.expect(t, "pcp check", "pcp 192.168.1.1")
	r.offered("5.6.7.8:9994", "5.6.7.8:9995")
	// Another address outside is noticed too.
	p.seen(func() (grant, error) { return grant{external: netip.MustParseAddrPort("5.6.7.9:0")}, nil })
	p.set(granting("5.6.7.9:9995", time.Hour))
	r.code(Mapped, checkEvery)
	r.offered("5.6.7.9:9995")
	// A check that fails proves nothing.
	j.expect(t, "pcp check", "pcp 192.168.1.1")
	p.seen(func() (grant, error) { return grant{}, unanswered("no answer") })
	r.code(Mapped, -1)
	r.offered()
	r.stop()
}

// TestSilentRenewal is a gateway that is starting, or has gone.
func TestSilentRenewal(t *testing.T) {
	t.Parallel()
	p, _, u, j, cfg := scripted()
	p.set(granting("5.6.7.8:9994", 4*time.Minute))
	r := run(t, newManual(), cfg, home)
	r.code(Mapped, 2*time.Minute)
	u.set(granting("5.6.7.8:9999", time.Hour))
	p.set(nil)
	// The lease counts until it ends; nothing else is mapped meanwhile.
	var d time.Duration
	for i := 1; d < 2*time.Minute; i++ {
		s := r.code(Mapped, min(pauseAfter(i), 2*time.Minute-d))
		if s.Left != 2*time.Minute-d || !slices.Contains(s.Attempts, Attempt{PCP, "no answer"}) {
			t.Errorf("after %v: %+v", d, s)
		}
		d += s.Next
	}
	r.code(Mapped, -1)
	r.offered("5.6.7.8:9994", "none", "5.6.7.8:9999")
	j.mu.Lock()
	if got := j.lines[len(j.lines)-4:]; !slices.Equal(got, []string{"pcp 192.168.1.1", "pcp 192.168.1.1", "natpmp 192.168.1.1", "upnp 192.168.1.1"}) {
		t.Errorf("at last asked %q", got)
	}
	j.mu.Unlock()
	r.stop()
}

func TestLies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		external string
		life     time.Duration
		code     Code
		pause    time.Duration
		asked    []string
	}{
		"port 0":       {"5.6.7.8:0", time.Hour, Misbehaves, firstPause, []string{"pcp", "pcp release", "natpmp", "upnp"}},
		"short":        {"5.6.7.8:9994", time.Second, Refused, firstPause, []string{"pcp", "pcp release", "natpmp", "upnp"}},
		"double NAT":   {"192.168.0.10:9994", time.Hour, DoubleNAT, longestPause, []string{"pcp", "pcp release"}},
		"carrier":      {"100.70.1.1:9994", time.Hour, DoubleNAT, longestPause, []string{"pcp", "pcp release"}},
		"no NAT":       {"192.168.1.2:9994", time.Hour, NoNAT, longestPause, []string{"pcp", "pcp release"}},
		"no uplink":    {"0.0.0.0:9994", time.Hour, NoExternal, firstPause, []string{"pcp", "pcp release", "natpmp", "upnp"}},
		"our own wire": {"9.9.9.9:9994", time.Hour, DoubleNAT, longestPause, []string{"pcp", "pcp release"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _, _, j, cfg := scripted()
			cfg.Avoid = func(a netip.Addr) bool { return a == netip.MustParseAddr("9.9.9.9") }
			p.set(granting(c.external, c.life))
			r := run(t, newManual(), cfg, home)
			s := r.code(c.code, c.pause)
			if want := netip.AddrPortFrom(netip.MustParseAddrPort(c.external).Addr(), 0); s.External != want {
				t.Errorf("shows %v, want %v", s.External, want)
			}
			j.mu.Lock()
			for i, l := range c.asked {
				want := l + " 192.168.1.1"
				if l == "pcp release" {
					want += fmt.Sprintf(" %d", netip.MustParseAddrPort(c.external).Port())
				}
				if i >= len(j.lines) || j.lines[i] != want {
					t.Errorf("asked %q, want %q", j.lines, c.asked)
					break
				}
			}
			j.mu.Unlock()
			r.offered()
			r.stop()
		})
	}
}

// TestStopWhileAsking: the gateway may have heard a question whose answer we
// did not wait for.
func TestStopWhileAsking(t *testing.T) {
	t.Parallel()
	p, _, _, j, cfg := scripted()
	asked := make(chan struct{})
	p.set(func(ctx context.Context, _ want) (grant, error) {
		close(asked)
		<-ctx.Done()
		return grant{}, context.Cause(ctx)
	})
	r := run(t, newManual(), cfg, home)
	<-asked
	r.stop()
	j.expect(t, "pcp 192.168.1.1", "pcp release 192.168.1.1 0")
	r.offered()
}

func TestRoutesFail(t *testing.T) {
	t.Parallel()
	_, _, _, j, cfg := scripted()
	c := newManual()
	cfg.Log, cfg.clock = quiet, c
	cfg.routes = func() ([]route, error) { return nil, errors.New("list routes: permission denied") }
	m := New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	c.next(t)
	if s := m.Status(); s.Code != NoGateway || s.Text != "List routes: permission denied." {
		t.Errorf("%+v", s)
	}
	cancel()
	<-done
	j.expect(t)
}
