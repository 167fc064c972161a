package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"orrery/engine/vl1"
)

// anySockets are the sockets that stand for AnySocket, by family, in the order
// in which they were wanted.
type anySockets [2][]anySocket

type anySocket struct {
	*socket
	reach []netip.Prefix
}

// maxAny bounds the sockets that one datagram to AnySocket leaves from: a
// machine with hundreds of addresses has to greet a peer from a few of them.
const maxAny = 16

// reaches reports whether datagrams to ip are to leave from the socket.
func (a *anySocket) reaches(ip netip.Addr) bool {
	return a.reach == nil || slices.ContainsFunc(a.reach, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Update makes the regular sockets those that are wanted: it keeps the ones
// that are, with their IDs, closes the others and opens new ones. The order is
// that of preference; what is beyond [MaxSockets] is left out. What closes is
// closed, and its last datagram handled, when Update returns, so it must not be
// called by what handles datagrams.
//
// The error tells, joined, what could not be opened; the rest is in force. A
// family that the machine lacks is no error. [net.ErrClosed] comes after Close.
func (s *Sockets) Update(want []Binding) error {
	want = want[:min(len(want), MaxSockets)]
	s.mu.Lock()
	if s.closed.Load() {
		s.mu.Unlock()
		return net.ErrClosed
	}
	idle, err := s.update(want)
	s.mu.Unlock()
	for _, c := range idle {
		<-c
	}
	return err
}

// update does it, and returns what to wait for. The caller holds mu.
func (s *Sockets) update(want []Binding) (idle []chan struct{}, err error) {
	wanted := make(map[key]bool, len(want))
	for i := range want {
		wanted[want[i].key()] = true
	}
	have := make(map[key]*socket, len(s.regular))
	for _, sk := range s.regular {
		k := sk.binding.key()
		switch {
		case s.find(sk.id) != sk: // it has failed
		case wanted[k]:
			have[k] = sk
		default:
			// Before any is opened: a wildcard and an address cannot share a port.
			s.shut(sk)
			if sk.idle != nil {
				idle = append(idle, sk.idle)
			}
		}
	}
	s.shutStrays(want)
	s.regular = nil
	var errs []error
	var reached anySockets
	primary := true
	for i := range want {
		b := &want[i]
		if b.Role == Primary && primary {
			s.primary.Store(int32(b.Local.Port()))
			primary = false
		}
		sk := have[b.key()]
		if sk == nil {
			var e error
			if sk, e = s.launch(*b, false); e != nil {
				if !familyMissing(e) || !b.Local.Addr().IsUnspecified() {
					errs = append(errs, e)
				}
				continue
			}
			have[b.key()] = sk // wanted twice is there once
		} else if slices.Contains(s.regular, sk) {
			continue
		}
		sk.binding = *b
		s.regular = append(s.regular, sk)
		if b.Role == Primary || b.Role == Secondary {
			f := family(sk.v6)
			reached[f] = append(reached[f], anySocket{sk, slices.Clone(b.Reach)})
		}
	}
	s.any.Store(&reached)
	return idle, errors.Join(errs...)
}

// shutStrays closes burst sockets at places where nothing is wanted any more:
// what they were bound to is gone. The caller holds mu.
func (s *Sockets) shutStrays(want []Binding) {
	for sk := range s.open() {
		if sk.binding.Role == Burst && !slices.ContainsFunc(want, func(b Binding) bool {
			return b.Local.Addr() == sk.binding.Local.Addr() && b.Device == sk.binding.Device && b.Index == sk.binding.Index
		}) {
			s.shut(sk)
		}
	}
}

func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// localAddress is where a socket is bound, for one that left the port to the
// system.
func localAddress(c *net.UDPConn, asked netip.AddrPort) netip.AddrPort {
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return netip.AddrPortFrom(asked.Addr(), uint16(a.Port))
	}
	return asked
}

// Ports are the ports of the regular sockets, without repetition, in the order
// of their roles.
func (s *Sockets) Ports() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ports []int
	for role := Primary; role <= Tertiary; role++ {
		for _, sk := range s.regular {
			if p := int(sk.binding.Local.Port()); sk.binding.Role == role && !slices.Contains(ports, p) {
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// IDs are the IDs of the regular sockets, ascending.
func (s *Sockets) IDs() []vl1.SocketID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]vl1.SocketID, 0, len(s.regular))
	for _, sk := range s.regular {
		if s.find(sk.id) == sk {
			ids = append(ids, sk.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// LocalPort is the port that a socket is bound to, 0 if there is no such
// socket.
func (s *Sockets) LocalPort(id vl1.SocketID) int {
	if sk := s.find(id); sk != nil {
		return int(sk.port)
	}
	return 0
}
