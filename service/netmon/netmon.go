package netmon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// defaultQuiet is how long changes are collected: long enough for what a DHCP
	// client changes at once, and a small part of the 3 s in which traffic is to
	// flow again (spec 06 §10.2 has 500 ms).
	defaultQuiet = 250 * time.Millisecond
	// clockPeriod is how often the clocks are compared.
	clockPeriod = 5 * time.Second
	// stall is how late a comparison must be to mean that the machine slept
	// (spec 06 §3).
	stall = 10 * time.Second
	// step is how far the clocks must part to count as a jump. Slewing does not
	// reach it between two comparisons.
	step = 2 * time.Second
)

// Notice says what has changed since the one before.
type Notice struct {
	// Links: interfaces came, went, or changed state. Addresses and Routes
	// likewise, and with routes the rules that choose among them and what filters
	// by them.
	Links, Addresses, Routes bool
	// Slept: the machine was suspended or the process stopped for more than 10 s.
	Slept bool
	// Jump is how far the calendar clock has moved against the monotonic one,
	// 0 if less than 2 s. A suspend is a jump too, on systems that stop the
	// monotonic clock.
	Jump time.Duration
}

// merge adds what a later notice says.
func (n *Notice) merge(m Notice) {
	n.Links = n.Links || m.Links
	n.Addresses = n.Addresses || m.Addresses
	n.Routes = n.Routes || m.Routes
	n.Slept = n.Slept || m.Slept
	n.Jump += m.Jump
}

// Config shapes a watch.
type Config struct {
	// Quiet is how long changes are collected into one notice, 250 ms if 0.
	Quiet time.Duration
	// Log must not be nil.
	Log *slog.Logger

	// source and clock stand in for the system in tests.
	source func(ctx context.Context, changed func(Notice)) error
	clock  func() (mono, wall time.Duration)
}

// Watch starts to watch and returns the channel of notices. It is closed when
// ctx has ended and everything has stopped. A reader that is slow gets one
// notice with all that happened meanwhile.
//
// It fails if the system cannot be asked for notices.
func Watch(ctx context.Context, cfg Config) (<-chan Notice, error) {
	if cfg.Quiet == 0 {
		cfg.Quiet = defaultQuiet
	}
	if cfg.clock == nil {
		cfg.clock = systemClock()
	}
	changes := make(chan Notice)
	changed := func(n Notice) {
		select {
		case changes <- n:
		case <-ctx.Done():
		}
	}
	// What changes the network may be a wake-up: the clocks are compared with it.
	glance := make(chan struct{}, 1)
	compare := func() {
		select {
		case glance <- struct{}{}:
		default:
		}
	}
	source := func(n Notice) {
		compare()
		changed(n)
	}
	var wg sync.WaitGroup
	if cfg.source != nil {
		wg.Go(func() { _ = cfg.source(ctx, source) })
	} else {
		run, err := subscribe()
		if err != nil {
			return nil, fmt.Errorf("watch the network: %w", err)
		}
		wg.Go(func() {
			if err := run(ctx, source); err != nil && ctx.Err() == nil {
				cfg.Log.Warn("network changes are not noticed any more", "err", err)
			}
		})
		wg.Go(func() {
			if err := watchPower(ctx, compare, changed); err != nil && ctx.Err() == nil {
				cfg.Log.Debug("wake-ups are noticed by the clocks only", "err", err)
			}
		})
	}
	wg.Go(func() { watchClock(ctx, cfg.clock, glance, changed) })
	out := make(chan Notice)
	go func() {
		collect(ctx, cfg.Quiet, changes, out)
		wg.Wait()
		close(out)
	}()
	return out, nil
}

// collect merges changes into notices: the first starts a pause in which more
// are gathered, and what the reader has not fetched goes on growing.
func collect(ctx context.Context, quiet time.Duration, changes <-chan Notice, out chan<- Notice) {
	var pending Notice
	var ready chan<- Notice // nil while there is nothing to send
	var pause <-chan time.Time
	for {
		select {
		case n := <-changes:
			pending.merge(n)
			if ready == nil && pause == nil {
				pause = time.After(quiet)
			}
		case <-pause:
			pause, ready = nil, out
		case ready <- pending:
			pending, ready = Notice{}, nil
		case <-ctx.Done():
			return
		}
	}
}
