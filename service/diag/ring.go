package diag

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"orrery/service/ipc"
)

const (
	// ringLines is how many lines a ring keeps, lineMax how long one may be in
	// bytes: about a hundred kilobytes in all, half a megabyte at worst.
	ringLines = 1000
	lineMax   = 512
)

// Ring keeps the last lines of the log, of every level, whatever the log itself
// shows. It may be used by many goroutines at once.
type Ring struct {
	mu    sync.Mutex // guards what follows
	lines []ipc.LogLine
	next  uint64 // number of the next line, from 1 on
	more  chan struct{}
}

// NewRing makes an empty ring.
func NewRing() *Ring { return &Ring{next: 1, more: make(chan struct{})} }

// Handler returns a handler that keeps records in the ring and hands them on to
// inner, if that wants them.
func (r *Ring) Handler(inner slog.Handler) slog.Handler { return &ringHandler{ring: r, inner: inner} }

func (r *Ring) add(l ipc.LogLine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Seq = r.next
	r.next++
	if len(r.lines) < ringLines {
		r.lines = append(r.lines, l)
	} else {
		r.lines[(l.Seq-1)%ringLines] = l
	}
	close(r.more)
	r.more = make(chan struct{})
}

// After returns the lines that came after the one with a number, in order, and
// at least of a level. The next call goes on after the number that comes along.
func (r *Ring) After(seq uint64, least slog.Level) (lines []ipc.LogLine, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.after(seq, least), r.next - 1
}

func (r *Ring) after(seq uint64, least slog.Level) []ipc.LogLine {
	first := max(seq+1, 1)
	if r.next > uint64(len(r.lines)) {
		first = max(first, r.next-uint64(len(r.lines)))
	}
	var lines []ipc.LogLine
	for n := first; n < r.next; n++ {
		l := r.lines[(n-1)%ringLines]
		if level(l.Level) >= least {
			lines = append(lines, l)
		}
	}
	return lines
}

// Wait is [Ring.After] that waits for a line, until ctx ends.
func (r *Ring) Wait(ctx context.Context, seq uint64, least slog.Level) (lines []ipc.LogLine, last uint64) {
	for {
		r.mu.Lock()
		lines, last, more := r.after(seq, least), r.next-1, r.more
		r.mu.Unlock()
		if len(lines) > 0 {
			return lines, last
		}
		seq = last
		select {
		case <-ctx.Done():
			return nil, last
		case <-more:
		}
	}
}

func level(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // ours: it can be read
	return l
}

// ringHandler is a slog.Handler in front of another one.
type ringHandler struct {
	ring   *Ring
	inner  slog.Handler
	group  string
	prefix string // attributes that every record has, as text
}

// Enabled implements slog.Handler: the ring wants all.
func (*ringHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *ringHandler) Handle(ctx context.Context, rec slog.Record) error {
	var b strings.Builder
	b.WriteString(h.prefix)
	rec.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.group, a)
		return b.Len() < lineMax
	})
	at := rec.Time
	if at.IsZero() {
		at = time.Now()
	}
	h.ring.add(ipc.LogLine{At: at.UTC(), Level: rec.Level.String(), Text: cut(rec.Message), Fields: cut(strings.TrimPrefix(b.String(), " "))})
	if !h.inner.Enabled(ctx, rec.Level) {
		return nil
	}
	return h.inner.Handle(ctx, rec)
}

// WithAttrs implements slog.Handler.
func (h *ringHandler) WithAttrs(as []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.prefix)
	for _, a := range as {
		appendAttr(&b, h.group, a)
	}
	return &ringHandler{h.ring, h.inner.WithAttrs(as), h.group, b.String()}
}

// WithGroup implements slog.Handler.
func (h *ringHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &ringHandler{h.ring, h.inner.WithGroup(name), h.group + name + ".", h.prefix}
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, x := range v.Group() {
			appendAttr(b, group+a.Key+".", x)
		}
		return
	}
	b.WriteByte(' ')
	b.WriteString(group + a.Key)
	b.WriteByte('=')
	text := v.String()
	if strings.ContainsAny(text, " \t\"=") || text == "" {
		text = `"` + strings.ReplaceAll(text, `"`, `'`) + `"`
	}
	b.WriteString(cut(text))
}

// cut bounds a text and keeps it on one line.
func cut(s string) string {
	if len(s) > lineMax {
		s = strings.ToValidUTF8(s[:lineMax], "") + "…"
	}
	return strings.ReplaceAll(s, "\n", " ")
}
