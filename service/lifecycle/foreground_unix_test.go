//go:build !windows

package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"time"
)

// TestForeground sends signals to this process while they are caught.
func TestForeground(t *testing.T) {
	stopped := errors.New("stopped")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		err := Foreground(func(ctx context.Context) error {
			for _, ignored := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE, sig} {
				if err := syscall.Kill(syscall.Getpid(), ignored); err != nil {
					return err
				}
			}
			select {
			case <-ctx.Done():
				return stopped
			case <-time.After(2 * time.Minute):
				return errors.New("the signal did not end the context")
			}
		})
		if !errors.Is(err, stopped) {
			t.Errorf("%v: %v", sig, err)
		}
	}
	s := &Service{run: func(context.Context) error { return stopped }}
	if err := s.Run(); !errors.Is(err, stopped) {
		t.Errorf("Run: %v", err)
	}
}

func TestLogHandler(t *testing.T) {
	h := LogHandler(slog.LevelInfo)
	if h.Enabled(context.Background(), slog.LevelDebug) || !h.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("the level is not that asked for")
	}
}
