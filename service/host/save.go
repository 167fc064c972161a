package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
)

const (
	// rest is the least pause between two rounds of writing: bursts become one
	// round. A round that took long is followed by a longer pause.
	rest       = 20 * time.Millisecond
	restFactor = 10
	lastRest   = 30 * time.Second
)

// saver collects small state to store, the newest of each thing, so that a
// slow disk neither blocks packets nor makes a queue grow.
type saver struct {
	mu      sync.Mutex // guards what follows
	dirty   unsaved
	noted   uint64 // counts notes
	waiting []waiter
	closed  bool

	wake   chan struct{} // there is something to do
	urgent chan struct{} // somebody waits for it
}

// waiter waits for everything up to a note.
type waiter struct {
	noted uint64
	done  chan<- error
}

// unsaved is state that is not stored yet. Nil bytes delete.
type unsaved struct {
	planet   []byte
	orbits   []byte
	moons    map[uint64][]byte
	networks map[identity.NetworkID][]byte
	settings map[identity.NetworkID]netconf.Settings
	revoked  map[identity.NetworkID]bool
	peers    map[identity.Address][]byte
	trust    bool
}

func newUnsaved() unsaved {
	return unsaved{
		peers: make(map[identity.Address][]byte), moons: make(map[uint64][]byte),
		networks: make(map[identity.NetworkID][]byte), settings: make(map[identity.NetworkID]netconf.Settings),
		revoked: make(map[identity.NetworkID]bool),
	}
}

func (u *unsaved) empty() bool {
	return u.planet == nil && u.orbits == nil && !u.trust && len(u.moons)+len(u.networks)+len(u.settings)+len(u.revoked)+len(u.peers) == 0
}

func (s *saver) init() {
	s.dirty = newUnsaved()
	s.wake, s.urgent = make(chan struct{}, 1), make(chan struct{}, 1)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take notes what an outbox wants stored.
func (s *saver) take(out *node.Outbox) {
	if len(out.Store) == 0 && len(out.Files) == 0 && len(out.Revoked) == 0 && !out.Trust {
		return
	}
	s.note(func(u *unsaved) {
		for _, x := range out.Store {
			switch x.Kind {
			case vl1.StorePeer:
				u.peers[identity.Address(x.ID)] = x.Data
			case vl1.StorePlanet:
				u.planet = x.Data
			case vl1.StoreMoon:
				u.moons[x.ID] = x.Data
			case vl1.StoreOrbits:
				u.orbits = x.Data
			}
		}
		for _, f := range out.Files {
			u.networks[f.Network] = f.Data
			if f.Data == nil {
				delete(u.settings, f.Network)
				delete(u.revoked, f.Network)
			}
		}
		for _, nwid := range out.Revoked {
			u.revoked[nwid] = true
		}
		u.trust = u.trust || out.Trust
	})
}

// settings notes the settings of a network.
func (s *saver) settings(nwid identity.NetworkID, n netconf.Settings) {
	s.note(func(u *unsaved) { u.settings[nwid] = n })
}

func (s *saver) note(f func(u *unsaved)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.dirty)
	s.noted++
	if !s.closed {
		signal(s.wake)
	}
}

// next takes what is to be written and who waits for it. ended says that
// nothing will come any more.
func (s *saver) next() (u unsaved, noted uint64, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, noted = s.dirty, s.noted
	s.dirty = newUnsaved()
	return u, noted, s.closed
}

// finish puts back what could not be written, unless there is something newer,
// and answers those who waited for it.
func (s *saver) finish(failed unsaved, noted uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty.planet == nil {
		s.dirty.planet = failed.planet
	}
	if s.dirty.orbits == nil {
		s.dirty.orbits = failed.orbits
	}
	s.dirty.trust = s.dirty.trust || failed.trust
	putBack(s.dirty.moons, failed.moons)
	for nwid, n := range failed.settings {
		if conf, ok := s.dirty.networks[nwid]; ok && conf == nil {
			delete(failed.settings, nwid) // left meanwhile
			continue
		}
		if _, ok := s.dirty.settings[nwid]; !ok {
			s.dirty.settings[nwid] = n
		}
	}
	for nwid := range failed.revoked {
		if conf, ok := s.dirty.networks[nwid]; !ok || conf != nil {
			s.dirty.revoked[nwid] = true
		}
	}
	putBack(s.dirty.networks, failed.networks)
	putBack(s.dirty.peers, failed.peers)
	s.waiting = slices.DeleteFunc(s.waiting, func(w waiter) bool {
		if w.noted > noted {
			return false
		}
		w.done <- err // has room
		return true
	})
}

func putBack[K comparable](dirty, failed map[K][]byte) {
	for k, v := range failed {
		if _, newer := dirty[k]; !newer {
			dirty[k] = v
		}
	}
}

func (s *saver) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.wake)
}

