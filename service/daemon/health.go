package daemon

import (
	"maps"
	"slices"
	"sync"
	"time"

	"orrery/service/ipc"
)

// alerts is what the user should know, by a stable ID, and cannot be read from
// the state of things.
type alerts struct {
	mu  sync.Mutex // guards all
	all map[string]ipc.Alert
}

// set raises an alert, or changes one and keeps its time.
func (a *alerts) set(x ipc.Alert) {
	x.Text = oneLine(x.Text)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[string]ipc.Alert)
	}
	if old, ok := a.all[x.ID]; ok {
		x.Since = old.Since
	} else if x.Since.IsZero() {
		x.Since = time.Now().UTC()
	}
	a.all[x.ID] = x
}

func (a *alerts) clear(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, id)
}

func (a *alerts) list() []ipc.Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := make([]ipc.Alert, 0, len(a.all))
	for _, id := range slices.Sorted(maps.Keys(a.all)) {
		l = append(l, a.all[id])
	}
	return l
}
