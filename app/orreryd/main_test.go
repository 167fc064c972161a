package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// executeVariable makes the test binary behave as orreryd itself. With the value
// lifeLine it ends when a pipe does that it has as its third file.
const (
	executeVariable = "ORRERYD_TEST_EXECUTE"
	lifeLine        = "life line"
	// deafnessVariable has the time after which such an orreryd uses its TCP relay.
	deafnessVariable = "ORRERYD_TEST_DEAFNESS"
)

func TestMain(m *testing.M) {
	if d, err := time.ParseDuration(os.Getenv(deafnessVariable)); err == nil {
		deafness = d
	}
	switch os.Getenv(executeVariable) {
	case "":
		moreAtOnce()
		os.Exit(m.Run())
	case lifeLine:
		// The far end is the test's: whatever becomes of that, the process does
		// not outlive it.
		go func() {
			_, _ = io.Copy(io.Discard, os.NewFile(3, lifeLine))
			os.Exit(99)
		}()
	}
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// moreAtOnce has more tests run at a time than there are processors, unless the
// command line says how many: what they do most is wait.
func moreAtOnce() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if at := flag.Lookup("test.parallel"); at != nil && !said && runtime.GOMAXPROCS(0) < 4 {
		_ = at.Value.Set("4")
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		code int
		want string // in the error output, or the output
	}{
		{"", 2, "no command"},
		{"explode", 2, `no command "explode"`},
		{"run now", 2, `orreryd run takes no arguments, but got "now"`},
		{"install now", 2, "takes no arguments"},
		{"run --bogus", 2, "unknown flag"},
		{"run --port", 2, "flag needs an argument"},
		{"run --port abc", 2, "invalid argument"},
		{"run --port 70000", 2, "want 0 to 65535"},
		{"run --port -1", 2, "want 0 to 65535"},
		{"install --port 70000", 2, "want 0 to 65535"},
		{"run --home=", 2, "want a directory"},
		{"--version", 0, version},
		{"--help", 0, "run in the foreground"},
		{"help install", 0, "install the service"},
		{"relay now", 2, "orreryd relay takes no arguments"},
		{"relay --listen 443", 2, "want ADDRESS:PORT"},
		{"relay --metrics 9094", 2, "want ADDRESS:PORT"},
		{"relay --bind ::1", 2, "want an IPv4 address"},
		{"relay --clients 0", 2, "want at least 1"},
		{"relay --rate -1", 2, "want 0 to"},
		{"relay --client-rate NaN", 2, "want 0 to"},
		{"relay --listen 192.0.2.1:4430", 1, "192.0.2.1:4430"},
		{"relay --help", 0, "tcpFallbackRelay"},
	} {
		var out, err bytes.Buffer
		code := execute(strings.Fields(c.args), &out, &err)
		text := out.String()
		if c.code != 0 {
			text = err.String()
		}
		if code != c.code || !strings.Contains(strings.ToLower(text), strings.ToLower(c.want)) {
			t.Errorf("%q: exit code %d and %q, want %d and %q", c.args, code, text, c.code, c.want)
		}
	}
}

func TestServiceArguments(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags string
		want  []string
	}{
		{"--home /x", []string{"service", "--home", "/x"}},
		{"--home rel", []string{"service", "--home", filepath.Join(here, "rel")}},
		{"--home /x --port 0 --socket s --compat-api --group staff --debug", []string{
			"service", "--home", "/x", "--port", "0", "--socket", filepath.Join(here, "s"), "--compat-api", "--group", "staff", "--debug",
		}},
		{`--home /x --socket \\.\pipe\mine`, []string{"service", "--home", "/x", "--socket", `\\.\pipe\mine`}},
	} {
		var p program
		if err := p.command().ParseFlags(strings.Fields(c.flags)); err != nil {
			t.Fatal(err)
		}
		got, err := p.serviceArguments()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q", c.flags, got, err, c.want)
		}
		// What is installed must be understood when it is started.
		var again program
		if err := again.command().ParseFlags(got[1:]); err != nil {
			t.Errorf("%s: %v", c.flags, err)
		}
	}
}