// Sync returns once everything that calls before it have changed is stored, or
// with the reason why it is not, the error of ctx or [ErrStopped]. What could
// not be stored is tried again.
func (h *Host) Sync(ctx context.Context) error {
	s := &h.saver
	done := make(chan error, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrStopped
	}
	s.waiting = append(s.waiting, waiter{s.noted, done})
	signal(s.wake)
	signal(s.urgent)
	s.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storeFiles writes what is noted, until the saver is closed and all is
// written or there is no more time.
func (h *Host) storeFiles() {
	retry := firstRetry
	var files, peers complaint
	for {
		u, noted, ended := h.saver.next()
		begun := time.Now()
		failed, err := h.write(&u, &peers)
		pause := min(max(rest, restFactor*time.Since(begun)), lastRest)
		switch {
		case err != nil:
			if files.news(err.Error()) {
				h.log.Error("state cannot be stored; trying again", "err", err)
				h.cfg.Stored(Files, err)
				h.cfg.Changed()
			}
			pause, retry = retry, min(2*retry, lastRetry)
		case retry > firstRetry:
			h.cfg.Stored(Files, nil)
			h.cfg.Changed()
			files.over()
			retry = firstRetry
		}
		h.saver.finish(failed, noted, err)
		if err == nil {
			if ended {
				return
			}
			<-h.saver.wake
		}
		if !h.pause(pause, h.saver.urgent) && err != nil {
			h.log.Error("stopping without having stored everything", "err", err)
			h.saver.finish(unsaved{}, ^uint64(0), ErrStopped)
			return
		}
	}
}

// write stores what it can, and returns the rest and why. Peers are a cache:
// that one cannot be stored is no reason to keep anybody waiting.
func (h *Host) write(u *unsaved, peers *complaint) (failed unsaved, err error) {
	failed = newUnsaved()
	if u.empty() {
		return failed, nil
	}
	st := h.cfg.State
	var errs []error
	try := func(what string, err error) bool {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
		return err != nil
	}
	// First: it says by which keys the worlds can be verified.
	if u.orbits != nil && try("orbits", st.SaveOrbits(u.orbits)) {
		failed.orbits = u.orbits
	}
	if u.planet != nil && try("planet", st.SavePlanet(u.planet)) {
		failed.planet = u.planet
	}
	for _, id := range slices.Sorted(maps.Keys(u.moons)) {
		if try("moon", st.SaveMoon(id, u.moons[id])) {
			failed.moons[id] = u.moons[id]
		}
	}
	for _, nwid := range slices.Sorted(maps.Keys(u.networks)) {
		if try("network "+nwid.String(), st.SaveNetwork(nwid, u.networks[nwid])) {
			failed.networks[nwid] = u.networks[nwid]
		}
	}
	for _, nwid := range slices.Sorted(maps.Keys(u.settings)) {
		if try("settings of network "+nwid.String(), st.SaveSettings(nwid, u.settings[nwid])) {
			failed.settings[nwid] = u.settings[nwid]
		}
	}
	for _, nwid := range slices.Sorted(maps.Keys(u.revoked)) {
		if try("expelled members of network "+nwid.String(), h.saveRevoked(nwid)) {
			failed.revoked[nwid] = true
		}
	}
	if u.trust && try("trust records", h.saveTrust()) {
		failed.trust = true
	}
	h.writePeers(u.peers, peers)
	return failed, errors.Join(errs...)
}

// writePeers stores peer records while there is time.
func (h *Host) writePeers(peers map[identity.Address][]byte, before *complaint) {
	failed, last := 0, error(nil)
	for _, a := range slices.Sorted(maps.Keys(peers)) {
		select {
		case <-h.late:
			return
		default:
		}
		if err := h.cfg.State.SavePeer(a, peers[a]); err != nil {
			failed, last = failed+1, err
		}
	}
	switch {
	case failed == 0 && len(peers) > 0:
		before.over()
	case failed > 0 && before.news("peers"):
		h.log.Warn("peer records not stored", "n", failed, "err", last)
	}
}

// saveRevoked stores what is revoked on a network, as it is now: a controller
// that expels many makes one file, not many.
func (h *Host) saveRevoked(nwid identity.NetworkID) error {
	var list []credential.Threshold
	joined := false
	h.View(func(c *node.Core, _ clock.Instant) {
		_, joined = c.Network(nwid)
		list = c.Revoked(nwid)
	})
	if !joined {
		return nil // its files are deleted
	}
	return h.cfg.State.SaveRevoked(nwid, list)
}

// saveTrust stores the trust records as they are now. There can be many:
// turning them into text is not done as the core's owner.
func (h *Host) saveTrust() error {
	var records []trust.Record
	h.View(func(c *node.Core, _ clock.Instant) { records = c.Trust().All() })
	text, err := trust.Text(records)
	if err != nil {
		return err
	}
	return h.cfg.State.SaveTrust(text)
}
