package lifecycle

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/windows/svc/eventlog"
)

// Event IDs, which the library's messages file knows.
const (
	infoEvent    = 1
	warningEvent = 2
	errorEvent   = 3
)

// LogHandler is where a service logs: the system's event log, or standard error
// if that cannot be had.
func LogHandler(level slog.Level) slog.Handler {
	events, err := eventlog.Open(Name)
	if err != nil {
		return slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	}
	w := &eventWriter{events: events}
	return &eventHandler{Handler: slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime}), writer: w}
}

// withoutTime leaves the time and level to the event log.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// eventWriter turns lines into events.
type eventWriter struct {
	mu     sync.Mutex // guards level, from a record to its line
	level  slog.Level
	events *eventlog.Log
}

// Write implements io.Writer. It gets one line at a time.
func (w *eventWriter) Write(line []byte) (int, error) {
	text := strings.ToValidUTF8(string(bytes.TrimRight(line, "\n")), "�")
	var err error
	switch {
	case w.level >= slog.LevelError:
		err = w.events.Error(errorEvent, text)
	case w.level >= slog.LevelWarn:
		err = w.events.Warning(warningEvent, text)
	default:
		err = w.events.Info(infoEvent, text)
	}
	return len(line), err
}

// eventHandler tells the writer a record's level.
type eventHandler struct {
	slog.Handler
	writer *eventWriter
}

func (h *eventHandler) Handle(ctx context.Context, r slog.Record) error {
	h.writer.mu.Lock()
	defer h.writer.mu.Unlock()
	h.writer.level = r.Level
	return h.Handler.Handle(ctx, r)
}

func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eventHandler{Handler: h.Handler.WithAttrs(attrs), writer: h.writer}
}

func (h *eventHandler) WithGroup(name string) slog.Handler {
	return &eventHandler{Handler: h.Handler.WithGroup(name), writer: h.writer}
}
