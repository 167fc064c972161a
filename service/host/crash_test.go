package host

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
)

// crashVariable makes TestPanicEndsTheProcess be the process that ends.
const crashVariable = "ORRERY_TEST_CRASH"

// TestPanicEndsTheProcess has the core panic in a call whose caller recovers, as
// HTTP servers do: the core must not stay locked in a process that lives on.
func TestPanicEndsTheProcess(t *testing.T) {
	t.Parallel()
	if how := os.Getenv(crashVariable); how != "" {
		h := New(Config{Core: func(clock.Instant) *node.Core { return nil }, Log: quiet()})
		defer func() { _ = recover(); os.Exit(0) }()
		if how == "Do" {
			h.Do(func(*node.Core, clock.Instant, *node.Outbox) { panic("a mistake") })
		}
		h.View(func(*node.Core, clock.Instant) { panic("a mistake") })
		return
	}
	for _, how := range []string{"Do", "View"} {
		c := exec.Command(os.Args[0], "-test.run=^TestPanicEndsTheProcess$", "-test.timeout=5m")
		c.Env = append(os.Environ(), crashVariable+"="+how)
		deadline := time.AfterFunc(5*time.Minute, func() { _ = c.Process.Kill() })
		out, err := c.CombinedOutput()
		deadline.Stop()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "a mistake") || !strings.Contains(string(out), "crash_test.go") {
			t.Errorf("%s: %v\n%s", how, err, out)
		}
	}
}
