package host

import (
	"context"
	"sync"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
)

// timer knows when the core wants to be called.
type timer struct {
	mu   sync.Mutex // guards at
	at   clock.Mono
	wake chan struct{}
}

// rearm takes the core's deadline and wakes the timer if it is earlier.
func (t *timer) rearm(deadline clock.Mono) {
	t.mu.Lock()
	earlier := deadline < t.at
	if earlier {
		t.at = deadline
	}
	t.mu.Unlock()
	if earlier {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// set takes the core's deadline, be it earlier or later.
func (t *timer) set(deadline clock.Mono) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = deadline
}

func (t *timer) deadline() clock.Mono {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// tick calls the core when it wants to be. A deadline that has passed when the
// core is done is met a millisecond later, so that it cannot take all time.
func (h *Host) tick(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				if c.Deadline() <= at.Mono {
					c.Tick(at, out)
				}
				h.timer.set(c.Deadline())
			})
		case <-h.timer.wake:
		}
		t.Reset(max(time.Duration(h.timer.deadline()-h.now().Mono), time.Millisecond))
	}
}
