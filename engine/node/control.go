package node

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// local is the core's controller as VL2 sees it.
type local struct{ *Core }

func (l local) Request(at clock.Instant, from identity.Identity, nwid identity.NetworkID, meta wire.Dictionary, in *vl1.Inbound) {
	if in == nil {
		r := l.control.Request(at, from, nwid, meta, netip.AddrPort{}, 0)
		switch r.Outcome {
		case controller.Refused:
			l.vl2.LocalError(at, nwid, r.Code, r.Body)
		case controller.Configured:
			l.vl2.LocalConfig(at, nwid, r.Config)
		case controller.Dropped:
		}
		return
	}
	r := l.control.Request(at, from, nwid, meta, in.Remote, in.Hops)
	l.hold(func() {
		switch r.Outcome {
		case controller.Refused:
			l.wire.ReplyError(at, in, wire.VerbNetworkConfigRequest, r.Code, r.Body)
		case controller.Configured:
			for _, chunk := range r.Chunks {
				l.wire.ReplyOK(at, in, wire.VerbNetworkConfigRequest, chunk)
			}
		case controller.Dropped:
		}
	})
}

// hold puts what f sends aside until the controller's records are durable.
func (c *Core) hold(f func()) {
	n := len(c.out.Send)
	f()
	c.out.Held = append(c.out.Held, c.out.Send[n:]...)
	c.out.Send = c.out.Send[:n]
}

func (l local) Authorized(at clock.Instant, nwid identity.NetworkID, a identity.Address) bool {
	return l.control.Authorized(at, nwid, a)
}

// drainController sends what the controller wants its members to hear, and
// hands out what must be durable first.
func (c *Core) drainController() {
	if c.control == nil {
		return
	}
	for _, p := range c.control.TakePushes() {
		if p.To == c.self.Address {
			switch {
			case p.Config != nil:
				c.vl2.LocalConfig(c.at, p.Network, p.Config)
			case p.Verb == wire.VerbNetworkCredentials:
				c.vl2.LocalCredentials(c.at, p.Payload)
			case p.Verb == wire.VerbError:
				c.vl2.LocalError(c.at, p.Network, p.Code, p.Payload)
			}
			continue
		}
		var head []byte
		if p.Verb == wire.VerbError {
			head = wire.AppendError(nil, wire.VerbNetworkConfigRequest, c.wire.Random(), p.Code)
		}
		c.hold(func() { c.wire.Send(c.at, p.To, p.Verb, head, p.Payload, p.Verb == wire.VerbNetworkConfig) })
	}
	c.out.Changes = append(c.out.Changes, c.control.TakeChanges()...)
}

// Control runs a management call on the controller and sends what follows from
// it. f must not keep the controller.
func (c *Core) Control(at clock.Instant, out *Outbox, f func(*controller.Controller)) {
	c.begin(at, out)
	f(c.control)
	c.end()
}

// HasController reports whether this node can host networks.
func (c *Core) HasController() bool { return c.control != nil }
