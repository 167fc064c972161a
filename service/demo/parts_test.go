//go:build linux

package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParsePing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, said string
		want       pingResult
		bad        bool
	}{
		{"iputils", "10 packets transmitted, 9 received, 10% packet loss, time 1823ms\nrtt min/avg/max/mdev = 0.211/0.474/0.913/0.2 ms\n", pingResult{10, 9, 0.474}, false},
		{"no answer", "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n", pingResult{1, 0, 0}, false},
		{"errors", "1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n", pingResult{1, 0, 0}, false},
		{"nothing", "", pingResult{}, true},
		{"another program", "usage: ping host", pingResult{}, true},
		{"too many", "99999999999999999999 packets transmitted, 1 received", pingResult{}, true},
	} {
		got, err := parsePing(c.said)
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestParseIperf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said, bad string
		want      float64
	}{
		{`{"end":{"sum_sent":{"bits_per_second":2},"sum_received":{"bits_per_second":1.5e9}}}`, "", 1.5e9},
		{`{"start":{},"error":"unable to connect to server: Connection refused"}`, "Connection refused", 0},
		{`{"end":{}}`, "moved nothing", 0},
		{``, "iperf3's answer", 0},
	} {
		got, err := parseIperf(c.said)
		if got != c.want || (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v, %v", c.said, got, err)
		}
	}
	if got := bits(1.234e9) + ", " + bits(56.7e6); got != "1.23 Gbit/s, 57 Mbit/s" {
		t.Error(got)
	}
}

func TestFirstIPv4(t *testing.T) {
	t.Parallel()
	if got := firstIPv4([]string{"fd00::1/88", "nonsense", "10.147.17.4/24", "10.147.17.5/24"}); got != "10.147.17.4" {
		t.Error(got)
	}
	if got := firstIPv4([]string{"fd00::1/88"}); got != "" {
		t.Error(got)
	}
}

func TestDesktop(t *testing.T) {
	t.Parallel()
	got := Desktop([]string{"PATH=/bin", "DISPLAY=:0", "SECRET=x", "XAUTHORITY=/home/u/.Xauthority", "NOVALUE"})
	if want := []string{"DISPLAY=:0", "XAUTHORITY=/home/u/.Xauthority"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	u := User{Name: "u", Home: "/home/u", Env: map[string]string{"DISPLAY": ":0", "LANG": "de_DE.UTF-8"}}
	if !u.hasDisplay() || (&User{}).hasDisplay() {
		t.Error("hasDisplay")
	}
	if env := u.environ(true, "DISPLAY", ":7"); !slices.Contains(env, "DISPLAY=:7") || !slices.Contains(env, "LANG=de_DE.UTF-8") || !slices.Contains(env, "HOME=/home/u") {
		t.Errorf("%q", env)
	}
	if env := u.environ(false); slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "DISPLAY=") }) {
		t.Errorf("%q", env)
	}
}

func TestSomebody(t *testing.T) {
	u, err := Somebody([]string{"DISPLAY=:0", "HOME=/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if u.Name == "" || u.Env["DISPLAY"] != ":0" || len(u.Env) != 1 || (u.UID == 0) != (u.Group == "") || (u.UID == 0) != (u.credential() == nil) {
		t.Errorf("%+v", u)
	}
	if os.Getuid() != 0 {
		return
	}
	t.Setenv("SUDO_UID", "4294967294") // nobody has this number
	if _, err := Somebody(nil); err == nil {
		t.Error("a user that does not exist was found")
	}
}

// TestFolderOfTheDead leaves a folder behind as a killed demonstration does.
func TestFolderOfTheDead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo")
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(path); err == nil || !strings.Contains(err.Error(), "going on already") {
		t.Fatalf("two at once: %v", err)
	}
	survivor := exec.Command("sleep", "600")
	if err := survivor.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- survivor.Wait() }()
	if err := f.note(survivor.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := f.note(1 << 22); err != nil { // no process: above all that the kernel gives out
		t.Fatal(err)
	}
	// A number that meanwhile belongs to somebody else: ourselves.
	f.processes = append(f.processes, process{os.Getpid(), "1"})
	if err := f.note(survivor.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(f.file("homes", "root"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.lock.Close(); err != nil { // the kernel does this
		t.Fatal(err)
	}
	g, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the survivor ended by itself")
	}
	if g.stale == 0 {
		t.Error("the survivor was not counted")
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is still there")
	}
}

func TestFolderWithNonsense(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, running), []byte(`[{"pid":`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.remove(); err != nil {
		t.Error(err)
	}
}

func TestStory(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell := newTeller(&out, false)
	ok := func(context.Context) (string, error) { return "twelve", nil }
	broken := errors.New("it is broken")
	if err := tell.step(t.Context(), "counting", ok); err != nil {
		t.Error(err)
	}
	if err := tell.step(t.Context(), "breaking", func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) || err.Error() != "breaking: it is broken" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if err := tell.step(ctx, "never", ok); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got, want := out.String(), "ok    counting: twelve (0.0 s)\nFAIL  breaking (0.0 s)\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	n := 0
	if err := until(t.Context(), time.Minute, func(context.Context) (bool, error) { n++; return n == 2, nil }); err != nil || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
	broken := errors.New("it is broken")
	if err := until(t.Context(), time.Minute, func(context.Context) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := until(t.Context(), time.Millisecond, func(context.Context) (bool, error) { return false, nil }); err == nil || err.Error() != "not within 1ms" {
		t.Error(err)
	}
}
