//go:build !windows

package lifecycle

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Run runs the service under the operating system's service manager, which here
// only starts it and sends SIGTERM. It returns what the service returned.
func (s *Service) Run() error { return Foreground(s.run) }

// ignoreSignals ignores what is no reason to end (spec 06 §2.2, §2.4): whoever
// read our log, or the terminal, is gone.
func ignoreSignals() { signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) }

// LogHandler is where a service logs: its standard error, which service managers
// keep.
func LogHandler(level slog.Level) slog.Handler {
	return slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})
}
