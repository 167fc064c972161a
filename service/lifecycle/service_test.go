package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kardianos/service"
)

// manager is a service manager that does what it is told.
type manager struct {
	did      []string
	fail     map[string]error
	status   service.Status
	err      error
	platform string
}

func (m *manager) do(what string) error {
	m.did = append(m.did, what)
	return m.fail[what]
}

func (m *manager) Install() error                  { return m.do("install") }
func (m *manager) Uninstall() error                { return m.do("uninstall") }
func (m *manager) Start() error                    { return m.do("start") }
func (m *manager) Stop() error                     { return m.do("stop") }
func (m *manager) Status() (service.Status, error) { return m.status, m.err }
func (m *manager) Platform() string                { return m.platform }

func TestStatus(t *testing.T) {
	broken := errors.New("no bus")
	for _, c := range []struct {
		name   string
		status service.Status
		err    error
		want   Status
		fails  bool
	}{
		{"runs", service.StatusRunning, nil, Running, false},
		{"stopped", service.StatusStopped, nil, Stopped, false},
		{"not installed", service.StatusUnknown, service.ErrNotInstalled, NotInstalled, false},
		{"died", service.StatusUnknown, errors.New("service in failed state"), Stopped, false},
		{"cannot be asked", service.StatusUnknown, broken, NotInstalled, true},
	} {
		s := &Service{svc: &manager{status: c.status, err: c.err}}
		got, err := s.Status()
		if got != c.want || (err != nil) != c.fails || c.fails && !errors.Is(err, broken) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if got.String() == "" {
			t.Errorf("%s: no name for %d", c.name, got)
		}
	}
}

func TestStatusWithoutScript(t *testing.T) {
	defer func(old string) { scriptPath = old }(scriptPath)
	scriptPath = filepath.Join(t.TempDir(), Name)
	s := &Service{svc: &manager{platform: "unix-systemv", err: errors.New("no such program: service")}}
	if got, err := s.Status(); got != NotInstalled || err != nil {
		t.Errorf("without a script: %v, %v", got, err)
	}
	if err := os.WriteFile(scriptPath, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Status(); err == nil {
		t.Error("with a script, the manager was not asked")
	}
}

func TestControl(t *testing.T) {
	for _, action := range []string{"install", "start", "stop"} {
		m := &manager{}
		if err := (&Service{svc: m}).Control(action); err != nil || !slices.Equal(m.did, []string{action}) {
			t.Errorf("%s: %v, did %v", action, err, m.did)
		}
	}
	if err := (&Service{svc: &manager{}}).Control("explode"); err == nil {
		t.Error("an action that there is not was done")
	}
}

func TestUninstallStopsFirst(t *testing.T) {
	running := &manager{status: service.StatusRunning}
	if err := (&Service{svc: running}).Control("uninstall"); err != nil || !slices.Equal(running.did, []string{"stop", "uninstall"}) {
		t.Errorf("running: %v, did %v", err, running.did)
	}
	stopped := &manager{status: service.StatusStopped}
	if err := (&Service{svc: stopped}).Control("uninstall"); err != nil || !slices.Equal(stopped.did, []string{"uninstall"}) {
		t.Errorf("stopped: %v, did %v", err, stopped.did)
	}
	stubborn := &manager{status: service.StatusRunning, fail: map[string]error{"stop": errors.New("no")}}
	if err := (&Service{svc: stubborn}).Control("uninstall"); err == nil || slices.Contains(stubborn.did, "uninstall") {
		t.Errorf("does not stop: %v, did %v", err, stubborn.did)
	}
}

func TestControlErrors(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/etc/systemd/system", Err: fs.ErrPermission}
	err := (&Service{svc: &manager{fail: map[string]error{"install": denied}}}).Control("install")
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "administrator rights") || !strings.Contains(err.Error(), "install") {
		t.Errorf("not allowed: %v", err)
	}
	if os.Geteuid() == 0 {
		err = (&Service{svc: &manager{fail: map[string]error{"start": errors.New("exit status 5")}}}).Control("start")
		if err == nil || strings.Contains(err.Error(), "administrator") || !strings.Contains(err.Error(), "exit status 5") {
			t.Errorf("as administrator: %v", err)
		}
		for _, action := range []string{"start", "stop", "uninstall"} {
			m := &manager{err: service.ErrNotInstalled, fail: map[string]error{action: errors.New("exit status 5")}}
			if err := (&Service{svc: m}).Control(action); err == nil || !strings.Contains(err.Error(), "orreryd install") {
				t.Errorf("%s what is not installed: %v", action, err)
			}
		}
	}
}

// TestConfig checks what service managers are told.
func TestConfig(t *testing.T) {
	c := config([]string{"service", "--home", "/var/lib/orrery"})
	if c.Name != Name || c.DisplayName == "" || c.Description == "" || !slices.Equal(c.Arguments, []string{"service", "--home", "/var/lib/orrery"}) {
		t.Errorf("%+v", c)
	}
	for key, want := range map[string]string{
		"RunAtLoad": "true", "KeepAlive": "true", "StartType": "automatic", "OnFailure": "restart", "OnFailureDelayDuration": "1s",
	} {
		if got := fmt.Sprint(c.Option[key]); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	for _, line := range []string{"Restart=always", "RestartSec=1", "RestartPreventExitStatus=2", "RuntimeDirectory=orrery", "WantedBy=multi-user.target"} {
		if !strings.Contains(systemdUnit, "\n"+line+"\n") {
			t.Errorf("the unit has no %s", line)
		}
	}
}

func TestNew(t *testing.T) {
	ran := errors.New("ran")
	s, err := New(nil, func(context.Context) error { return ran }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Skipf("no service manager here: %v", err)
	}
	if err := s.run(context.Background()); !errors.Is(err, ran) {
		t.Errorf("run: %v", err)
	}
}
