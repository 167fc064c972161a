package netmon

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func config() Config { return Config{Log: slog.New(slog.DiscardHandler)} }

// script is a source that reports what it is told.
func script(c <-chan Notice) func(context.Context, func(Notice)) error {
	return func(ctx context.Context, changed func(Notice)) error {
		for {
			select {
			case n := <-c:
				changed(n)
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changes := make(chan Notice)
		cfg := config()
		cfg.source = script(changes)
		notices, err := Watch(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		changes <- Notice{Links: true}
		changes <- Notice{Addresses: true}
		if n := <-notices; n != (Notice{Links: true, Addresses: true}) {
			t.Errorf("got %+v", n)
		}
		if d := time.Since(start); d != defaultQuiet {
			t.Errorf("came after %v, want %v", d, defaultQuiet)
		}
		// A slow reader gets all at once.
		for range 5 {
			changes <- Notice{Routes: true}
			time.Sleep(time.Second) // of the bubble's clock
		}
		changes <- Notice{Links: true, Jump: 3 * time.Second}
		changes <- Notice{Jump: 4 * time.Second}
		synctest.Wait()
		if n := <-notices; n != (Notice{Links: true, Routes: true, Jump: 7 * time.Second}) {
			t.Errorf("got %+v", n)
		}
		select {
		case n := <-notices:
			t.Errorf("one more: %+v", n)
		case <-time.After(time.Minute):
		}
		cancel()
		if _, open := <-notices; open {
			t.Error("the channel is not closed")
		}
	})
}

func TestSleepIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var asleep atomic.Int64
		start := time.Now()
		cfg := config()
		cfg.source = script(nil)
		cfg.clock = func() (mono, wall time.Duration) { // suspends stop the monotonic one
			return time.Since(start), time.Since(start) + time.Duration(asleep.Load())
		}
		notices, err := Watch(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		select {
		case n := <-notices:
			t.Errorf("nothing has happened but %+v", n)
		default:
		}
		asleep.Store(int64(time.Hour))
		if n := <-notices; n != (Notice{Slept: true, Jump: time.Hour}) {
			t.Errorf("got %+v", n)
		}
		cancel()
		for range notices {
			t.Error("another notice")
		}
	})
}

// TestSleepIsNoticedWithTheNetwork does not wait for the next comparison.
func TestSleepIsNoticedWithTheNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var asleep atomic.Int64
		start := time.Now()
		changes := make(chan Notice)
		cfg := config()
		cfg.source = script(changes)
		cfg.clock = func() (mono, wall time.Duration) {
			return time.Since(start), time.Since(start) + time.Duration(asleep.Load())
		}
		notices, err := Watch(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // of the bubble's clock
		asleep.Store(int64(time.Hour))
		changes <- Notice{Links: true}
		if n := <-notices; n != (Notice{Links: true, Slept: true, Jump: time.Hour}) || time.Since(start) > 2*time.Second {
			t.Errorf("got %+v after %v", n, time.Since(start))
		}
		cancel()
		for range notices {
			t.Error("another notice")
		}
	})
}

func TestClockWatch(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		name       string
		mono, wall time.Duration
		want       Notice
	}{
		{"as always", 5 * s, 5 * s, Notice{}},
		{"a busy machine", 9 * s, 9 * s, Notice{}},
		{"slewing", 5 * s, 5*s + 900*time.Millisecond, Notice{}},
		{"set forward", 5 * s, 9 * s, Notice{Jump: 4 * s}},
		{"set back", 5 * s, -60 * s, Notice{Jump: -65 * s}},
		{"suspended, monotonic clock stopped", 5 * s, 3600 * s, Notice{Jump: 3595 * s, Slept: true}},
		{"suspended, monotonic clock running", 3600 * s, 3600 * s, Notice{Slept: true}},
	} {
		var w clockWatch
		if _, ok := w.compare(100*s, 200*s); ok {
			t.Error("the first comparison has nothing to compare")
		}
		n, ok := w.compare(100*s+c.mono, 200*s+c.wall)
		if n != c.want || ok != (c.want != Notice{}) {
			t.Errorf("%s: %+v, want %+v", c.name, n, c.want)
		}
	}
	mono, wall := systemClock()()
	if mono < 0 || wall < -time.Second || wall > time.Minute {
		t.Errorf("clocks %v, %v", mono, wall)
	}
}

func TestSourceFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := config()
		cfg.source = func(context.Context, func(Notice)) error { return errors.New("broken") }
		notices, err := Watch(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cancel()
		for range notices {
			t.Error("a notice of nothing")
		}
	})
}
