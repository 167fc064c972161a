package daemon

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
	"orrery/service/diag"
	"orrery/service/ipc"
)

// Examine implements api.Examiner.
func (d *Daemon) Examine(ctx context.Context) (*ipc.Examination, error) {
	f, err := d.facts(ctx)
	if err != nil {
		return nil, err
	}
	return &ipc.Examination{At: f.Now.UTC(), Running: true, Version: f.Version, Address: f.Address, Findings: diag.Examine(f)}, nil
}

// Log implements api.Chronicler.
func (d *Daemon) Log(ctx context.Context, after uint64, least slog.Level) (*ipc.Log, error) {
	lines, last := d.ring.Wait(ctx, after, least)
	return &ipc.Log{Lines: lines, Last: last}, nil
}

// facts collects what the checks look at.
func (d *Daemon) facts(ctx context.Context) (*diag.Facts, error) {
	snap, err := d.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	set := &d.conf.get().Settings
	f := &diag.Facts{
		Now: time.Now(), Started: d.started, Version: d.cfg.Version, Home: d.home.Path(), Address: snap.Status.Address,
		Port: snap.Status.Port, Sockets: d.sockets.Status(), Alerts: snap.Alerts, PlanetTime: snap.Status.PlanetTime,
		RelayAllowed: set.AllowTCPFallbackRelay, RelayForced: set.ForceTCPRelay, Relay: d.carrier.status(), LowBandwidth: set.LowBandwidthMode,
		Machine: diag.Look(d.home.Path(), 0),
	}
	if since := d.offline.Load(); since != nil && !snap.Status.Online {
		f.Offline = *since
	}
	if m, ok := d.mapping.status(); ok {
		f.Mapping = &m
	}
	endpoints := make(map[string][]netip.AddrPort)
	byUDP := make(map[string][2]bool)
	fetched := make(map[string]clock.Mono)
	issued := make(map[string]clock.Wall)
	multicasts := make(map[string]vl2.MulticastCount)
	limits := make(map[string]uint32)
	d.host.View(func(c *node.Core, at clock.Instant) {
		f.NAT, f.Local = c.NAT(at), c.Local()
		f.Surface = f.NAT.Surface
		for _, a := range c.Unknown() {
			f.Unknown = append(f.Unknown, a.String())
		}
		planet := c.Planet()
		for _, w := range append(c.Moons(), planet) {
			for _, r := range w.Roots {
				if r.Identity == c.Self() {
					f.IsRoot = true
					continue
				}
				a := r.Identity.Address.String()
				endpoints[a] = append(endpoints[a], r.Endpoints...)
			}
		}
		for _, p := range c.Peers(at.Mono) {
			if p.Role != vl1.Leaf {
				byUDP[p.Identity.Address.String()] = answersByUDP(&p, at.Mono)
			}
		}
		for _, m := range c.NetworkMeters() {
			fetched[m.ID.String()] = m.LastConfig
			if s, ok := c.Network(m.ID); ok && s.Config != nil {
				issued[m.ID.String()] = s.Config.Timestamp
				limits[m.ID.String()], multicasts[m.ID.String()] = s.Config.MulticastLimit, m.Multicasts
			}
		}
	})
	for i := range snap.Peers {
		p := snap.Peers[i]
		if p.Role != "LEAF" {
			v := byUDP[p.Address]
			f.Roots = append(f.Roots, diag.Root{Peer: p, Endpoints: endpoints[p.Address], V4: v[0], V6: v[1]})
			continue
		}
		f.Peers = append(f.Peers, p)
	}
	for i := range snap.Networks {
		n := diag.Network{Network: snap.Networks[i]}
		n.Fetched, n.Issued = d.host.Time(fetched[n.ID]), wallTime(issued[n.ID])
		if c, known := multicasts[n.ID]; known {
			n.Multicasts = d.multicasts(n.Device, limits[n.ID], &c)
		}
		f.Networks = append(f.Networks, n)
	}
	return f, nil
}

// rootHeard is how recently a root must have been heard on a path for that to
// work: they are called more often.
const rootHeard = 60 * clock.Second

// answersByUDP says over which families, IPv4 and IPv6, a peer answers.
func answersByUDP(p *vl1.PeerInfo, now clock.Mono) (families [2]bool) {
	for i := range p.Paths {
		x := &p.Paths[i]
		if x.Socket == vl1.RelaySocket || x.Expired || now-x.LastReceive >= rootHeard {
			continue
		}
		if x.Remote.Addr().Unmap().Is4() {
			families[0] = true
		} else {
			families[1] = true
		}
	}
	return families
}
