package portmap

import (
	"sync"
	"testing"
	"time"
)

// manual is a clock that goes on when a test says so.
type manual struct {
	waits chan *waiting

	mu sync.Mutex
	t  time.Time
}

// waiting is somebody who waits for d to pass.
type waiting struct {
	d time.Duration
	c chan time.Time
}

func newManual() *manual {
	return &manual{waits: make(chan *waiting, 16), t: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
}

func (m *manual) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.t
}

func (m *manual) after(d time.Duration) (<-chan time.Time, func()) {
	w := &waiting{d, make(chan time.Time, 1)}
	m.waits <- w
	return w.c, func() {}
}

func (m *manual) advance(d time.Duration) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t = m.t.Add(max(0, d))
	return m.t
}

// next waits until somebody waits.
func (m *manual) next(t *testing.T) *waiting {
	t.Helper()
	select {
	case w := <-m.waits:
		return w
	case <-time.After(2 * time.Minute):
		t.Fatal("nobody waits")
		return nil
	}
}

// fire lets the time pass that somebody waits for.
func (m *manual) fire(w *waiting) { w.c <- m.advance(w.d) }
