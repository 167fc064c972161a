package portmap

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Config says what to map.
type Config struct {
	// Port is the local UDP port, not 0. The same number is asked for outside.
	Port uint16
	// Description is shown in the gateway's list of mappings (UPnP only). It
	// must be this node's alone, such as "Orrery/89e92ceee5": mappings of this
	// machine with just this description are taken for leftovers of an earlier
	// run and deleted.
	Description string
	// Seed is a secret that this node keeps over restarts. It makes the number
	// that owns the mapping, so that a restarted node can take over its PCP
	// mapping. Random if empty.
	Seed []byte
	// Avoid reports whether an address belongs to one of our virtual networks:
	// there is no gateway to be asked in those. It may be nil.
	Avoid func(netip.Addr) bool
	// Control is called for sockets before they are connected, see
	// [net.Dialer.Control]. It may be nil. It is not called for NAT-PMP.
	Control func(network, address string, c syscall.RawConn) error
	// External is called by the goroutine of Run when the address changes at
	// which the port can be reached, and with ok = false when it cannot be
	// reached any more. It may be nil.
	External func(external netip.AddrPort, ok bool)
	// Log must not be nil.
	Log *slog.Logger

	// What follows stands in for the system in tests.
	clock  clock
	routes func() ([]route, error)
	makers map[Method]maker
}

// Mapper keeps one port mapped. Its methods may be called from several
// goroutines.
type Mapper struct {
	cfg     Config
	changed chan struct{}
	makers  map[Method]maker
	natpmp  *natpmp

	// Of the goroutine of Run:
	link   link
	lease  *lease
	prefer Method // what has worked with this gateway
	epoch  epoch
	failed int     // rounds that have made no mapping, in a row
	asked  *asking // a request that may have been heard without our knowing
	begun  time.Time

	mu      sync.Mutex // guards what follows
	status  Status
	expires time.Time
	next    time.Time
}

// asking is a request that is under way.
type asking struct {
	method Method
	want   want
}

const (
	// firstPause and longestPause bound the pauses after failures.
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Minute
	// longestRequested bounds the pauses that a gateway may ask for.
	longestRequested = 30 * time.Minute
	// leastGap is what passes at least between two rounds, however often the
	// network changes.
	leastGap = 2 * time.Second
	// calmFor is how long after a renewal changes of the network that leave the
	// gateway as it is make us ask it again.
	calmFor = 30 * time.Second
	// leavePatience is how long the deletion of a mapping may take.
	leavePatience = 2 * time.Second
)

// order is the order of the methods.
var order = [...]Method{PCP, NATPMP, UPnP}

// New makes a mapper that has asked for nothing yet.
func New(cfg Config) *Mapper {
	if cfg.Avoid == nil {
		cfg.Avoid = func(netip.Addr) bool { return false }
	}
	if cfg.External == nil {
		cfg.External = func(netip.AddrPort, bool) {}
	}
	if cfg.clock == nil {
		cfg.clock = systemClock{}
	}
	if cfg.routes == nil {
		cfg.routes = defaultRoutes
	}
	m := &Mapper{
		cfg: cfg, changed: make(chan struct{}, 1), makers: cfg.makers,
		status: Status{Port: cfg.Port, Code: Trying, Text: "The gateway has not been asked yet."},
	}
	m.natpmp = &natpmp{patience: natpmpPatience}
	if m.makers == nil {
		d := dialer{control: cfg.Control}
		m.makers = map[Method]maker{
			PCP:    &pcp{dial: d, nonce: newNonce(cfg.Seed, cfg.Port), patience: pcpPatience},
			NATPMP: m.natpmp,
			UPnP:   &upnp{dial: d, description: cfg.Description, group: multicastSSDP, patience: searchPatience},
		}
	}
	return m
}

// newNonce makes the number that owns a mapping: the same for the same seed and
// port, so that it outlives the process.
func newNonce(seed []byte, port uint16) (n nonce) {
	if len(seed) == 0 {
		_, _ = rand.Read(n[:]) // cannot fail
		return n
	}
	h := hmac.New(sha256.New, seed)
	_, _ = fmt.Fprintf(h, "orrery port mapping %d", port) // cannot fail
	copy(n[:], h.Sum(nil))
	return n
}

// Run keeps the port mapped until ctx ends, then deletes the mapping and
// returns, at most some seconds later. It may be called once.
func (m *Mapper) Run(ctx context.Context) {
	defer m.natpmp.wait()
	for ctx.Err() == nil {
		m.begun = m.cfg.clock.now()
		m.pause(ctx, m.round(ctx))
	}
	m.leave(ctx)
	m.report(Status{Code: Stopped, Text: "Port mapping has stopped."})
}

