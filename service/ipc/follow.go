package ipc

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// tuning has the times of a client, so that tests need not wait.
type tuning struct {
	// first and last bound the pause between two attempts to connect.
	first, last time.Duration
	// silence is how long a stream may be silent before it counts as dead.
	silence time.Duration
}

var defaultTuning = tuning{first: 200 * time.Millisecond, last: 5 * time.Second, silence: 3 * KeepAlive}

// Follow keeps an event stream open until ctx ends, and returns ctx's error. It
// calls onEvent for every event: a snapshot first, and again after every
// reconnection. When there is no connection it tries again, first after 0.2 s,
// then with pauses that double up to 5 s, and calls onError (which may be nil)
// with the reason of each failed attempt: ErrNotRunning, ErrNotAllowed,
// ErrUntrusted, ErrProtocol, an *[Error]. The end of a stream that worked is
// not reported unless the attempt after it fails too. Both functions are called
// from Follow's own goroutine, one at a time.
func (c *Client) Follow(ctx context.Context, onEvent func(Event), onError func(error)) error {
	pause := c.tune.first
	for {
		worked := false
		var err error
		for e, failure := range c.Events(ctx) {
			if err = failure; err == nil {
				worked = true
				onEvent(e)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case worked:
			pause = c.tune.first
		case onError != nil && err != nil:
			onError(err)
		}
		if !sleep(ctx, pause+rand.N(pause/4+1)) {
			return ctx.Err()
		}
		if !worked {
			pause = min(2*pause, c.tune.last)
		}
		// A stopped service leaves idle connections that only fail.
		if errors.Is(err, ErrNotRunning) || errors.Is(err, ErrCut) {
			c.Close()
		}
	}
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Skew says in a sentence that the service speaks another version of this
// contract, or nothing if it speaks ours. Additions do not count, so clients
// keep working either way.
func (s *Status) Skew() string {
	switch {
	case s.APIVersion == 0 || s.APIVersion == Version:
		return ""
	case s.APIVersion > Version:
		return "The service is newer than this program. Update this program."
	}
	return "The service is older than this program. Restart or update the service."
}
