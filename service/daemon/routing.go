package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/netcfg"
	"orrery/service/netcfg/verdict"
)

// surroundings is what the decision about routes takes from the daemon.
type surroundings struct {
	// online reports whether a root answers.
	online func() bool
	// transport is how our own packets travel; peers is whether the addresses of
	// others than roots matter even if sockets are bound.
	transport func(peers bool) verdict.Transport
	// recheck has every network looked at again, soon.
	recheck func()
	// told is called after what is shown of a network has changed.
	told func()
}

// configurer is what routing needs of [netcfg.Manager].
type configurer interface {
	Apply(netcfg.State) ([]netcfg.Change, error)
	Machine(own []string, wanted []netip.Prefix) (found verdict.Machine, all bool, err error)
}

// routing gives devices their addresses and routes. What one network may have
// depends on the others and on the machine, so it decides for all of them.
type routing struct {
	config configurer
	own    func() []string // names of our devices
	now    func() time.Time
	// touched, if not nil, is told that the system was changed.
	touched func()

	around atomic.Pointer[surroundings]
	stale  atomic.Bool // whether the machine is to be looked at again

	work    sync.Mutex // guards what follows, and is held while the system is changed
	managed []*managed // in the order in which their devices came
	machine verdict.Machine
	seen    time.Time
	about   map[netip.Prefix]bool // the targets that the machine was looked at for, nil for all
	retry   *time.Timer
	due     time.Time // when retry goes off

	mu    sync.Mutex // guards shown
	shown map[identity.NetworkID]outcome
}

// managed is a network with a device.
type managed struct {
	device string
	state  node.NetworkState
	base   netcfg.State // without addresses and routes
	ruling verdict.Ruling
	// troubles are what the system refused, by target.
	troubles map[netip.Prefix]*trouble
	// installed are the targets of default routes that are in force.
	installed []netip.Prefix
	// stuck is what could not be taken away, in words.
	stuck []string
	since time.Time // since when something is wrong, zero if nothing is
}

// trouble is something that the system refused.
type trouble struct {
	err   error
	tries int
	next  time.Time
}

// machineEvery is how long what was seen of the machine may be used for other
// networks, if nobody says that it has changed.
const machineEvery = time.Second

// The pauses after which what the system refused is tried again.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

func newRouting(config configurer, own func() []string) *routing {
	r := &routing{config: config, own: own, now: time.Now, shown: make(map[identity.NetworkID]outcome)}
	r.around.Store(&surroundings{
		online: func() bool { return true }, transport: func(bool) verdict.Transport { return verdict.Transport{Bound: true, Marked: true} }, recheck: func() {}, told: func() {},
	})
	return r
}

// changed tells that the machine's own network may be another.
func (r *routing) changed() { r.stale.Store(true) }

// apply gives a network's device the addresses and routes that fit; base says
// all else. The error is about the device; what the system refused of addresses
// and routes is shown, and tried again.
func (r *routing) apply(device string, n *node.NetworkState, base netcfg.State) error {
	r.work.Lock()
	defer r.work.Unlock()
	m := r.find(device)
	if m == nil {
		m = &managed{device: device, troubles: make(map[netip.Prefix]*trouble)}
		r.managed = append(r.managed, m)
	}
	m.state, m.base = *n, base
	others := r.judge(m)
	// What others have to give away comes first, so that this one can have it.
	for _, o := range others {
		_ = r.put(o) // shown there, and looked at again with its network
	}
	err := r.put(m)
	if len(others) > 0 {
		r.around.Load().recheck()
	}
	return err
}

// remove forgets a device that is closed. What it had others may have.
func (r *routing) remove(device string) {
	r.work.Lock()
	defer r.work.Unlock()
	i := slices.IndexFunc(r.managed, func(m *managed) bool { return m.device == device })
	if i < 0 {
		return
	}
	nwid := r.managed[i].state.ID
	r.managed = slices.Delete(r.managed, i, i+1)
	r.mu.Lock()
	delete(r.shown, nwid)
	r.mu.Unlock()
	if len(r.managed) > 0 {
		r.around.Load().recheck()
	}
}

