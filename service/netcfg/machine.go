package netcfg

import (
	"net/netip"
	"slices"
	"time"

	"orrery/service/netcfg/verdict"
)

const (
	// plenty is how many routes are read whenever it is asked for; it takes a tenth
	// of a second.
	plenty = 50_000
	// perRoute is how long, for each of more of them, what was read is used: a
	// router with a million routes must not spend its time on reading them. It is
	// 300 times what reading one takes. That is not measured: on a busy machine
	// anything may take long, and what was seen would be believed for minutes.
	perRoute = 600 * time.Microsecond
)

// glance is what was last seen of the machine.
type glance struct {
	at     time.Time
	routes int // that were read
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
	if g := &m.seen; g.routes > plenty && begun.Sub(g.at) < time.Duration(g.routes)*perRoute && slices.Equal(g.wanted, wanted) {
		return g.found, g.all, nil
	}
	others, routes := 0, 0
	found, err = m.sys.machine(own, func(p netip.Prefix) bool {
		routes++
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
	m.seen = glance{at: begun, routes: routes, wanted: slices.Clone(wanted), found: found, all: all}
	return found, all, nil
}
