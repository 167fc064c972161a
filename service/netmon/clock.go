package netmon

import (
	"context"
	"time"
)

// systemClock reads both clocks as times since now.
func systemClock() func() (mono, wall time.Duration) {
	start := time.Now()
	return func() (time.Duration, time.Duration) {
		now := time.Now()
		return now.Sub(start), now.Round(0).Sub(start.Round(0))
	}
}

// watchClock compares the clocks every now and then, and when there is a reason
// to glance at them.
func watchClock(ctx context.Context, clock func() (mono, wall time.Duration), glance <-chan struct{}, changed func(Notice)) {
	var w clockWatch
	w.compare(clock())
	t := time.NewTicker(clockPeriod)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-glance:
		case <-ctx.Done():
			return
		}
		if n, ok := w.compare(clock()); ok {
			changed(n)
		}
	}
}

// clockWatch remembers the last comparison.
type clockWatch struct {
	mono, wall time.Duration
	started    bool
}

// compare takes a reading of both clocks and says what it means.
func (w *clockWatch) compare(mono, wall time.Duration) (n Notice, ok bool) {
	before := *w
	*w = clockWatch{mono: mono, wall: wall, started: true}
	if !before.started {
		return Notice{}, false
	}
	passed := mono - before.mono
	if jump := wall - before.wall - passed; jump.Abs() >= step {
		n.Jump = jump
	}
	// Suspended, the monotonic clock stands still or goes on, by system; either
	// way one of the clocks has passed by more than the period.
	n.Slept = passed >= clockPeriod+stall || n.Jump >= stall
	return n, n != Notice{}
}