// close ends what goes on by itself.
func (r *routing) close() {
	r.work.Lock()
	defer r.work.Unlock()
	if r.retry != nil {
		r.retry.Stop()
	}
}

func (r *routing) find(device string) *managed {
	for _, m := range r.managed {
		if m.device == device {
			return m
		}
	}
	return nil
}

// judge decides anew about all networks and returns the others than m whose
// lot has changed.
func (r *routing) judge(m *managed) (others []*managed) {
	around := r.around.Load()
	wanted := r.networks(!around.online())
	var targets []netip.Prefix
	for i := range wanted {
		for _, a := range wanted[i].Addresses {
			targets = append(targets, a.Masked())
		}
		for _, o := range wanted[i].Routes {
			targets = append(targets, o.Target.Masked())
		}
	}
	if now := r.now(); r.stale.Swap(false) || now.Sub(r.seen) >= machineEvery || !r.covered(targets) {
		if found, all, err := r.config.Machine(r.own(), targets); err == nil { // else what was seen before has to do
			r.machine, r.seen, r.about = found, now, nil
			if !all {
				r.about = make(map[netip.Prefix]bool, len(targets))
				for _, t := range targets {
					r.about[t] = true
				}
			}
		}
	}
	r.machine.Transport = around.transport(slices.ContainsFunc(r.machine.Interfaces, func(f verdict.Interface) bool { return f.Strict }))
	for i, ruling := range verdict.Judge(&r.machine, wanted) {
		o := r.managed[i]
		if o != m && !sameInstalled(&o.ruling, &ruling) {
			others = append(others, o)
		}
		o.ruling = ruling
	}
	return others
}

// covered reports whether the last look at the machine was about all of these
// targets: it leaves out routes that are about nothing wanted.
func (r *routing) covered(targets []netip.Prefix) bool {
	return r.about == nil || !slices.ContainsFunc(targets, func(t netip.Prefix) bool { return !r.about[t] })
}

// networks is what the networks want.
func (r *routing) networks(offline bool) []verdict.Network {
	all := make([]verdict.Network, len(r.managed))
	for i, m := range r.managed {
		n := &m.state
		v := verdict.Network{
			ID: n.ID, Settings: n.Settings, LinkLocal: n.LinkLocal, Bridge: m.base.Bridge, Waiting: offline,
			Installed: func(t netip.Prefix) bool { return slices.Contains(m.installed, t) },
		}
		if c := n.Config; c != nil {
			v.Name, v.Addresses, v.Routes = c.Name, c.Addresses, c.Routes
		}
		all[i] = v
	}
	return all
}

// put makes the device what its ruling says, but for what has to wait after a
// refusal.
func (r *routing) put(m *managed) error {
	now := r.now()
	want := m.want(now)
	if r.machine.NoIPv6 {
		want.LinkLocal = netip.Addr{}
	}
	changes, err := r.config.Apply(want)
	if len(changes) > 0 && r.touched != nil {
		r.touched()
	}
	refused, rest := netcfg.Refused(err)
	failed := make(map[netip.Prefix]error)
	m.stuck = nil
	for _, e := range refused {
		t, ok := m.target(&e.Item)
		switch {
		case e.Undo:
			m.stuck = append(m.stuck, fmt.Sprintf("%v could not be removed: %v", e.Item, e.Err))
		case ok:
			failed[t] = e.Err
		case e.Item.Kind != netcfg.KindAddress: // our link-local one is missed by few, as where IPv6 is off
			rest = errors.Join(rest, e)
		}
	}
	m.installed = nil
	next := time.Time{}
	m.each(func(v *verdict.Verdict, _ bool) {
		t := v.Target
		tr := m.troubles[t]
		switch err := failed[t]; {
		case err != nil:
			if tr == nil {
				tr = &trouble{}
				m.troubles[t] = tr
			}
			tr.err, tr.tries = err, tr.tries+1
			tr.next = now.Add(min(firstRetry<<min(tr.tries-1, 10), lastRetry))
		case tr != nil && !now.Before(tr.next): // it was tried
			delete(m.troubles, t)
			tr = nil
		}
		switch {
		case tr != nil && (next.IsZero() || tr.next.Before(next)):
			next = tr.next
		case tr == nil && t.Bits() == 0 && rest == nil:
			m.installed = append(m.installed, t)
		}
	})
	for t := range m.troubles {
		if !m.wanted(t) {
			delete(m.troubles, t)
		}
	}
	if !next.IsZero() {
		r.later(now, next)
	}
	r.show(m, now)
	return rest
}

