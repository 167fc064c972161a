package daemon

import (
	"context"
	"time"

	"orrery/service/netmon"
)

const (
	// localEvery is how often the machine's addresses are looked at without a
	// notice.
	localEvery  = 30 * time.Second
	expireEvery = time.Hour
	// recheckEvery is how often changes of routes may have ours checked: another
	// program that fights for them must not keep us busy.
	recheckEvery = time.Second
)

// watchNetwork follows the machine's network and does the rare chores.
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
	var checked time.Time
	// late looks at ours again for changes that came too soon after a check.
	late := time.NewTimer(recheckEvery)
	late.Stop()
	defer late.Stop()
	recheck := func() {
		late.Stop()
		checked = time.Now()
		d.system.changed()
		d.host.Recheck()
	}
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
				d.log.Info("this computer has slept, or its clock was set", "dur", n.Jump)
				d.connect(resumed)
			} else {
				d.connect(look)
			}
			d.mapping.moved()
			d.host.Observe()
			if since := time.Since(checked); n.Slept || since >= recheckEvery {
				recheck()
			} else {
				late.Reset(recheckEvery - since)
			}
		case <-late.C:
			recheck()
		case <-d.again:
			d.host.Recheck()
		case <-d.rotate:
			d.connect(rotate)
			d.log.Info("another UDP port is tried: no root answers on those in use", "ports", d.sockets.Ports())
		case <-local.C:
			d.connect(look)
			recheck()
		case <-expire.C:
			if err := d.home.ExpirePeers(time.Now()); err != nil {
				d.log.Warn("delete old peer records", "err", err)
			}
		}
	}
}
