package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/kardianos/service"
)

// Name is the service's name to the operating system.
const Name = "orreryd"

// Run is what the service does until its context ends.
type Run func(ctx context.Context) error

// Status is whether the service is there and runs.
type Status int

// The states of a service.
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
	svc control
	run Run
	log *slog.Logger
}

// control is what [service.Service] does for us.
type control interface {
	Install() error
	Uninstall() error
	Start() error
	Stop() error
	Status() (service.Status, error)
	Platform() string
}

// New describes the service. arguments are those with which the system starts
// this executable.
func New(arguments []string, run Run, log *slog.Logger) (*Service, error) {
	s, err := service.New(idle{}, config(arguments))
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return nil, errors.New("this system has no service manager that is known; start \"orreryd run\" by other means")
	}
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	return &Service{svc: s, run: run, log: log}, nil
}

// idle stands for the program where only the service manager is spoken to.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// config describes the service to every kind of service manager: it starts with
// the system, and again when it has died.
func config(arguments []string) *service.Config {
	return &service.Config{
		Name: Name, DisplayName: "Orrery", Description: "Orrery: private networks between people's computers",
		Arguments: arguments,
		Option: service.KeyValue{
			"SystemdScript": systemdUnit,
			"LimitNOFILE":   65536,
			"RunAtLoad":     true, // launchd
			"KeepAlive":     true,
			"StartType":     "automatic", // Windows
			"OnFailure":     "restart",

			"OnFailureDelayDuration": "1s",
			"OnFailureResetPeriod":   60, // seconds
		},
	}
}

// systemdUnit is the unit file, in the library's template language. The one of
// the library waits two minutes before it starts a service again. One that
// cannot run is tried again more and more rarely, where systemd knows how; a
// wrong command line is not tried again.
const systemdUnit = `[Unit]
Description={{Description}}
ConditionFileIsExecutable={{Path | cmdEscape}}
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart={{Path | cmdEscape}}{{range Arguments}} {{. | cmd}}{{end}}
Restart=always
RestartSec=1
RestartSteps=6
RestartMaxDelaySec=60
RestartPreventExitStatus=2
TimeoutStopSec=20
RuntimeDirectory=orrery
RuntimeDirectoryMode=0755
NoNewPrivileges=yes
{{if LimitNOFILE}}LimitNOFILE={{LimitNOFILE}}
{{end}}
[Install]
WantedBy=multi-user.target
`

// Control installs, uninstalls, starts or stops the service. A service that runs
// is stopped before it is uninstalled.
func (s *Service) Control(action string) error {
	do := map[string]func() error{
		"install": s.svc.Install, "uninstall": s.uninstall, "start": s.svc.Start, "stop": s.svc.Stop,
	}[action]
	if do == nil {
		return fmt.Errorf("%q is nothing that can be done to a service", action)
	}
	err := do()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission), os.Geteuid() > 0:
		return fmt.Errorf("%s the service: %w; this needs administrator rights", action, err)
	}
	if st, e := s.Status(); action != "install" && e == nil && st == NotInstalled {
		return fmt.Errorf("%s the service: it is not installed; \"orreryd install\" does that", action)
	}
	if action == "start" && s.svc.Platform() == "linux-systemd" {
		return fmt.Errorf("%s the service: %w; \"journalctl -u %s\" says why", action, err, Name)
	}
	return fmt.Errorf("%s the service: %w", action, err)
}

func (s *Service) uninstall() error {
	if st, err := s.Status(); err == nil && st == Running {
		if err := s.svc.Stop(); err != nil {
			return fmt.Errorf("stop it first: %w", err)
		}
	}
	return s.svc.Uninstall()
}

// scriptPath is where an init script is, for the service managers that cannot
// be asked whether they know the service.
var scriptPath = "/etc/init.d/" + Name

// Status asks the system.
func (s *Service) Status() (Status, error) {
	if s.svc.Platform() == "unix-systemv" {
		if _, err := os.Stat(scriptPath); errors.Is(err, os.ErrNotExist) {
			return NotInstalled, nil
		}
	}
	st, err := s.svc.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return NotInstalled, nil
	case err != nil && strings.Contains(err.Error(), "failed state"): // systemd's, of one that died
		return Stopped, nil
	case err != nil:
		return NotInstalled, fmt.Errorf("ask the system about the service: %w", err)
	case st == service.StatusRunning:
		return Running, nil
	}
	return Stopped, nil
}
