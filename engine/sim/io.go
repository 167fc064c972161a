package sim

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// buffers are those that all nodes of the world share.
func (w *World) buffers() *vl1.Buffers {
	if w.shared.buffers == nil {
		w.shared.buffers = new(vl1.Buffers)
	}
	return w.shared.buffers
}

// Do runs f with the core and acts on what it puts out. Of a stopped node it
// does nothing.
func (n *Node) Do(f func(c *node.Core, at clock.Instant, out *node.Outbox)) {
	if n.down || n.asleep {
		return
	}
	s := &n.world.shared
	out := &s.out
	if s.busy {
		out = new(node.Outbox)
	} else {
		s.busy = true
		defer func() { s.busy = false }()
	}
	out.Reset()
	f(n.Core, n.Now(), out)
	n.drain(out)
	n.arm()
}

// SendIP gives the node's IP port on a network a packet.
func (n *Node) SendIP(nwid identity.NetworkID, packet []byte) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Packets(at, nwid, [][]byte{packet}, out) })
}

// SendFrame gives the node's Ethernet port on a network a frame.
func (n *Node) SendFrame(nwid identity.NetworkID, frame []byte) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Frames(at, nwid, [][]byte{frame}, out) })
}

// Control runs a management call on the node's controller, and fails loudly.
func (n *Node) Control(call func(c *controller.Controller, at clock.Instant) error) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.Control(at, out, func(ctl *controller.Controller) {
			if err := call(ctl, at); err != nil {
				panic("sim: controller: " + err.Error())
			}
		})
	})
}

// drain acts on an outbox: what must be durable first, datagrams after it.
func (n *Node) drain(out *node.Outbox) {
	w := n.world
	n.keep(out)
	for _, d := range append(out.Send, out.Held...) {
		n.dispatch(&d)
	}
	for _, b := range out.Burst {
		n.openBurst(b)
	}
	n.closeBurst(out.Close)
	if out.Rotate {
		w.After(clock.Millisecond, n.rotate)
	}
	boot := n.boot
	for _, work := range out.Work {
		id, valid := work.ID, w.known[work.Identity]
		w.After(ValidationTime, func() {
			if n.boot != boot {
				return
			}
			n.Validated++
			n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				c.Done(at, vl1.WorkResult{ID: id, Valid: valid}, out)
			})
		})
	}
	for _, m := range out.Messages {
		n.Messages++
		w.note(n, 'm', m.Data)
	}
	for _, e := range out.Events {
		w.note(n, 'e', []byte{byte(e.Kind)})
	}
	n.Events = append(n.Events, out.Events...)
	for _, d := range out.Deliver {
		w.note(n, 'd', d.Data[node.Headroom:])
		if n.Host == nil {
			continue
		}
		nwid, packet := d.Network, append([]byte(nil), d.Data[node.Headroom:]...)
		w.After(0, func() {
			if n.boot == boot {
				n.Host(nwid, packet)
			}
		})
	}
}

// keep stores what the service would.
func (n *Node) keep(out *node.Outbox) {
	for _, s := range out.Store {
		switch s.Kind {
		case vl1.StorePlanet:
			n.disk.planet = s.Data
		case vl1.StoreMoon:
			if n.disk.moons[s.ID] = s.Data; s.Data == nil {
				delete(n.disk.moons, s.ID)
			}
		case vl1.StoreOrbits:
			n.disk.orbits = s.Data
		case vl1.StorePeer:
			// The core keeps the cache itself.
		}
	}
	for _, f := range out.Files {
		m, joined := n.disk.networks[f.Network]
		if joined && f.Data != nil {
			m.conf = f.Data
			n.disk.networks[f.Network] = m
		}
	}
	for _, c := range out.Changes {
		k := recordKey{c.Network, c.Member}
		if !c.Delete {
			n.disk.records[k] = c.Record
			continue
		}
		delete(n.disk.records, k)
		if c.Member == 0 {
			for o := range n.disk.records {
				if o.network == c.Network {
					delete(n.disk.records, o)
				}
			}
		}
	}
}

// arm sets the timer to the core's deadline.
func (n *Node) arm() {
	if n.asleep {
		return
	}
	n.due = n.Core.Deadline() + n.slept // it changes in what we do only
	n.wait()
}

// wait sets the timer to when the core is due, if it would not go off before. One
// that goes off early is set again: nothing is taken out of a queue.
func (n *Node) wait() {
	w := n.world
	d := max(n.due, w.now)
	if n.wake != clock.Never && n.wake <= d {
		return
	}
	n.wake = d
	n.timerID++
	id := n.timerID
	w.After(d-w.now, func() {
		if n.timerID != id {
			return
		}
		n.wake = clock.Never
		if n.due <= w.now {
			n.Ticks++
			n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Tick(at, out) })
		} else {
			n.wait()
		}
	})
}

// receive takes a datagram from the internet or the private network.
func (n *Node) receive(w *World, from, to netip.AddrPort, data []byte, _ int) {
	id := n.socketAt(to.Port())
	if n.down || n.asleep || id == 0 || n.MaxDatagram > 0 && len(data) > n.MaxDatagram {
		return
	}
	w.record(n, from, data)
	w.shared.batch[0] = vl1.Datagram{Data: data, Remote: from, Socket: id}
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Datagrams(at, w.shared.batch[:], out) })
}
