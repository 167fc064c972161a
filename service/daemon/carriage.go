package daemon

import (
	"runtime"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/service/netcfg/verdict"
)

// maxEndpoints is how many physical addresses of peers routes are compared with.
const maxEndpoints = 4096

// carriage says how our own packets travel, so that no route catches them; of
// peers only where that is asked for, or sockets are not bound.
func (d *Daemon) carriage(peers bool) verdict.Transport {
	conf := d.conf.get()
	t := verdict.Transport{
		// Sockets at addresses that the user named are bound to no interface.
		Bound:  len(conf.Settings.Bind) == 0,
		Marked: runtime.GOOS == "linux",
	}
	d.host.View(func(c *node.Core, at clock.Instant) {
		for _, w := range append(c.Moons(), c.Planet()) {
			for _, r := range w.Roots {
				if r.Identity == c.Self() {
					continue
				}
				for _, e := range r.Endpoints {
					t.Endpoints = append(t.Endpoints, verdict.Endpoint{Addr: e.Addr().Unmap(), Who: "the root " + r.Identity.Address.String(), Root: true})
				}
			}
		}
		if t.Bound && !peers {
			return
		}
		for _, p := range c.Peers(at.Mono) {
			for _, x := range p.Paths {
				if !x.Expired && x.Socket != vl1.RelaySocket && len(t.Endpoints) < maxEndpoints {
					t.Endpoints = append(t.Endpoints, verdict.Endpoint{Addr: x.Remote.Addr().Unmap(), Who: "the computer " + p.Identity.Address.String()})
				}
			}
		}
	})
	if s := d.carrier.settings(); s.allowed && (s.forced || d.carrier.engaged()) && s.relay.IsValid() {
		t.Endpoints = append(t.Endpoints, verdict.Endpoint{Addr: s.relay.Addr().Unmap(), Who: "the TCP relay", Loose: true})
	}
	return t
}
