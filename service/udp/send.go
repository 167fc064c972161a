package udp

import (
	"net"
	"net/netip"
	"sync"

	"orrery/engine/vl1"
)

// Send sends every datagram of the batch from its Socket, or with
// [vl1.AnySocket] from the sockets of the primary and secondary port that reach
// its remote, at most 16. The order per socket is kept. Datagrams that cannot be
// sent are counted, not reported: the error is [net.ErrClosed] after Close, or
// nil. The data is not changed and not kept.
func (s *Sockets) Send(batch []vl1.Datagram) error {
	if len(batch) == 0 {
		return nil
	}
	// Most batches leave from one socket.
	if sk := s.find(batch[0].Socket); sk != nil && sk.takesAll(batch) {
		_ = sk.send(batch) // fails only when closed meanwhile
	} else {
		s.sendMixed(batch)
	}
	if s.closed.Load() {
		return net.ErrClosed
	}
	return nil
}

// takesAll reports whether all of the batch is to leave from sk, and can.
func (sk *socket) takesAll(batch []vl1.Datagram) bool {
	for i := range batch {
		if batch[i].Socket != sk.id || !sk.takes(batch[i].Remote.Addr()) {
			return false
		}
	}
	return true
}

// takes reports whether the socket is of the address's family.
func (sk *socket) takes(ip netip.Addr) bool {
	if ip.Is4() || ip.Is4In6() {
		return !sk.v6
	}
	return sk.v6 && ip.Is6()
}

// mixer sorts a batch by socket.
type mixer struct {
	groups []group
	// place is one more than the index of a socket's group, by the socket's
	// place in the table; 0 for none.
	place [tableSize]int16
}

type group struct {
	sk    *socket
	batch []vl1.Datagram
}

// mixers has the memory of finished sends.
var mixers = sync.Pool{New: func() any { return new(mixer) }}

// sendMixed sends a batch for several sockets.
func (s *Sockets) sendMixed(batch []vl1.Datagram) {
	m := mixers.Get().(*mixer)
	var lost uint64
	var reached *anySockets
	for i := range batch {
		d := &batch[i]
		ip := d.Remote.Addr()
		if d.Socket != vl1.AnySocket {
			if sk := s.find(d.Socket); sk != nil && sk.takes(ip) {
				m.add(sk, d)
			} else {
				lost++
			}
			continue
		}
		if reached == nil {
			reached = s.any.Load()
		}
		ip = ip.Unmap()
		n := 0
		for j := range reached[family(ip.Is6())] {
			a := &reached[family(ip.Is6())][j]
			if !ip.IsValid() || !a.reaches(ip) {
				continue
			}
			m.add(a.socket, d)
			if n++; n == maxAny {
				break
			}
		}
		if n == 0 {
			lost++
		}
	}
	if lost > 0 {
		s.unroutable.Add(lost)
	}
	for i := range m.groups {
		g := &m.groups[i]
		_ = g.sk.send(g.batch) // fails only when closed meanwhile
	}
	m.reset()
	mixers.Put(m)
}

// add adds a datagram to a socket's group.
func (m *mixer) add(sk *socket, d *vl1.Datagram) {
	at := &m.place[sk.id%tableSize]
	if *at == 0 || m.groups[*at-1].sk != sk {
		if len(m.groups) < cap(m.groups) {
			m.groups = m.groups[:len(m.groups)+1] // with the memory of an earlier one
		} else {
			m.groups = append(m.groups, group{})
		}
		m.groups[len(m.groups)-1].sk = sk
		*at = int16(len(m.groups))
	}
	g := &m.groups[*at-1]
	g.batch = append(g.batch, *d)
}

// reset forgets the groups and keeps nothing of the caller's alive.
func (m *mixer) reset() {
	for i := range m.groups {
		g := &m.groups[i]
		m.place[g.sk.id%tableSize] = 0
		clear(g.batch)
		g.sk, g.batch = nil, g.batch[:0]
	}
	m.groups = m.groups[:0]
}
