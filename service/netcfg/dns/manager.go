package dns

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// firstRetry and lastRetry are the pauses after which what failed is tried
	// again; they double.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// beginLimit bounds what is done at the start, before anything else, and
	// closeLimit what is done at the end.
	beginLimit = 5 * time.Second
	closeLimit = 5 * time.Second
)

// Config says how a manager works.
type Config struct {
	// Journal is the path of the journal.
	Journal string
	Log     *slog.Logger
	// Changed, if not nil, is called after a status has changed.
	Changed func()
}

// Interface is a network's device.
type Interface struct {
	Name  string
	Index int
	// Bridge is the bridge of the system that has the device's addresses, empty
	// if there is none.
	Bridge string
}

// Manager tells the machine's resolver what networks want of it. Its methods
// may be called from any goroutine. Set does not wait for the resolver; Remove
// and Close do, for seconds at most.
type Manager struct {
	cfg    Config
	sys    system
	wake   chan struct{}
	cancel context.CancelFunc
	ended  chan struct{}

	mu sync.Mutex // guards what follows, for moments
	// wishes, statuses and dirty are by network. What is dirty is to be compared
	// with what the resolver has.
	wishes   map[string]*wish
	statuses map[string]Status
	dirty    map[string]bool

	work    turn // held while the resolver is told; guards what follows
	journal journal
	owned   []entry // what the journal has
	current string  // the resolver that was told last
	holders map[string]string
	sick    bool // the last call of a resolver ran into its limit
}

// turn is a lock that may be held for seconds.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// allQueries is the key of holders for those who get all queries.
const allQueries = "."

// Open undoes what an earlier run has left according to the journal, and
// returns a manager that keeps this journal. What could not be undone is tried
// again; that and a damaged journal are logged and no reason to fail.
func Open(cfg Config) (*Manager, error) {
	return openOn(newSystem(cfg.Log), cfg)
}

func openOn(sys system, cfg Config) (*Manager, error) {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Manager{
		cfg: cfg, sys: sys, wake: make(chan struct{}, 1), cancel: cancel, ended: make(chan struct{}),
		wishes: make(map[string]*wish), statuses: make(map[string]Status), dirty: make(map[string]bool),
		work: make(turn, 1), journal: journal{cfg.Journal}, holders: make(map[string]string),
	}
	owned, err := m.journal.load()
	if err != nil {
		if !errors.Is(err, ErrJournal) {
			cancel()
			sys.close()
			return nil, err
		}
		cfg.Log.Warn("name servers of an earlier run may be left", "err", err)
	}
	m.owned = owned
	begin, done := context.WithTimeout(ctx, beginLimit)
	for _, e := range slices.Clone(owned) {
		if m.undo(begin, e) {
			cfg.Log.Info("took back name servers of an earlier run", "entry", e.String())
		}
	}
	done()
	m.store()
	go m.run(ctx)
	return m, nil
}

// Set has a network's resolver follow an offer. It may be called again with the
// same one, to have it compared with what the resolver has.
func (m *Manager) Set(on Interface, o Offer) {
	s := Judge(o)
	m.mu.Lock()
	old := m.wishes[o.Network]
	switch {
	case s.State == Pending:
		w := &wish{network: o.Network, device: on.Name, index: on.Index, bridge: on.Bridge, domain: s.Domain, servers: s.Servers, all: s.All, left: s.Reason}
		if old != nil && old.equal(w) {
			m.dirty[o.Network] = true
			m.mu.Unlock()
			signal(m.wake)
			return
		}
		m.wishes[o.Network] = w
	case old == nil && sameStatus(m.statuses[o.Network], s):
		m.mu.Unlock()
		return
	default:
		delete(m.wishes, o.Network)
	}
	m.dirty[o.Network] = true
	m.note(o.Network, s)
	m.mu.Unlock()
	m.changed()
	signal(m.wake)
}

