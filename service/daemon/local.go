package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"orrery/engine/identity"
	"orrery/engine/wire"
	"orrery/service/ipc"
	"orrery/service/netmon"
	"orrery/service/store"
	"orrery/service/udp"
)

// checkPeer keeps a peer record if it is one of the peer it is named for.
func checkPeer(into map[identity.Address][]byte, a identity.Address, b []byte) error {
	r, err := wire.ParsePeerRecord(b)
	if err != nil {
		return err
	}
	if r.Identity.Address != a {
		return fmt.Errorf("holds the identity of %s", r.Identity.Address)
	}
	into[a] = b
	return nil
}

// local tells the core where this machine can be reached.
func (d *Daemon) local() {
	own := d.system.names()
	addrs, err := udp.LocalAddrs(func(ifname string, ip netip.Addr) bool { return slices.Contains(own, ifname) })
	if err != nil {
		d.log.Warn("list this computer's addresses", "err", err)
		return
	}
	var at []netip.AddrPort
	for _, a := range addrs {
		for _, p := range d.sockets.Ports() {
			at = append(at, netip.AddrPortFrom(a, uint16(p)))
		}
	}
	d.host.SetLocal(at, d.system.prefixes())
}

const (
	localEvery  = 30 * time.Second
	expireEvery = time.Hour
)

// watch follows the machine's addresses and does the rare chores.
func (d *Daemon) watch(ctx context.Context) {
	notices, err := netmon.Watch(ctx, netmon.Config{Log: d.log})
	if err != nil {
		d.log.Warn("watch the network for changes; looking every 30 s instead", "err", err)
	}
	local := time.NewTicker(localEvery)
	defer local.Stop()
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-notices:
			if !ok {
				notices = nil
				continue
			}
			d.local()
		case <-local.C:
			d.local()
		case <-expire.C:
			if err := d.home.ExpirePeers(time.Now()); err != nil {
				d.log.Warn("delete old peer records", "err", err)
			}
		}
	}
}

// PutSettings implements api.Backend.
func (d *Daemon) PutSettings(_ context.Context, settings map[string]json.RawMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.conf.With(settings)
	var bad *store.SettingError
	if errors.As(err, &bad) {
		return &ipc.Error{Code: ipc.CodeBadRequest, Message: bad.Reason}
	}
	if err != nil {
		return err
	}
	if err := d.home.SaveLocalConf(next); err != nil {
		return err
	}
	d.conf, d.confError = next, ""
	return nil
}

func sortedKeys(m map[string]uint64) []string { return slices.Sorted(maps.Keys(m)) }
