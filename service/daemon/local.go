package daemon

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"orrery/service/netmon"
	"orrery/service/udp"
)

// local tells the core where this machine can be reached, and where its paths
// must not lead: into our own networks, nor where local.conf forbids it.
func (d *Daemon) local() {
	d.addressing.Lock()
	defer d.addressing.Unlock()
	conf := d.conf.get()
	own, avoid := d.system.names(), d.system.prefixes()
	for _, p := range conf.Physical {
		if p.Blacklist {
			avoid = append(avoid, p.Prefix)
		}
	}
	addrs, err := udp.LocalAddrs(func(ifname string, ip netip.Addr) bool {
		return slices.Contains(own, ifname) ||
			slices.ContainsFunc(conf.Settings.InterfacePrefixBlacklist, func(p string) bool { return strings.HasPrefix(ifname, p) }) ||
			slices.ContainsFunc(avoid, func(p netip.Prefix) bool { return p.Contains(ip) })
	})
	if err != nil {
		d.log.Warn("list this computer's addresses", "err", err)
		return
	}
	var at []netip.AddrPort
	if mapped := d.mapping.at(); mapped.IsValid() {
		at = append(at, mapped)
	}
	for _, a := range addrs {
		for _, p := range d.sockets.Ports() {
			at = append(at, netip.AddrPortFrom(a, uint16(p)))
		}
	}
	d.host.SetLocal(at, avoid)
}

const (
	localEvery  = 30 * time.Second
	expireEvery = time.Hour
)

// watchNetwork follows the machine's addresses and does the rare chores.
func (d *Daemon) watchNetwork(ctx context.Context) {
	watch, err := netmon.Watch(ctx, netmon.Config{Log: d.log})
	if err != nil {
		d.log.Warn("watch the network for changes; looking every 30 s instead", "err", err)
	} else {
		defer func() {
			for range watch { // until all of it has ended
			}
		}()
	}
	notices := watch
	local := time.NewTicker(localEvery)
	defer local.Stop()
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case n, ok := <-notices:
			if !ok {
				notices = nil
				continue
			}
			if n.Slept {
				d.log.Info("this computer has slept", "dur", n.Jump)
			}
			d.local()
			d.mapping.moved()
			d.host.Observe()
		case <-local.C:
			d.local()
		case <-expire.C:
			if err := d.home.ExpirePeers(time.Now()); err != nil {
				d.log.Warn("delete old peer records", "err", err)
			}
		}
	}
}
