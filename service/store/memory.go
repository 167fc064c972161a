package store

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"orrery/engine/controller"
	"orrery/engine/identity"
)

// Memory is a [ControllerStore] that forgets everything when the process ends:
// for simulations and tests. The zero value is ready.
type Memory struct {
	mu      sync.Mutex
	records map[recordKey]controller.Record
}

type recordKey struct {
	network identity.NetworkID
	member  identity.Address
}

// Load implements [ControllerStore].
func (s *Memory) Load() ([]controller.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []controller.Record
	for _, r := range s.records {
		r.Doc = bytes.Clone(r.Doc)
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b controller.Record) int {
		return cmp.Or(cmp.Compare(min(a.Member, 1), min(b.Member, 1)), cmp.Compare(a.Network, b.Network), cmp.Compare(a.Member, b.Member))
	})
	return out, nil
}

// Apply implements [ControllerStore].
func (s *Memory) Apply(changes []controller.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = make(map[recordKey]controller.Record)
	}
	for _, c := range changes {
		key := recordKey{c.Network, c.Member}
		switch _, known := s.records[recordKey{network: c.Network}]; {
		case c.Delete && c.Member == 0:
			for k := range s.records {
				if k.network == c.Network {
					delete(s.records, k)
				}
			}
		case c.Delete:
			delete(s.records, key)
		case c.Member == 0 || known:
			r := c.Record
			r.Doc = bytes.Clone(r.Doc)
			s.records[key] = r
		}
	}
	return nil
}

// Close implements [ControllerStore].
func (s *Memory) Close() error { return nil }
