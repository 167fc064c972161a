package udp

import (
	"net"
	"net/netip"

	"orrery/engine/vl1"
)

// maxBurst bounds the burst sockets that are open at once: those of one try,
// and of earlier ones that became paths.
const maxBurst = 512

// Burst opens up to n short-lived sockets on ports of the system's choice, bound
// to the address and device of another, or of the first primary one of the
// family if there is none with that ID. They receive with small buffers, are not
// reached by [vl1.AnySocket], and stay until [Sockets.CloseBurst], or until
// [Sockets.Update] wants nothing at their address and device any more. It returns those that could be opened; the error tells
// why not all.
func (s *Sockets) Burst(n int, like vl1.SocketID, v4 bool) ([]vl1.SocketID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return nil, net.ErrClosed
	}
	model := s.find(like)
	if model == nil || model.v6 == v4 {
		model = nil
		for _, sk := range s.regular {
			if sk.v6 != v4 && sk.binding.Role == Primary && s.find(sk.id) == sk {
				model = sk
				break
			}
		}
	}
	if model == nil {
		return nil, ErrNoSocket
	}
	b := Binding{
		Local: netip.AddrPortFrom(model.binding.Local.Addr(), 0), Device: model.binding.Device, Index: model.binding.Index, Role: Burst,
	}
	open := 0
	for sk := range s.open() {
		if sk.binding.Role == Burst {
			open++
		}
	}
	var ids []vl1.SocketID
	for range min(n, maxBurst-open) {
		sk, err := s.launch(b, true)
		if err != nil {
			return ids, err
		}
		ids = append(ids, sk.id)
	}
	return ids, nil
}

// CloseBurst closes short-lived sockets. Others, and IDs of sockets that are
// closed, are left alone. Datagrams that came before may still be handled.
func (s *Sockets) CloseBurst(ids []vl1.SocketID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if sk := s.find(id); sk != nil && sk.binding.Role == Burst {
			s.shut(sk)
		}
	}
}
