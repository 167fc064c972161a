package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are dialled in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stream answers a request with the text of a stream and ends it.
func stream(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(VersionHeader, "1")
		_, _ = fmt.Fprint(w, text)
	}
}

// TestFollow walks through the life of a service, on a clock of its own.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		srv := &http.Server{Handler: stream("data: {\"seq\":7,\"kind\":\"snapshot\",\"snapshot\":{\"seq\":7}}\n\n")}
		go func() { _ = srv.Serve(p) }()
		defer srv.Close()

		start := time.Now()
		var attempts []time.Duration
		answers := []error{ErrNotRunning, fmt.Errorf("%w (reason)", ErrNotRunning), nil, nil, ErrNotAllowed, ErrUntrusted}
		ctx, cancel := context.WithCancel(context.Background())
		c := NewClientDial(func(ctx context.Context) (net.Conn, error) {
			attempts = append(attempts, time.Since(start))
			n := len(attempts) - 1
			if n >= len(answers) {
				cancel()
				return nil, ctx.Err()
			}
			if answers[n] != nil {
				return nil, answers[n]
			}
			return p.dial(ctx)
		})
		var log []string
		err := c.Follow(ctx,
			func(e Event) { log = append(log, fmt.Sprint(e.Kind, " ", e.Seq, " ", e.All.Seq)) },
			func(err error) { log = append(log, err.Error()) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		want := []string{ErrNotRunning.Error(), ErrNotRunning.Error() + " (reason)", "snapshot 7 7", "snapshot 7 7", ErrNotAllowed.Error(), ErrUntrusted.Error()}
		if fmt.Sprint(log) != fmt.Sprint(want) {
			t.Errorf("told %q, want %q", log, want)
		}
		// Pauses before the attempts 1 to 6, at least, at most a quarter longer.
		for i, least := range []time.Duration{200, 400, 200, 200, 200, 400} {
			least *= time.Millisecond
			if got := attempts[i+1] - attempts[i]; got < least || got > least*5/4 {
				t.Errorf("pause %d: %v, want %v", i+1, got, least)
			}
		}
		c.Close()
	})
}

// TestBackOffEnds: pauses grow to 5 s and no further.
func TestBackOffEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		n := 0
		c := NewClientDial(func(context.Context) (net.Conn, error) { n++; return nil, ErrNotRunning })
		if err := c.Follow(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if n < 3600/6 || n > 3600/5+10 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

// TestSilentStream: a stream without even keep-alives is given up.
func TestSilentStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(VersionHeader, "1")
			_, _ = fmt.Fprint(w, "data: {\"kind\":\"snapshot\",\"snapshot\":{}}\n\n: alive\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})}
		go func() { _ = srv.Serve(p) }()
		defer srv.Close()
		c := NewClientDial(p.dial)
		start, n := time.Now(), 0
		var end error
		for _, err := range c.Events(context.Background()) {
			n, end = n+1, err
		}
		if n != 2 || !errors.Is(end, ErrCut) || time.Since(start) != 3*KeepAlive {
			t.Errorf("%d events, %v after %v", n, end, time.Since(start))
		}
		c.Close()
	})
}

// TestHangingService: a call does not wait for ever.
func TestHangingService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
		go func() { _ = srv.Serve(p) }()
		defer srv.Close()
		c := NewClientDial(p.dial)
		_, err := c.Status(context.Background())
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeTimeout {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		c.Close()
	})
}

// TestAnswers: every answer that is not one is an error that says so.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		is     error
		says   string
	}{
		{"another program", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") }, ErrProtocol, "without Orrery-API"},
		{"no JSON", stream("hello"), ErrProtocol, "GET /v1/status"},
		{"error without code", status(500, "oops"), ErrProtocol, "500"},
		{"refusal", status(403, `{"code":"forbidden","message":"no","need":"operator"}`), ErrNotAllowed, "no"},
		{"closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ErrNotRunning, "closed"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(VersionHeader, "1")
			http.Redirect(w, r, "http://evil.example/", http.StatusFound)
		}, ErrProtocol, "302"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPipes()
			srv := &http.Server{Handler: c.answer}
			go func() { _ = srv.Serve(p) }()
			defer srv.Close()
			client := NewClientDial(p.dial)
			defer client.Close()
			_, err := client.Status(context.Background())
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v with %q", err, c.is, c.says)
			}
		})
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(VersionHeader, "1")
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, body)
	}
}

// TestStreamRefused: a refusal of the stream is what Follow reports.
func TestStreamRefused(t *testing.T) {
	t.Parallel()
	p := newPipes()
	srv := &http.Server{Handler: status(503, `{"code":"unavailable","message":"stopping"}`)}
	go func() { _ = srv.Serve(p) }()
	defer srv.Close()
	c := NewClientDial(p.dial)
	defer c.Close()
	for _, err := range c.Events(context.Background()) {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnavailable || e.Status != 503 {
			t.Errorf("%v", err)
		}
	}
}

// TestEventsBreak: a stream stops as soon as the caller has enough.
func TestEventsBreak(t *testing.T) {
	t.Parallel()
	p := newPipes()
	srv := &http.Server{Handler: stream(strings.Repeat("data: {\"kind\":\"snapshot\"}\n\n", 10))}
	go func() { _ = srv.Serve(p) }()
	defer srv.Close()
	c := NewClientDial(p.dial)
	defer c.Close()
	n := 0
	for _, err := range c.Events(context.Background()) {
		if n++; err != nil || n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d events", n)
	}
}

func TestSkew(t *testing.T) {
	t.Parallel()
	for version, says := range map[int]string{0: "", Version: "", Version + 1: "newer", -1: "older"} {
		if got := (&Status{APIVersion: version}).Skew(); says == "" && got != "" || !strings.Contains(got, says) {
			t.Errorf("version %d: %q", version, got)
		}
	}
}
