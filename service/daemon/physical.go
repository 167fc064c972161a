package daemon

import (
	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/service/store"
)

// physical tells the core what local.conf says of physical networks and of
// single peers. What is not said any more ends at once.
func (d *Daemon) physical() {
	s := pathSettings(d.conf.get())
	strict := d.conf.now.Load().Settings.StrictCredentials
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.SetPhysical(at, s, out)
		c.SetStrict(strict)
	})
}

// pathSettings is local.conf as the core takes it.
func pathSettings(conf *store.LocalConf) vl1.Settings {
	s := vl1.Settings{LowBandwidth: conf.Settings.LowBandwidthMode}
	for _, p := range conf.Physical {
		s.Physical = append(s.Physical, vl1.Physical{
			Prefix: p.Prefix, Blacklist: p.Blacklist, TrustedPathID: p.TrustedPathID, MTU: p.MTU,
		})
	}
	for _, v := range conf.Virtual {
		s.Peers = append(s.Peers, vl1.Advice{Address: v.Address, Try: v.Try, Avoid: v.Blacklist})
	}
	return s
}
