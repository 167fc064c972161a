package udp

import (
	"net/netip"
	"sync/atomic"
	"syscall"

	"orrery/engine/vl1"
)

// Stats counts since New, over all sockets, also those that are closed.
// Datagrams are UDP payloads as the engine sees them, however the kernel bundled
// them.
type Stats struct {
	ReceivedDatagrams, ReceivedBytes uint64
	SentDatagrams, SentBytes         uint64
	// ReceiveCalls and SendCalls are system calls that moved something.
	ReceiveCalls, SendCalls uint64
	// SendErrors are datagrams that the kernel refused: no route, no buffer,
	// firewall, unusable destination.
	SendErrors uint64
	// Unroutable datagrams named a socket that does not exist, or a family that
	// is not available.
	Unroutable uint64
	// Truncated datagrams were larger than a receive buffer.
	Truncated uint64
	// Offloads tells how many open sockets use segmentation offload on sending.
	Offloads int
}

// counters are the parts of Stats that a socket counts, once per batch.
type counters struct {
	receivedDatagrams, receivedBytes atomic.Uint64
	sentDatagrams, sentBytes         atomic.Uint64
	receiveCalls, sendCalls          atomic.Uint64
	sendErrors                       atomic.Uint64
	truncated                        atomic.Uint64
	segment                          atomic.Bool
	lastErrno                        atomic.Uintptr
}

// failed counts datagrams that could not be sent.
func (c *counters) failed(n int, why syscall.Errno) {
	c.sendErrors.Add(uint64(n))
	c.lastErrno.Store(uintptr(why))
}

// addTo adds what was counted, but for what is true of open sockets only.
func (c *counters) addTo(t *Stats) {
	t.ReceivedDatagrams += c.receivedDatagrams.Load()
	t.ReceivedBytes += c.receivedBytes.Load()
	t.SentDatagrams += c.sentDatagrams.Load()
	t.SentBytes += c.sentBytes.Load()
	t.ReceiveCalls += c.receiveCalls.Load()
	t.SendCalls += c.sendCalls.Load()
	t.SendErrors += c.sendErrors.Load()
	t.Truncated += c.truncated.Load()
}

// Stats adds up the sockets' counters.
func (s *Sockets) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.retired
	t.Unroutable = s.unroutable.Load()
	for sk := range s.open() {
		sk.addTo(&t)
		if sk.segment.Load() {
			t.Offloads++
		}
	}
	return t
}

// Status describes one open socket.
type Status struct {
	ID    vl1.SocketID
	Local netip.AddrPort
	// Device is the interface that the socket is bound to, "" if to none.
	Device string
	Role   Role
	// Stats counts since the socket was opened.
	Stats Stats
	// LastError is why a datagram could last not be sent, "" if all could.
	LastError string
}

// Status describes the open sockets, the regular ones first, in the order of
// preference.
func (s *Sockets) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, 0, len(s.regular))
	add := func(sk *socket) {
		x := Status{ID: sk.id, Local: sk.binding.Local, Device: sk.device, Role: sk.binding.Role}
		sk.addTo(&x.Stats)
		if sk.segment.Load() {
			x.Stats.Offloads = 1
		}
		if e := syscall.Errno(sk.lastErrno.Load()); e != 0 {
			x.LastError = e.Error()
		}
		all = append(all, x)
	}
	for _, sk := range s.regular {
		if s.find(sk.id) == sk {
			add(sk)
		}
	}
	for sk := range s.open() {
		if sk.binding.Role == Burst {
			add(sk)
		}
	}
	return all
}
