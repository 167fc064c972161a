package host

import (
	"maps"
	"slices"
	"sync"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
)

// saver collects small state to store, the newest of each thing, so that a
// slow disk neither blocks packets nor makes a queue grow.
type saver struct {
	mu    sync.Mutex
	dirty pendingState
	wake  chan struct{}
	done  bool

	writing sync.Mutex // one writer at a time
}

type pendingState struct {
	peers    map[identity.Address][]byte
	moons    map[uint64][]byte
	world    []byte
	networks map[identity.NetworkID][]byte
	settings map[identity.NetworkID]netconf.Settings
	trust    bool
}

func newPending() pendingState {
	return pendingState{
		peers: make(map[identity.Address][]byte), moons: make(map[uint64][]byte),
		networks: make(map[identity.NetworkID][]byte), settings: make(map[identity.NetworkID]netconf.Settings),
	}
}

func (s *saver) init() {
	s.dirty = newPending()
	s.wake = make(chan struct{}, 1)
}

func (s *saver) note(f func(p *pendingState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	f(&s.dirty)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *saver) peer(a identity.Address, record []byte) {
	s.note(func(p *pendingState) { p.peers[a] = record })
}
func (s *saver) planet(data []byte) { s.note(func(p *pendingState) { p.world = data }) }
func (s *saver) moon(id uint64, data []byte) {
	s.note(func(p *pendingState) { p.moons[id] = data })
}
func (s *saver) network(nwid identity.NetworkID, conf []byte) {
	s.note(func(p *pendingState) {
		p.networks[nwid] = conf
		if conf == nil {
			delete(p.settings, nwid)
		}
	})
}
func (s *saver) settings(nwid identity.NetworkID, n netconf.Settings) {
	s.note(func(p *pendingState) { p.settings[nwid] = n })
}
func (s *saver) trust() { s.note(func(p *pendingState) { p.trust = true }) }

func (s *saver) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	close(s.wake)
}

func (s *saver) take() pendingState {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.dirty
	s.dirty = newPending()
	return p
}

// save writes what is noted, until the saver is closed and all is written.
func (h *Host) save() {
	for range h.saver.wake {
		h.flush(h.saver.take())
		// A moment of rest: bursts become one write.
		time.Sleep(20 * time.Millisecond)
	}
	h.flush(h.saver.take())
}

// Sync stores what is noted now, for calls that promise that it is kept.
func (h *Host) Sync() { h.flush(h.saver.take()) }

func (h *Host) flush(p pendingState) {
	h.saver.writing.Lock()
	defer h.saver.writing.Unlock()
	st := h.cfg.State
	report := func(what string, err error) {
		if err != nil {
			h.log.Error("state cannot be stored", "what", what, "err", err)
		}
	}
	if p.world != nil {
		report("planet", st.SavePlanet(p.world))
	}
	for _, id := range slices.Sorted(maps.Keys(p.moons)) {
		report("moon", st.SaveMoon(id, p.moons[id]))
	}
	for _, nwid := range slices.Sorted(maps.Keys(p.networks)) {
		report("network "+nwid.String(), st.SaveNetwork(nwid, p.networks[nwid]))
	}
	for _, nwid := range slices.Sorted(maps.Keys(p.settings)) {
		report("settings of "+nwid.String(), st.SaveSettings(nwid, p.settings[nwid]))
	}
	for _, a := range slices.Sorted(maps.Keys(p.peers)) {
		report("peer "+a.String(), st.SavePeer(a, p.peers[a]))
	}
	if p.trust {
		report("trust records", h.saveTrust())
	}
}

func (h *Host) saveTrust() error {
	var text []byte
	var err error
	h.View(func(c *node.Core, _ clock.Instant) { text, err = c.Trust().MarshalJSON() })
	if err != nil {
		return err
	}
	return h.cfg.State.SaveTrust(text)
}
