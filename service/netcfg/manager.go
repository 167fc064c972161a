package netcfg

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
)

// Manager makes and undoes network configuration. Its methods may be called
// from any goroutine; they work one at a time and may take milliseconds.
type Manager struct {
	sys     system
	journal journal
	log     *slog.Logger

	mu sync.Mutex // guards owned and seen
	// owned is what we have made and not undone, in the order made.
	owned []Item
	// seen is what was last seen of the machine.
	seen glance
}

// Open undoes what an earlier run has left according to the journal at path,
// and returns a manager that keeps this journal. What could not be undone is
// tried again by Close; it is logged and no reason to fail, and neither is a
// damaged journal.
func Open(path string, log *slog.Logger) (*Manager, error) {
	sys, err := newSystem()
	if err != nil {
		return nil, err
	}
	return openOn(sys, path, log)
}

func openOn(sys system, path string, log *slog.Logger) (*Manager, error) {
	m := &Manager{sys: sys, journal: journal{path: path, boot: sys.boot()}, log: log}
	changes, err := m.undoEarlier()
	for _, c := range changes {
		log.Info("undid a network change of an earlier run", "change", c.String())
	}
	if err != nil {
		if !errors.Is(err, ErrJournal) && len(m.owned) == 0 {
			sys.close()
			return nil, err
		}
		log.Warn("network changes of an earlier run are not all undone", "err", err)
	}
	return m, nil
}

// Recover undoes what the journal at path says an earlier run has left, and
// returns what it undid. It must not run beside a [Manager] with this journal.
func Recover(path string) ([]Change, error) {
	sys, err := newSystem()
	if err != nil {
		return nil, err
	}
	defer sys.close()
	m := &Manager{sys: sys, journal: journal{path: path, boot: sys.boot()}}
	return m.undoEarlier()
}

// undoEarlier undoes the journal's items. Those that cannot be undone stay, in the
// journal and in m.owned.
func (m *Manager) undoEarlier() ([]Change, error) {
	items, err := m.journal.load()
	if err != nil {
		return nil, err
	}
	m.owned = items
	changes, err := m.release(func(Item) bool { return true })
	return changes, errors.Join(err, m.journal.save(m.owned))
}

// Apply makes the interface what want says: it adds what is missing and undoes
// what earlier calls made and is not wanted any more. When all is as it should
// be it changes nothing. It goes on after an error, so that changes may be
// returned along with one. It fails with [ErrNoInterface] if there is none, and
// joins an [ItemError] for each thing that the system refused; of what belongs
// together, as the parts of one route do, all is made or nothing.
func (m *Manager) Apply(want State) ([]Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, err := m.see(want)
	if err != nil {
		return nil, err
	}
	want.index = now[want.Interface].index
	items, planErr := plan(want, m.sys.platform())
	keys := make(map[Item]bool, len(items))
	for _, it := range items {
		keys[it.key()] = true
	}
	// First away with the old: new items may contradict them. What the journal
	// has, it has until it is gone.
	changes, undoErr := m.release(func(it Item) bool {
		if it.owner() != want.Interface {
			return false
		}
		on := now[it.Interface]
		return on == nil || it.Index != on.index || !it.Kind.stays() && !keys[it.key()]
	})
	if len(changes) > 0 {
		// Taking an address away can take others and routes along.
		if now, err = m.see(want); err != nil {
			return changes, errors.Join(planErr, undoErr, err, m.journal.save(m.owned))
		}
	}
	made, doErr := m.makeMissing(items, now)
	changes = append(changes, made...)
	err = errors.Join(planErr, undoErr, doErr)
	if len(changes) > 0 || doErr != nil {
		err = errors.Join(err, m.journal.save(m.owned))
	}
	return changes, err
}

// see reads what the interfaces of a state have, by name.
func (m *Manager) see(want State) (map[string]*observed, error) {
	now := make(map[string]*observed, 2)
	for _, name := range []string{want.Interface, want.Bridge} {
		if name == "" {
			continue
		}
		o, err := m.sys.observe(name)
		if err != nil {
			return nil, err
		}
		now[name] = o
	}
	return now, nil
}

// before is the value that a setting has to go back to.
func (m *Manager) before(it Item, now *observed) int {
	for _, o := range m.owned {
		if o.key() == it.key() && o.Index == now.index {
			return o.Before
		}
	}
	return now.settings[it.Kind]
}

// own adds or replaces an item.
func (m *Manager) own(it Item) {
	m.disown(it)
	m.owned = append(m.owned, it)
}

// disown forgets an item.
func (m *Manager) disown(it Item) {
	m.owned = slices.DeleteFunc(m.owned, func(o Item) bool { return o.key() == it.key() })
}

// release undoes the owned items that which selects, last made first, and
// forgets those that are gone. The journal is for the caller to save.
func (m *Manager) release(which func(Item) bool) ([]Change, error) {
	var changes []Change
	var errs []error
	kept := make([]Item, 0, len(m.owned))
	indexes := map[string]int{}
	for _, it := range slices.Backward(m.owned) {
		if !which(it) {
			kept = append(kept, it)
			continue
		}
		if it.Kind != KindRule && !m.present(it, indexes) {
			continue // it went with its interface
		}
		if err := m.sys.undo(it); err != nil {
			errs = append(errs, &ItemError{Item: it, Undo: true, Err: err})
			kept = append(kept, it)
			continue
		}
		changes = append(changes, Change{Item: it, Undone: true})
	}
	slices.Reverse(kept)
	m.owned = kept
	return changes, errors.Join(errs...)
}

// present reports whether the interface on which it was made still exists.
// Indexes remembers the answers, -1 for none.
func (m *Manager) present(it Item, indexes map[string]int) bool {
	index, known := indexes[it.Interface]
	if !known {
		index = -1
		if now, err := m.sys.observe(it.Interface); err == nil {
			index = now.index
		} else if !errors.Is(err, ErrNoInterface) {
			index = it.Index // when in doubt, try
		}
		indexes[it.Interface] = index
	}
	return index == it.Index
}

// Remove undoes all that was made for an interface, which need not exist any
// more. It is to be called before the interface is closed.
func (m *Manager) Remove(ifname string) ([]Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.owned)
	changes, err := m.release(func(it Item) bool { return it.owner() == ifname })
	if len(m.owned) != before {
		err = errors.Join(err, m.journal.save(m.owned))
	}
	return changes, err
}

// Close undoes everything. What could not be undone stays in the journal for
// the next start. The manager is of no use afterwards.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.release(func(Item) bool { return true })
	err = errors.Join(err, m.journal.save(m.owned))
	m.sys.close()
	return err
}