// want is the state of the device that is tried now.
func (m *managed) want(now time.Time) netcfg.State {
	want := m.base
	m.each(func(v *verdict.Verdict, address bool) {
		if tr := m.troubles[v.Target]; tr != nil && now.Before(tr.next) {
			return
		}
		if address {
			want.Addresses = append(want.Addresses, v.Install...)
			return
		}
		for _, t := range v.Install {
			want.Routes = append(want.Routes, netcfg.Route{Target: t, Via: v.Via, Source: v.Source, Split: v.Split})
		}
	})
	for _, t := range m.ruling.Forced {
		want.Routes = append(want.Routes, netcfg.Route{Target: t, Split: true})
	}
	return want
}

// each calls f with what is to be installed, addresses first.
func (m *managed) each(f func(v *verdict.Verdict, address bool)) {
	for i, list := range [][]verdict.Verdict{m.ruling.Addresses, m.ruling.Routes} {
		for k := range list {
			if len(list[k].Install) > 0 {
				f(&list[k], i == 0)
			}
		}
	}
}

func (m *managed) wanted(t netip.Prefix) (yes bool) {
	m.each(func(v *verdict.Verdict, _ bool) { yes = yes || v.Target == t })
	return yes
}

// target is the address or route that an item of the system is a part of.
func (m *managed) target(it *netcfg.Item) (t netip.Prefix, ok bool) {
	m.each(func(v *verdict.Verdict, address bool) {
		switch {
		case address != (it.Kind == netcfg.KindAddress):
		case address:
			if v.Target.Addr() == it.Prefix.Addr() {
				t, ok = v.Target, true
			}
		case it.Kind == netcfg.KindRoute || it.Kind == netcfg.KindRule:
			half := (v.Split || v.Target.Bits() == 0) && it.Prefix.Bits() == v.Target.Bits()+1 && v.Target.Overlaps(it.Prefix)
			if v.Target == it.Prefix || half && !ok {
				t, ok = v.Target, true
			}
		}
	})
	if !ok && it.Kind == netcfg.KindRoute { // what has a subnet outdo another one
		for _, f := range m.ruling.Forced {
			for _, v := range m.ruling.Addresses {
				if f.Overlaps(it.Prefix) && v.Target.Masked() == f {
					t, ok = v.Target, true
				}
			}
		}
	}
	return t, ok
}

// later has everything looked at again at a time, or before.
func (r *routing) later(now, at time.Time) {
	if r.due.After(now) && !r.due.After(at) {
		return
	}
	if r.retry != nil {
		r.retry.Stop()
	}
	r.due = at
	r.retry = time.AfterFunc(max(at.Sub(now), time.Millisecond), func() { r.around.Load().recheck() })
}

// sameInstalled reports whether two rulings come to the same on the system.
func sameInstalled(a, b *verdict.Ruling) bool {
	same := func(x, y verdict.Verdict) bool {
		return x.Target == y.Target && x.Via == y.Via && x.Source == y.Source && x.Split == y.Split && slices.Equal(x.Install, y.Install)
	}
	return slices.EqualFunc(a.Addresses, b.Addresses, same) && slices.EqualFunc(a.Routes, b.Routes, same) && slices.Equal(a.Forced, b.Forced)
}
