package netcfg

import (
	"errors"
	"fmt"
	"slices"
)

// ItemError is what the system said to a change.
type ItemError struct {
	Item Item
	// Undo is whether the item was to be taken away.
	Undo bool
	Err  error
}

// Error implements error.
func (e *ItemError) Error() string {
	if e.Undo {
		return fmt.Sprintf("undo %v: %v", e.Item, e.Err)
	}
	return fmt.Sprintf("make %v: %v", e.Item, e.Err)
}

// Unwrap returns what the system said.
func (e *ItemError) Unwrap() error { return e.Err }

// Refused takes the refusals of the system out of an error of [Manager.Apply];
// rest is what else went wrong, nil if nothing did.
func Refused(err error) (items []*ItemError, rest error) {
	var one *ItemError
	switch e := err.(type) {
	case nil:
	case *ItemError:
		items = append(items, e)
	case interface{ Unwrap() []error }:
		var others []error
		for _, part := range e.Unwrap() {
			its, r := Refused(part)
			items = append(items, its...)
			if r != nil {
				others = append(others, r)
			}
		}
		rest = errors.Join(others...)
	default:
		if errors.As(err, &one) {
			return []*ItemError{one}, nil
		}
		rest = err
	}
	return items, rest
}

// makeMissing makes those items that are not there.
func (m *Manager) makeMissing(items []planned, now map[string]*observed) ([]Change, error) {
	var missing []planned
	for _, p := range items {
		if on := now[p.Interface]; !on.has(p.Item) {
			p.Index = on.index
			if p.Kind.setting() {
				p.Before = m.before(p.Item, on)
			}
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	before := m.owned
	m.owned = slices.Clone(m.owned)
	for _, p := range missing {
		m.own(p.Item)
	}
	if err := m.journal.save(m.owned); err != nil {
		m.owned = before
		return nil, err
	}
	var changes []Change
	var errs []error
	failed := make(map[int]bool)
	for i, p := range missing {
		if failed[p.group] {
			continue
		}
		done, err := m.displace(p.Item, now[p.Interface])
		changes = append(changes, done...)
		if err == nil {
			if err = m.sys.do(p.Item); err == nil {
				changes = append(changes, Change{Item: p.Item})
				continue
			}
			err = &ItemError{Item: p.Item, Err: err}
		}
		for _, q := range missing[i:] { // neither it nor what would have followed
			if q.group == p.group {
				m.disown(q.Item)
			}
		}
		if i := slices.IndexFunc(before, func(o Item) bool { return o.key() == p.key() && o.Kind.setting() }); i >= 0 {
			m.own(before[i]) // it still has the value of an earlier call
		}
		failed[p.group] = true
		errs = append(errs, err)
		undone, err := m.retreat(items, p.group)
		changes = append(changes, undone...)
		errs = append(errs, err)
	}
	return changes, errors.Join(errs...)
}

// displace removes what the system would not have beside an item.
func (m *Manager) displace(it Item, now *observed) (changes []Change, err error) {
	for _, rival := range now.rivals(it) {
		if err := m.sys.undo(rival); err != nil {
			return changes, &ItemError{Item: rival, Undo: true, Err: err}
		}
		changes = append(changes, Change{Item: rival, Undone: true})
	}
	return changes, nil
}

// retreat undoes what there is of a group of which a part could not be made.
func (m *Manager) retreat(items []planned, group int) ([]Change, error) {
	keys := make(map[Item]bool)
	for _, p := range items {
		if p.group == group {
			keys[p.key()] = true
		}
	}
	return m.release(func(it Item) bool { return !it.Kind.setting() && keys[it.key()] })
}
