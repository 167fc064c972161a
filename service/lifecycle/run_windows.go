package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// stopHint is how long the service manager is told that stopping may take.
const stopHint = 20 * time.Second

// Run runs the service under the service manager. It speaks to the manager
// itself, because the library guesses from the environment whether the manager
// has started the process, and sometimes wrongly; here the command line says so.
func (s *Service) Run() error {
	h := &handler{service: s}
	if err := svc.Run(Name, h); err != nil {
		if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
			return errors.New("this was not started by the service manager; use \"orreryd run\", or \"orreryd start\" for the service")
		}
		return fmt.Errorf("connect to the service manager: %w", err)
	}
	return h.err
}

// ignoreSignals does nothing: there are no such signals.
func ignoreSignals() {}

// handler follows the service manager's orders.
type handler struct {
	service *Service
	err     error
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, orders <-chan svc.ChangeRequest, report chan<- svc.Status) (specific bool, code uint32) {
	const accepted = svc.AcceptStop | svc.AcceptShutdown
	report <- svc.Status{State: svc.StartPending}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.service.run(ctx) }()
	report <- svc.Status{State: svc.Running, Accepts: accepted}
	for {
		select {
		case h.err = <-done:
			if h.err != nil && ctx.Err() == nil {
				// Without a report the manager takes it for a crash and starts
				// the service again.
				h.service.log.Error("stopped", "err", h.err)
				os.Exit(1)
			}
			report <- svc.Status{State: svc.StopPending}
			return false, 0
		case order := <-orders:
			switch order.Cmd {
			case svc.Interrogate:
				report <- order.CurrentStatus
			case svc.Stop, svc.Shutdown:
				report <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopHint / time.Millisecond)}
				cancel()
			}
		}
	}
}
