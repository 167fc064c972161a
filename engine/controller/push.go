package controller

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// job is a member that is to be told something.
type job struct {
	n *network
	m *member
}

// queueConfig asks for a new configuration to be pushed to a member. A pending
// push absorbs later ones. Members that never got a configuration from us since
// the start have nothing to be pushed for: we do not know what they support.
func (c *Controller) queueConfig(n *network, m *member) {
	if m.configQueued || !m.active {
		return
	}
	m.configQueued = true
	c.configQueue = append(c.configQueue, job{n, m})
}

// pushNetwork asks for a new configuration for every member that is online.
func (c *Controller) pushNetwork(n *network) {
	for _, m := range n.order {
		c.queueConfig(n, m)
	}
}

// pump works off the queues, at most Limits.PushBatch members per
// Limits.PushGap.
func (c *Controller) pump(at clock.Instant) {
	if at.Mono-c.pumpedAt >= c.limits.PushGap {
		c.pumpedAt, c.budget = at.Mono, c.limits.PushBatch
	}
	c.pumpRevocations(at)
	n := 0
	for ; n < len(c.configQueue) && c.budget > 0; n++ {
		j := c.configQueue[n]
		j.m.configQueued = false
		if j.m.gone || !j.m.online(at.Mono) {
			continue
		}
		c.budget--
		c.pushConfig(at, j.n, j.m)
	}
	c.configQueue = slices.Delete(c.configQueue, 0, n)
}

// pumpRevocations keeps those in the queue that heard of revocations too
// recently, because receivers drop what comes faster than once a second.
func (c *Controller) pumpRevocations(at clock.Instant) {
	c.repeatDue(at)
	keep := c.revokeQueue[:0]
	for i, j := range c.revokeQueue {
		if c.budget == 0 {
			keep = append(keep, c.revokeQueue[i:]...)
			break
		}
		if !j.m.online(at.Mono) {
			j.m.revokeQueued, j.m.again = false, 0 // it hears with its next request
			continue
		}
		if at.Mono-j.m.toldAt < credentialGap {
			keep = append(keep, j)
			continue
		}
		c.budget--
		if c.pushRevocations(at, j.n, j.m) {
			keep = append(keep, j)
			continue
		}
		j.m.revokeQueued = false
		c.repeatLater(at, j.n, j.m)
	}
	clear(c.revokeQueue[len(keep):])
	c.revokeQueue = keep
}

// pushConfig runs the decision again for a member that did not ask. It never
// changes who is authorised, and a refusal is not sent.
func (c *Controller) pushConfig(at clock.Instant, n *network, m *member) {
	if n.view.err != nil || !m.view.authorized || m.view.banned || m.view.pinBad || !m.view.pinned {
		return
	}
	if c.loginNeeded(at, n, m) {
		return
	}
	chunks, config := c.issue(at, n, m, m.view.identity, &edit{})
	for _, chunk := range chunks {
		c.pushes = append(c.pushes, Push{To: m.address, Network: n.id, Verb: wire.VerbNetworkConfig, Payload: chunk, Config: config})
		config = nil
	}
}

// Tick does what has become due: pushes that were put off, and log-ins that
// ran out. Call it at the time that [Controller.Deadline] gives; earlier or
// more often does no harm.
func (c *Controller) Tick(at clock.Instant) {
	c.expireLogins(at)
	c.pump(at)
}

// Deadline returns when Tick has something to do, armed false if only a call
// could change that.
func (c *Controller) Deadline() (at clock.Mono, armed bool) {
	consider := func(t clock.Mono) {
		if !armed || t < at {
			at, armed = t, true
		}
	}
	next := c.pumpedAt + c.limits.PushGap
	if len(c.configQueue) > 0 {
		consider(next)
	}
	for _, j := range c.revokeQueue {
		if consider(max(next, j.m.toldAt+credentialGap)); at <= next {
			break // nobody in a long queue can be due earlier
		}
	}
	if len(c.repeats) > 0 {
		consider(max(next, c.repeats[0].at))
	}
	if len(c.expiring) > 0 {
		consider(c.expiredAt + expiryGap)
	}
	return at, armed
}

// TakeChanges returns the changes of records since the last call, in order.
// They must be durable before the replies and pushes of the same call leave.
// If the store fails, keep them and apply them again before later ones: each
// carries the whole record.
func (c *Controller) TakeChanges() []Change {
	out := c.changes
	c.changes = nil
	return out
}

// TakePushes returns the messages to members since the last call, in order.
func (c *Controller) TakePushes() []Push {
	out := c.pushes
	c.pushes = nil
	return out
}
