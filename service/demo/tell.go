//go:build linux

package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// teller writes the story: one line for each step, moving while it lasts if
// somebody reads along.
type teller struct {
	out  io.Writer
	live bool
}

func newTeller(out io.Writer, live bool) *teller { return &teller{out: out, live: live} }

// note writes a line.
func (t *teller) note(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// How often a step that lasts shows that it does: to a person, and in a log.
const (
	liveEvery = 200 * time.Millisecond
	logEvery  = 5 * time.Second
)

// step runs a step. What it returns is added to its line.
func (t *teller) step(ctx context.Context, what string, do func(context.Context) (string, error)) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	start := time.Now()
	done := make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() { t.progress(what, start, done) })
	result, err := do(ctx)
	close(done)
	progress.Wait()
	if t.live {
		fmt.Fprint(t.out, "\r\033[K")
	}
	took := time.Since(start)
	if err != nil {
		t.note("FAIL  %s (%.1f s)", what, took.Seconds())
		return fmt.Errorf("%s: %w", what, err)
	}
	line := fmt.Sprintf("ok    %s", what)
	if result != "" {
		line += ": " + result
	}
	t.note("%s (%.1f s)", line, took.Seconds())
	return nil
}

// progress shows that a step lasts.
func (t *teller) progress(what string, start time.Time, done <-chan struct{}) {
	every := logEvery
	if t.live {
		every = liveEvery
		fmt.Fprintf(t.out, "...   %s", what)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if s := time.Since(start).Seconds(); t.live {
			fmt.Fprintf(t.out, "\r\033[K...   %s (%.0f s)", what, s)
		} else {
			t.note("...   %s (%.0f s)", what, s)
		}
	}
}
