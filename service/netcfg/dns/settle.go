package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// run has the resolver follow the wishes until ctx ends.
func (m *Manager) run(ctx context.Context) {
	defer close(m.ended)
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	pause := firstRetry
	for {
		if m.settle(ctx) {
			pause = firstRetry
			retry.Stop()
		} else {
			retry.Reset(pause)
			pause = min(2*pause, lastRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-m.sys.notices():
			m.soil()
		case <-retry.C:
		}
	}
}

// settle compares what is dirty with what the resolver has and makes it so. It
// reports whether there is nothing to try again.
func (m *Manager) settle(ctx context.Context) bool {
	if m.idle() {
		return true
	}
	m.work.Lock()
	r, err := m.find(ctx)
	done := m.withdraw(ctx, r)
	m.work.Unlock()
	for _, network := range m.wished(func(n string) bool { return m.dirty[n] }) {
		if ctx.Err() != nil {
			return true
		}
		if r == nil {
			m.tell(network, r, err)
			done = done && stateOf(err) == Unsupported
			continue
		}
		m.work.Lock()
		w := m.take(network)
		if w == nil { // it was removed meanwhile
			m.work.Unlock()
			continue
		}
		why := m.serve(ctx, r, w)
		if ctx.Err() == nil {
			m.tell(network, r, why)
		}
		sick := m.sick
		m.work.Unlock()
		if s := stateOf(why); s == Failed {
			done = false
			m.soilOne(network)
		}
		if sick { // the others would wait as long
			m.postpone(r, why)
			return false
		}
	}
	return done
}

// postpone says of those that wait for a resolver that does not answer why they
// do.
func (m *Manager) postpone(r resolver, why error) {
	for _, n := range m.wished(func(n string) bool { return m.dirty[n] && m.statuses[n].State == Pending }) {
		m.tell(n, r, why)
	}
}

// idle reports whether there is nothing to do.
func (m *Manager) idle() bool {
	m.mu.Lock()
	wishes := len(m.wishes)
	clear := wishes == 0
	if clear {
		m.dirty = make(map[string]bool)
	}
	m.mu.Unlock()
	m.work.Lock()
	defer m.work.Unlock()
	return clear && len(m.owned) == 0
}

// find asks the system for its resolver. When it is another one than before all
// networks are dirty. The caller holds work.
func (m *Manager) find(ctx context.Context) (resolver, error) {
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	r, err := m.sys.find(ctx)
	name := ""
	if r != nil {
		name = r.name()
	}
	if name != m.current {
		if name != "" {
			m.cfg.Log.Info("names are resolved by", "resolver", name)
		}
		m.current = name
		m.soil()
	}
	return r, err
}

// withdraw undoes what is wanted no more, or not from this resolver, and
// reports whether all of that is gone. The caller holds work.
func (m *Manager) withdraw(ctx context.Context, r resolver) bool {
	wanted := make(map[entry]bool)
	m.mu.Lock()
	held := make(map[string]string)
	for n, w := range m.wishes {
		if r != nil {
			wanted[r.entry(w)] = true
		}
		for _, key := range keysOf(w) {
			if m.holders[key] == n {
				held[key] = n
			}
		}
	}
	if len(held) != len(m.holders) { // a domain is free: another network may want it
		for n := range m.wishes {
			if m.statuses[n].State == Refused {
				m.dirty[n] = true
			}
		}
	}
	m.mu.Unlock()
	m.holders = held
	before, done := len(m.owned), true
	for _, e := range slices.Clone(m.owned) {
		if !wanted[e] && !m.undo(ctx, e) {
			done = false
		}
	}
	if len(m.owned) != before {
		m.store()
	}
	return done
}

// release frees the domains of a network that was removed, for others. The
// caller holds work.
func (m *Manager) release(network string) {
	for key, holder := range m.holders {
		if holder == network {
			delete(m.holders, key)
		}
	}
	m.mu.Lock()
	for n := range m.wishes {
		if m.statuses[n].State == Refused {
			m.dirty[n] = true
		}
	}
	m.mu.Unlock()
	signal(m.wake)
}

// keysOf are what only one network can have.
func keysOf(w *wish) (keys []string) {
	if w.domain != "" {
		keys = append(keys, w.domain)
	}
	if w.all {
		keys = append(keys, allQueries)
	}
	return keys
}

// take returns a network's wish and makes it clean.
func (m *Manager) take(network string) *wish {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.dirty, network)
	return m.wishes[network]
}

func (m *Manager) soilOne(network string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wishes[network] != nil {
		m.dirty[network] = true
	}
}

// serve does what one network wishes. The caller holds work.
func (m *Manager) serve(ctx context.Context, r resolver, w *wish) error {
	m.sick = false
	if err := r.able(w); err != nil {
		return m.drop(ctx, r, w, err)
	}
	for _, key := range keysOf(w) {
		if by := m.holders[key]; by != "" && by != w.network {
			return m.drop(ctx, r, w, taken(key, by))
		}
	}
	for _, key := range keysOf(w) {
		m.holders[key] = w.network
	}
	if e := r.entry(w); !slices.Contains(m.owned, e) {
		m.owned = append(m.owned, e)
		if err := m.journal.save(m.owned); err != nil {
			m.disown(e)
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	changed, err := r.apply(ctx, w)
	m.sick = errors.Is(err, context.DeadlineExceeded)
	if changed && err == nil {
		m.cfg.Log.Info("name servers set", "nwid", w.network, "resolver", r.name(), "domain", w.domain, "servers", fmt.Sprint(w.servers), "all", w.all)
	}
	return err
}

// drop takes back what the network has, since it must not have it any more.
func (m *Manager) drop(ctx context.Context, r resolver, w *wish, why error) error {
	e := r.entry(w)
	if slices.Contains(m.owned, e) && m.undo(ctx, e) {
		m.store()
	}
	return why
}

// taken says that another network has a domain.
func taken(key, by string) error {
	if key == allQueries {
		return &problem{
			state: Refused, reason: fmt.Sprintf("All queries go to the network %s already.", by),
			advice: fmt.Sprintf("Choose one of them: orreryctl set %s dnsDefault=0.", by),
		}
	}
	return &problem{
		state: Refused, reason: fmt.Sprintf("The network %s has the domain %s already.", by, key),
		advice: fmt.Sprintf("Choose one of them: orreryctl set %s allowDNS=0.", by),
	}
}

// stateOf is what an error makes of a network.
func stateOf(err error) State {
	var p *problem
	switch {
	case err == nil:
		return Applied
	case errors.As(err, &p):
		return p.state
	default:
		return Failed
	}
}

// tell enters what became of a network's wish.
func (m *Manager) tell(network string, r resolver, err error) {
	m.mu.Lock()
	w := m.wishes[network]
	if w == nil {
		m.mu.Unlock()
		return
	}
	s := Status{State: stateOf(err), Domain: w.domain, Servers: w.servers, All: w.all}
	if r != nil {
		s.By = r.name()
	}
	var p *problem
	switch {
	case err == nil:
		s.Reason = w.left
	case errors.As(err, &p):
		s.Reason, s.Advice = p.reason, p.advice
	default:
		s.Reason = fmt.Sprintf("%s did not take the network's name servers: %v.", s.By, err)
		s.Advice = "It is tried again by itself."
	}
	news := m.note(network, s)
	m.mu.Unlock()
	if news {
		if err != nil {
			m.cfg.Log.Warn("a network's name servers are not used", "nwid", network, "resolver", s.By, "err", err)
		}
		m.changed()
	}
}