// note enters a status. The caller holds mu.
func (m *Manager) note(network string, s Status) (news bool) {
	if sameStatus(m.statuses[network], s) {
		return false
	}
	if s.Since = m.statuses[network].Since; m.statuses[network].State != s.State {
		s.Since = time.Now().UTC()
	}
	if s.State == "" {
		delete(m.statuses, network)
	} else {
		m.statuses[network] = s
	}
	return true
}

func sameStatus(a, b Status) bool {
	same := slices.Equal(a.Servers, b.Servers)
	a.Servers, b.Servers = nil, nil
	return same && a.State == b.State && a.By == b.By && a.Domain == b.Domain && a.All == b.All && a.Reason == b.Reason && a.Advice == b.Advice
}

// Status is what became of a network's name servers, the zero value if it has
// none.
func (m *Manager) Status(network string) Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses[network]
}

// Recheck has all networks compared with what the resolver has, soon.
func (m *Manager) Recheck() {
	m.soil()
	signal(m.wake)
}

// soil makes all networks dirty.
func (m *Manager) soil() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := range m.wishes {
		m.dirty[n] = true
	}
}

// Remove takes back what was done for a network. It is to be called before the
// network's interface is closed.
func (m *Manager) Remove(network string) {
	m.mu.Lock()
	_, had := m.wishes[network]
	delete(m.wishes, network)
	delete(m.statuses, network)
	delete(m.dirty, network)
	m.mu.Unlock()
	m.work.Lock()
	defer m.work.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	m.end(ctx, func(e entry) bool { return e.Network == network })
	if had {
		m.release(network)
	}
}

// end undoes entries whose interface is about to go. Those that go with it are
// no concern if the resolver does not answer. The caller holds work.
func (m *Manager) end(ctx context.Context, which func(entry) bool) {
	before := len(m.owned)
	for _, e := range slices.Clone(m.owned) {
		if !which(e) {
			continue
		}
		r := m.sys.named(e.By)
		passing := r != nil && r.transient()
		if (!passing || !m.sick) && m.undo(ctx, e) {
			continue
		}
		if passing {
			m.disown(e)
		}
	}
	if len(m.owned) != before {
		m.store()
	}
}

// Close takes back everything. What could not be taken back stays in the
// journal for the next start. The manager is of no use afterwards.
func (m *Manager) Close() error {
	m.cancel()
	<-m.ended
	m.work.Lock()
	defer m.work.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	m.end(ctx, func(entry) bool { return true })
	m.sys.close()
	if n := len(m.owned); n > 0 {
		return errors.New("name servers could not be taken back: " + m.owned[0].String())
	}
	return nil
}

// undo undoes one entry and reports whether it is gone. The journal is for the
// caller to save; the caller holds work.
func (m *Manager) undo(ctx context.Context, e entry) bool {
	r := m.sys.named(e.By)
	if r == nil {
		m.cfg.Log.Warn("name servers were set by a resolver that this version does not know", "entry", e.String())
		m.disown(e)
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	err := r.undo(ctx, e)
	m.sick = errors.Is(err, context.DeadlineExceeded)
	if err != nil {
		m.cfg.Log.Warn("take back name servers", "entry", e.String(), "err", err)
		return false
	}
	m.disown(e)
	return true
}

func (m *Manager) disown(e entry) {
	m.owned = slices.DeleteFunc(m.owned, func(o entry) bool { return o == e })
}

// store saves the journal where that it fails is no reason to stop: it says too
// much then, not too little.
func (m *Manager) store() {
	if err := m.journal.save(m.owned); err != nil {
		m.cfg.Log.Warn("journal of name servers", "err", err)
	}
}

func (m *Manager) changed() {
	if m.cfg.Changed != nil {
		m.cfg.Changed()
	}
}

// signal leaves a token in a channel with room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wished lists the networks with a wish that which selects, in a stable order.
func (m *Manager) wished(which func(network string) bool) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.wishes)), func(n string) bool { return !which(n) })
}
