package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Foreground runs run until it is done, or orderly ends it on an interrupt or
// SIGTERM. A second signal ends the process at once.
func Foreground(run Run) error {
	ignoreSignals()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx)
}
