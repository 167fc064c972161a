package netcfg

import (
	"net/netip"
	"slices"
	"time"

	"orrery/service/netcfg/verdict"
)

// patient is how much longer than it took to read it what the machine has is
// used: a router with a million routes must not spend its time on reading them.
const patient = 300

// long is how long reading may take to be done whenever it is asked for.
const long = 100 * time.Millisecond

// glance is what was last seen of the machine.
type glance struct {
	at     time.Time
	took   time.Duration
	wanted []netip.Prefix
	found  verdict.Machine
	all    bool
}

// maxOthers is how many routes are kept that are about nothing wanted.
const maxOthers = 512

// Machine reads what the machine has that can be in conflict with the wanted
// targets: its interfaces with their addresses, default routes, and the routes
// that overlap the targets. All is whether it has all routes, so that it holds for
// other targets as well. own are the names of our devices.
func (m *Manager) Machine(own []string, wanted []netip.Prefix) (found verdict.Machine, all bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	begun := time.Now()
	if g := &m.seen; g.took > long && begun.Sub(g.at) < patient*g.took && slices.Equal(g.wanted, wanted) {
		return g.found, g.all, nil
	}
	others := 0
	found, err = m.sys.machine(own, func(p netip.Prefix) bool {
		if others < maxOthers {
			others++
			return true
		}
		return p.Bits() <= 1 || slices.ContainsFunc(wanted, p.Overlaps)
	})
	if err != nil {
		return found, false, err
	}
	all = others < maxOthers
	m.seen = glance{at: begun, took: time.Since(begun), wanted: slices.Clone(wanted), found: found, all: all}
	return found, all, nil
}