// pause waits for the next round: for d, or until the network changes, but a
// little since the last round in any case.
func (m *Mapper) pause(ctx context.Context, d time.Duration) {
	m.mu.Lock()
	m.next = m.cfg.clock.now().Add(d)
	m.mu.Unlock()
	timer, stop := m.cfg.clock.after(d)
	defer stop()
	select {
	case <-ctx.Done():
		return
	case <-timer:
		return
	case <-m.changed:
	}
	for m.calm() > 0 {
		// Where much changes, such as routes that others fight for, a gateway that
		// is still the same is left in peace for a while.
		calm, stop := m.cfg.clock.after(m.calm())
		select {
		case <-ctx.Done():
		case <-calm:
		case <-m.changed:
			stop()
			continue
		}
		stop()
		break
	}
	if m.lease != nil {
		m.lease.renew = m.cfg.clock.now() // whoever the gateway is now, ask it
	}
	gap, stopGap := m.cfg.clock.after(leastGap - m.cfg.clock.now().Sub(m.begun))
	defer stopGap()
	select {
	case <-ctx.Done():
	case <-gap:
	}
}

// calm is how long a change of the network can wait: the gateway and our address
// are what they were when the gateway confirmed the mapping a moment ago. The
// calendar tells how long that is, since the other clock may stop in a sleep.
func (m *Mapper) calm() time.Duration {
	if m.lease == nil {
		return 0
	}
	since := m.cfg.clock.now().Round(0).Sub(m.lease.made.Round(0))
	if since < 0 || since >= calmFor {
		return 0
	}
	routes, err := m.cfg.routes()
	if err != nil {
		return 0
	}
	if l, err := choose(routes, m.cfg.Avoid); err != nil || l != m.link {
		return 0
	}
	return calmFor - since
}

// round does what is due and returns how long to wait for the next.
func (m *Mapper) round(ctx context.Context) time.Duration {
	routes, err := m.cfg.routes()
	var l link
	if err == nil {
		l, err = choose(routes, m.cfg.Avoid)
	}
	if l != m.link {
		m.moved(ctx, l)
	}
	if err != nil {
		m.failed++
		m.report(Status{Code: NoGateway, Text: sentence(err.Error())})
		return m.backOff(0)
	}
	switch {
	case m.lease == nil:
		return m.seek(ctx)
	case !m.cfg.clock.now().Before(m.lease.renew):
		return m.renew(ctx)
	}
	return m.check(ctx)
}

// moved takes leave of the old gateway and forgets it.
func (m *Mapper) moved(ctx context.Context, l link) {
	if m.link != (link{}) {
		m.cfg.Log.Info("the gateway or our address has changed", "gateway", l.gateway, "local", l.local)
	}
	m.leave(ctx)
	for _, k := range m.makers {
		k.forget()
	}
	m.link, m.prefer, m.epoch, m.failed = l, None, epoch{}, 0
}

// leave deletes the mapping, as far as the gateway can be reached.
func (m *Mapper) leave(ctx context.Context) {
	what, g := m.asked, grant{}
	if m.lease != nil {
		what, g = &asking{m.lease.method, m.lease.want}, m.lease.grant
	}
	m.lease, m.asked = nil, nil
	if what == nil {
		return
	}
	m.withdraw()
	m.release(ctx, what.method, what.want, g)
}

// release deletes a mapping even if ctx has ended.
func (m *Mapper) release(ctx context.Context, method Method, w want, g grant) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leavePatience)
	defer cancel()
	if err := m.makers[method].release(ctx, w, g); err != nil {
		m.cfg.Log.Debug("port mapping not deleted", "method", method.String(), "gateway", w.gateway, "err", err)
	}
}

// seek tries the methods, the one that has worked first.
func (m *Mapper) seek(ctx context.Context) time.Duration {
	methods := slices.DeleteFunc(slices.Clone(order[:]), func(k Method) bool { return k == m.prefer })
	if m.prefer != None {
		methods = slices.Insert(methods, 0, m.prefer)
	}
	var attempts []Attempt
	var worst *problem
	var external netip.Addr
	for _, k := range methods {
		g, err := m.ask(ctx, k, want{link: m.link, port: m.cfg.Port})
		if ctx.Err() != nil {
			return 0
		}
		if err == nil {
			return m.accept(k, want{link: m.link, port: m.cfg.Port}, g, append(attempts, Attempt{Method: k}))
		}
		p := problemOf(err)
		attempts = append(attempts, Attempt{Method: k, Problem: p.text})
		if worst == nil || p.rank() > worst.rank() {
			worst = p
		}
		if g.external.IsValid() {
			external = g.external.Addr()
		}
		if p.code == DoubleNAT || p.code == NoNAT {
			break // the other methods cannot change that
		}
	}
	m.failed++
	s := Status{Code: worst.code, Text: worst.sentence(), Attempts: attempts}
	if external.IsValid() {
		s.External = netip.AddrPortFrom(external, 0)
	}
	m.report(s)
	if worst.code == DoubleNAT || worst.code == NoNAT {
		return longestPause
	}
	return m.backOff(worst.pause)
}

