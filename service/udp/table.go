package udp

import (
	"errors"
	"fmt"
	"math"

	"orrery/engine/vl1"
)

// Sockets are found by ID without a search, and without a lock: the low bits of
// an ID are its place in a table. An ID is never used again; the next one whose
// place is free is taken.
const (
	// MaxSockets is how many regular sockets there can be (spec 03 §9.1).
	MaxSockets = 256
	// tableSize leaves room for burst sockets.
	tableSize = 1024
)

// errTableFull is returned when no more sockets can be opened.
var errTableFull = errors.New("too many UDP sockets are open")

// find returns an open socket, nil if there is none with that ID.
func (s *Sockets) find(id vl1.SocketID) *socket {
	if id <= 0 {
		return nil
	}
	if sk := s.table[id%tableSize].Load(); sk != nil && sk.id == id {
		return sk
	}
	return nil
}

// nextID returns an ID that was never used. The caller holds mu.
func (s *Sockets) nextID() (vl1.SocketID, error) {
	for range tableSize {
		if s.lastID == math.MaxInt32 {
			return 0, errors.New("the socket IDs of this process are used up")
		}
		s.lastID++
		if s.table[s.lastID%tableSize].Load() == nil {
			return s.lastID, nil
		}
	}
	return 0, errTableFull
}

// launch opens a socket, puts it into the table and receives from it if anybody
// does. The caller holds mu. A socket without the right to be bound to its
// device is bound to its address only.
func (s *Sockets) launch(b Binding, small bool) (*socket, error) {
	id, err := s.nextID()
	if err != nil {
		return nil, err
	}
	device := b.Device
	conn, err := bind(&b)
	if err != nil && b.Device != "" && notPermitted(err) {
		if !s.refused {
			s.refused = true
			s.cfg.Log.Warn("no right to bind UDP sockets to devices: routes of networks may catch their own packets", "err", err)
		}
		free := b
		free.Device, free.Index, device = "", 0, ""
		conn, err = bind(&free)
	}
	if err != nil {
		return nil, fmt.Errorf("bind UDP %v: %w", b.Local, err)
	}
	sk := &socket{id: id, v6: b.Local.Addr().Is6(), small: small, binding: b, device: device, conn: conn}
	if b.Local.Port() == 0 {
		sk.binding.Local = localAddress(conn, b.Local)
	}
	sk.port = sk.binding.Local.Port()
	tune(sk, s.cfg)
	if s.cfg.plain {
		sk.transport = newPlain(sk)
	} else {
		sk.transport = newTransport(sk, s.cfg)
	}
	s.table[id%tableSize].Store(sk)
	if s.run != nil {
		s.start(sk)
	}
	return sk, nil
}

// shut closes a socket and keeps its counters. The caller holds mu; receiving
// ends some time later.
func (s *Sockets) shut(sk *socket) {
	s.table[sk.id%tableSize].Store(nil)
	_ = sk.conn.Close() // there is nothing to flush
	sk.addTo(&s.retired)
}
