package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"orrery/service/ipc"
)

// Tool is what commands work with.
type Tool struct {
	Out, Err io.Writer
	In       io.Reader
	// Interactive is true if a person can answer questions at In.
	Interactive bool
	// Screen is true if a person looks at Out.
	Screen bool
	// JSON asks for JSON instead of text.
	JSON bool
	// API answers calls of the reference's API.
	API Transport
	// Service is the service's own API; nil when talking to a home's compatible
	// API, which has no more than the reference's calls.
	Service *ipc.Client
	// Now is the time, for ages and new worlds.
	Now func() time.Time
	// Random fills a slice with bytes from a cryptographic source.
	Random func([]byte)
}

// Exit codes (spec 06 §7).
const (
	Failed = 1 // the service, or what was checked, said no
	Usage  = 2 // the command line is wrong
)

// Exit ends a command with an exit code. If Err is nil, everything to be said
// has been printed.
type Exit struct {
	Code int
	Err  error
}

// Error implements error.
func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *Exit) Unwrap() error { return e.Err }

// usagef is a mistake in the command line.
func usagef(format string, args ...any) error {
	return &Exit{Usage, fmt.Errorf(format, args...)}
}

// failf is a command that did not succeed.
func failf(format string, args ...any) error {
	return &Exit{Failed, fmt.Errorf(format, args...)}
}

// printf writes to Out. If that fails nobody can be told.
func (t *Tool) printf(format string, args ...any) { _, _ = fmt.Fprintf(t.Out, format, args...) }

// ask makes a call of the reference's API and returns the body of a 200. Any
// other answer is printed the reference's way.
func (t *Tool) ask(ctx context.Context, command, method, path string, body []byte) ([]byte, error) {
	status, answer, err := t.API.Do(ctx, method, path, body)
	return t.answered(command, method, status, answer, err)
}

// answered is what became of a call, for ask.
func (t *Tool) answered(command, method string, status int, answer []byte, err error) ([]byte, error) {
	var refused *ConnectError
	switch {
	case errors.As(err, &refused) && method == "GET" && !strings.HasPrefix(command, "/"):
		t.printf("Error connecting to the ZeroTier service: %s\n\nPlease check that the service is running and that TCP port %d can be contacted via %s.\n",
			refused.Reason, refused.Port, refused.Host)
		return nil, &Exit{Code: Failed}
	case errors.As(err, &refused):
		t.printf("0 %s %s\n", command, refused.Reason)
		return nil, &Exit{Code: Failed}
	case err != nil:
		return nil, explain(err)
	case status != 200:
		t.printf("%d %s %s\n", status, command, printable(string(answer)))
		return nil, &Exit{Code: Failed}
	}
	return answer, nil
}

// explain turns an error of the service's client into what the user should read:
// what happened, and what to do.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var e *ipc.Error
	if errors.As(err, &e) {
		return &Exit{Failed, answer{e}}
	}
	switch {
	case errors.Is(err, ipc.ErrNotRunning):
		return failf("%w\nStart it with \"%s\", or name its socket with --socket", err, startCommand())
	case errors.Is(err, ipc.ErrNotAllowed):
		return failf("%w\nRun this as the user the service was started for, or as root", err)
	case errors.Is(err, ipc.ErrUntrusted):
		return failf("%w\nAnother program may pose as the service: nothing was sent. Name the right socket with --socket", err)
	case errors.Is(err, ipc.ErrProtocol):
		return failf("%w\nIs another program listening there? Name the service's socket with --socket", err)
	}
	return &Exit{Failed, err}
}

// startCommand starts the service.
func startCommand() string {
	if runtime.GOOS == "windows" {
		return "orreryd start (as administrator)"
	}
	return "sudo orreryd start"
}

// needService refuses a command that the reference's API cannot do.
func (t *Tool) needService() error {
	if t.Service == nil {
		return usagef("this command needs the service's own socket: leave out -D, -p, -T and -H")
	}
	return nil
}

// printable makes text from the network safe for a terminal: characters that
// move the cursor or turn the writing around become question marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r == '\u061c', r == '\u200e', r == '\u200f', r == '\u2028', r == '\u2029',
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\ufeff', r == '\ufffd':
			return '?'
		}
		return r
	}, s)
}