// ask asks for a mapping and makes sure that it makes sense. One that does not
// is deleted.
func (m *Mapper) ask(ctx context.Context, k Method, w want) (grant, error) {
	m.asked = &asking{k, w}
	g, err := m.makers[k].ask(ctx, w, func(a netip.Addr) error { return w.acceptable(a, m.cfg.Avoid) })
	if ctx.Err() != nil {
		return g, ctx.Err() // Run ends and deletes what there may be
	}
	m.asked = nil
	if err != nil {
		return g, err
	}
	if g.hasEpoch && m.epoch.lost(g.epoch, m.cfg.clock.now()) {
		m.cfg.Log.Info("the gateway has restarted", "gateway", w.gateway)
	}
	if err := g.check(&w, m.cfg.Avoid); err != nil {
		m.release(ctx, k, w, g)
		return g, err
	}
	return g, nil
}

// accept takes a mapping over and returns when to look at it again.
func (m *Mapper) accept(k Method, w want, g grant, attempts []Attempt) time.Duration {
	now := m.cfg.clock.now()
	if m.lease == nil || m.lease.grant.external != g.external {
		m.cfg.Log.Info("UDP port mapped", "method", k.String(), "gateway", w.gateway, "port", w.port, "external", g.external, "lease", g.life)
	}
	w.hint = g.external
	m.lease = &lease{method: k, want: w, grant: g, made: now}
	m.lease.renew = now.Add(m.lease.life() / 2)
	m.prefer, m.failed = k, 0
	m.report(Status{
		Code: Mapped, Text: fmt.Sprintf("The gateway passes UDP port %d on to this machine (%v).", g.external.Port(), k),
		Method: k, External: g.external, Permanent: g.life == 0, Attempts: attempts,
	})
	return m.untilNext()
}

// untilNext is how long to wait with a lease: for its renewal or the next check.
func (m *Mapper) untilNext() time.Duration {
	return max(0, min(checkEvery, m.lease.renew.Sub(m.cfg.clock.now())))
}

// renew asks for the same mapping again.
func (m *Mapper) renew(ctx context.Context) time.Duration {
	l := m.lease
	g, err := m.ask(ctx, l.method, l.want)
	if ctx.Err() != nil {
		return 0
	}
	if err == nil {
		return m.accept(l.method, l.want, g, []Attempt{{Method: l.method}})
	}
	now := m.cfg.clock.now()
	p := problemOf(err)
	// No answer may come from a gateway that is starting: what it has granted
	// counts until it ends, and until then nothing else is mapped.
	if left := l.ends().Sub(now); p.code == Unanswered && left > 0 {
		l.failed++
		d := min(pauseAfter(l.failed), left)
		l.renew = now.Add(d)
		m.note(Attempt{Method: l.method, Problem: p.text})
		m.cfg.Log.Debug("port mapping not renewed", "method", l.method.String(), "gateway", l.want.gateway, "err", err)
		return d
	}
	m.cfg.Log.Info("port mapping lost", "method", l.method.String(), "gateway", l.want.gateway, "err", err)
	m.lease = nil
	m.withdraw()
	if p.code != Unanswered {
		m.release(ctx, l.method, l.want, l.grant) // it may still have the old one
	}
	return m.seek(ctx)
}

// check looks whether the mapping is still there, and makes it again if not.
func (m *Mapper) check(ctx context.Context) time.Duration {
	l := m.lease
	g, err := m.makers[l.method].check(ctx, l.want, l.grant)
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.Is(err, errLost):
	case err != nil: // it shows at the renewal
		m.cfg.Log.Debug("port mapping not checked", "method", l.method.String(), "gateway", l.want.gateway, "err", err)
		return m.untilNext()
	case g.hasEpoch && m.epoch.lost(g.epoch, m.cfg.clock.now()):
		m.cfg.Log.Info("the gateway has restarted", "gateway", l.want.gateway)
	case g.external.IsValid() && g.external.Addr() != l.grant.external.Addr():
	default:
		return m.untilNext()
	}
	return m.renew(ctx)
}

// backOff is the pause after rounds without a mapping, or what the gateway has
// asked for if that is longer.
func (m *Mapper) backOff(requested time.Duration) time.Duration {
	return max(pauseAfter(m.failed), min(requested, longestRequested))
}

// pauseAfter doubles from firstPause to longestPause.
func pauseAfter(failed int) time.Duration {
	d := firstPause
	for range failed - 1 {
		if d *= 2; d >= longestPause {
			return longestPause
		}
	}
	return d
}

// Changed tells that the machine's addresses, routes or clock have changed:
// the gateway is looked up and asked again soon. It does not block.
func (m *Mapper) Changed() {
	select {
	case m.changed <- struct{}{}:
	default: // one is enough
	}
}
