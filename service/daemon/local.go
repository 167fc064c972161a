package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/vl1"
	"orrery/service/store"
	"orrery/service/udp"
)

// Why the way to the physical network is looked at again.
type cause uint8

const (
	look    cause = iota // something may have changed
	resumed              // the machine has slept
	rotate               // the ports in use seem to be blocked
)

// connection is what the daemon knows of the machine's physical network. It is
// guarded by Daemon.addressing.
type connection struct {
	surveyor udp.Surveyor
	told     bool // whether the core was told anything
	up       bool
	ids      []vl1.SocketID
	ports    udp.Ports
	uplinks  []uplink
	said     string // what was last found wrong
}

// uplink is an address of an interface with a default route.
type uplink struct {
	index int
	addr  netip.Addr
}

// local makes the sockets fit the machine's addresses and the configuration.
func (d *Daemon) local() { d.connect(look) }

// connect makes the sockets fit the machine's addresses, the configuration and
// the ports, and tells the core: the sockets, where this machine can be reached,
// and where its paths must not lead: into our own networks, nor where local.conf
// forbids it.
func (d *Daemon) connect(why cause) {
	d.addressing.Lock()
	defer d.addressing.Unlock()
	c, conf := &d.connection, d.conf.get()
	own, avoid := d.system.names(), d.system.prefixes()
	for _, p := range conf.Physical {
		if p.Blacklist {
			avoid = append(avoid, p.Prefix)
		}
	}
	survey, err := c.surveyor.Survey(udp.Rules{
		Own: func(ifname string) bool { return slices.Contains(own, ifname) },
		Exclude: func(ifname string, ip netip.Addr) bool {
			return slices.ContainsFunc(conf.Settings.InterfacePrefixBlacklist, func(p string) bool { return strings.HasPrefix(ifname, p) }) ||
				slices.ContainsFunc(avoid, func(p netip.Prefix) bool { return p.Contains(ip) })
		},
	})
	if err != nil {
		survey = udp.Survey{Link: true} // all addresses, whatever they are
	}
	ports, missing := d.ports.follow(&conf.Settings, why == rotate)
	d.mapping.want(ports.Tertiary)
	if err != nil {
		missing = append(missing, "the addresses of this computer: "+err.Error())
	}
	// Without a network the sockets stay as they are, for it may come back as it
	// was.
	if survey.Link || len(c.ids) == 0 || ports != c.ports {
		if err := d.sockets.Update(bindings(&survey, &conf.Settings, ports)); err != nil {
			missing = append(missing, err.Error())
		}
	}
	d.tellPorts(missing)
	ids, links := d.sockets.IDs(), uplinks(&survey)
	sameSockets := slices.Equal(ids, c.ids)
	if !sameSockets {
		d.host.SetSockets(ids)
	}
	d.host.SetLocal(reachable(&survey, &conf.Settings, ports, d.mapping.at()), avoid)
	switch {
	case survey.Link != c.up || !c.told:
		if !survey.Link {
			d.log.Info("no interface is connected: waiting for a network")
		} else if c.told {
			d.log.Info("a network is there again")
		}
		d.unplugged.Store(!survey.Link)
		d.host.SetLink(survey.Link)
		if c.told && survey.Link {
			d.carrier.moved()
		}
	case survey.Link && (why == resumed || moved(c.uplinks, links, sameSockets)):
		d.host.Resume()
		d.carrier.moved()
	}
	c.told, c.up, c.ids, c.ports, c.uplinks = true, survey.Link, ids, ports, links
}

// bindings are the sockets to have: none if all goes through the TCP relay.
func bindings(s *udp.Survey, conf *store.Settings, ports udp.Ports) []udp.Binding {
	if conf.ForceTCPRelay {
		return nil
	}
	if len(conf.Bind) > 0 {
		return udp.Exact(conf.Bind, ports)
	}
	return s.Bindings(ports)
}

// uplinks lists where default routes lead out, or on a machine without one all
// that there is, in a stable order.
func uplinks(s *udp.Survey) []uplink {
	var all, some []uplink
	for _, p := range s.Places {
		u := uplink{p.Index, p.Addr}
		all = append(all, u)
		if p.Uplink {
			some = append(some, u)
		}
	}
	if len(some) > 0 {
		all = some
	}
	slices.SortFunc(all, func(a, b uplink) int { return cmp.Or(cmp.Compare(a.index, b.index), a.addr.Compare(b.addr)) })
	return all
}

// moved reports whether the machine may be on another network: a way out is
// gone, or there is another though the addresses are the same.
func moved(before, now []uplink, sameSockets bool) bool {
	return sameSockets && !slices.Equal(before, now) ||
		slices.ContainsFunc(before, func(u uplink) bool { return !slices.Contains(now, u) })
}

// reachable are the endpoints to tell peers: what a router passes on to us, then
// our addresses with the ports that are not for routers.
func reachable(s *udp.Survey, conf *store.Settings, ports udp.Ports, mapped netip.AddrPort) []netip.AddrPort {
	var at []netip.AddrPort
	if conf.ForceTCPRelay {
		return nil
	}
	if mapped.IsValid() {
		at = append(at, mapped)
	}
	add := func(ip netip.Addr) {
		for _, p := range []int{ports.Primary, ports.Secondary} {
			if e := netip.AddrPortFrom(ip, uint16(p)); p != 0 && !slices.Contains(at, e) {
				at = append(at, e)
			}
		}
	}
	for _, p := range s.Places {
		if len(conf.Bind) == 0 || slices.ContainsFunc(conf.Bind, func(b netip.Addr) bool {
			return b.Unmap() == p.Addr || b.IsUnspecified() && b.Is4() == p.Addr.Is4()
		}) {
			add(p.Addr)
		}
	}
	return at
}

// tellPorts tells what of the sockets could not be had, once.
func (d *Daemon) tellPorts(missing []string) {
	said := strings.Join(missing, "; ")
	if said == d.connection.said {
		return
	}
	d.connection.said = said
	if said == "" {
		d.alerts.clear(alertPorts)
		return
	}
	d.log.Warn("not all UDP sockets can be had", "err", said)
	d.alerts.set(portsAlert(missing))
}
