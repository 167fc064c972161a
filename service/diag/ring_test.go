package diag

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestRing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewRing()
	log := slog.New(r.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	log.With("node", "a").WithGroup("g").Debug("hidden", "k", "two words", slog.Group("h", "x", 1))
	log.Info("shown", "err", "a \"quoted\"\nline")
	if strings.Contains(out.String(), "hidden") || !strings.Contains(out.String(), "shown") {
		t.Errorf("the log itself: %s", &out)
	}
	lines, last := r.After(0, slog.LevelDebug)
	if len(lines) != 2 || last != 2 || lines[0].Fields != `node=a g.k="two words" g.h.x=1` || lines[0].Level != "DEBUG" || lines[1].Text != "shown" ||
		lines[1].Fields != `err="a 'quoted' line"` || lines[1].At.IsZero() {
		t.Errorf("%+v, %d", lines, last)
	}
	if lines, _ := r.After(0, slog.LevelInfo); len(lines) != 1 || lines[0].Seq != 2 {
		t.Errorf("at least info: %+v", lines)
	}
	if lines, last := r.After(2, slog.LevelDebug); len(lines) != 0 || last != 2 {
		t.Errorf("after the last: %+v, %d", lines, last)
	}
}

// However much is logged, the ring keeps the last lines, each of bounded length.
func TestRingIsBounded(t *testing.T) {
	t.Parallel()
	r := NewRing()
	log := slog.New(r.Handler(slog.DiscardHandler))
	for i := range 3*ringLines + 7 {
		log.Debug(strings.Repeat("x", 10_000), "n", i, "more", strings.Repeat("é", 10_000))
	}
	lines, last := r.After(0, slog.LevelDebug)
	if len(lines) != ringLines || last != 3*ringLines+7 {
		t.Fatalf("%d lines, last %d", len(lines), last)
	}
	for i, l := range lines {
		if l.Seq != last-uint64(ringLines)+uint64(i)+1 || len(l.Text) > 2*lineMax || len(l.Fields) > 2*lineMax {
			t.Fatalf("line %d: number %d, %d and %d bytes", i, l.Seq, len(l.Text), len(l.Fields))
		}
	}
	// Somebody who comes from before gets what is left.
	if lines, _ := r.After(5, slog.LevelDebug); len(lines) != ringLines {
		t.Errorf("%d lines", len(lines))
	}
}

// Wait ends with a line that is wanted, and with its context.
func TestRingWait(t *testing.T) {
	t.Parallel()
	r := NewRing()
	log := slog.New(r.Handler(slog.DiscardHandler))
	got := make(chan uint64)
	go func() {
		lines, _ := r.Wait(t.Context(), 0, slog.LevelWarn)
		got <- lines[0].Seq
	}()
	log.Debug("no")
	log.Warn("yes")
	if n := <-got; n != 2 {
		t.Errorf("line %d", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if lines, last := r.Wait(ctx, 2, slog.LevelDebug); lines != nil || last != 2 {
		t.Errorf("%+v, %d", lines, last)
	}
}
