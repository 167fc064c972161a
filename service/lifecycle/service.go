package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/kardianos/service"
)

// Name is the service's name to the operating system.
const Name = "orreryd"

// Run is what the service does until its context ends.
type Run func(ctx context.Context) error

// Status is whether the service is there and runs.
type Status int

// The states of an installed service.
const (
	NotInstalled Status = iota
	Stopped
	Running
)

func (s Status) String() string {
	return [...]string{"not installed", "stopped", "running"}[s]
}

// Service is orreryd as the operating system's service.
type Service struct {
	svc  service.Service
	prog *program
}

// New describes the service. arguments are those with which the system starts
// this executable.
func New(arguments []string, run Run, log *slog.Logger) (*Service, error) {
	p := &program{run: run, log: log}
	s, err := service.New(p, &service.Config{
		Name: Name, DisplayName: "Orrery", Description: "Private networks between people's computers",
		Arguments: arguments,
		Option: service.KeyValue{
			"Restart": "always", "RunAtLoad": true, "KeepAlive": true, "OnFailure": "restart", "LimitNOFILE": 65536,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	return &Service{svc: s, prog: p}, nil
}

// Control installs, uninstalls, starts or stops the service.
func (s *Service) Control(action string) error {
	if err := service.Control(s.svc, action); err != nil {
		if errors.Is(err, os.ErrPermission) || os.Geteuid() > 0 {
			return fmt.Errorf("%s the service: %w; this needs administrator rights (sudo)", action, err)
		}
		return fmt.Errorf("%s the service: %w", action, err)
	}
	return nil
}

// Status asks the system.
func (s *Service) Status() (Status, error) {
	st, err := s.svc.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return NotInstalled, nil
	case err != nil:
		return NotInstalled, fmt.Errorf("ask the system about the service: %w", err)
	case st == service.StatusRunning:
		return Running, nil
	}
	return Stopped, nil
}

// Run runs under the operating system's service manager.
func (s *Service) Run() error {
	if err := s.svc.Run(); err != nil {
		return err
	}
	return s.prog.err
}

// program follows the service manager's orders.
type program struct {
	run    Run
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Start implements service.Interface; it must not block.
func (p *program) Start(s service.Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		if p.err = p.run(ctx); p.err != nil && ctx.Err() == nil {
			// Let the service manager see a failure and start us again.
			p.log.Error("stopped", "err", p.err)
			os.Exit(1)
		}
	}()
	return nil
}

// Stop implements service.Interface.
func (p *program) Stop(service.Service) error {
	p.cancel()
	<-p.done
	return nil
}
