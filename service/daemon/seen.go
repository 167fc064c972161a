package daemon

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// seen are the addresses of all interfaces as the system had them a moment ago.
// Systems tell of all at once or search through all for one: with a hundred
// networks, asking for each would take the square of that.
type seen struct {
	mu     sync.Mutex // guards byName
	byName map[string][]netip.Prefix
}

// forget has the system asked again.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byName = nil
}

// addresses lists what is on an interface, in a stable order.
func (s *seen) addresses(name string) ([]netip.Prefix, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byName[name]; !ok { // perhaps it is new
		all, err := allAddresses()
		if err != nil {
			return nil, err
		}
		for list := range maps.Values(all) {
			slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		}
		s.byName = all
	}
	list, ok := s.byName[name]
	if !ok {
		return nil, fmt.Errorf("no interface %s", name)
	}
	return list, nil
}
