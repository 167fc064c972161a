package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"orrery/service/ipc"
)

// Transport carries calls of the reference's API. It returns HTTP status and
// body; an error if there was no answer.
type Transport interface {
	Do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error)
}

// Native carries calls over the service's own socket, where no token is needed.
type Native struct{ Client *ipc.Client }

// Do implements [Transport].
func (n Native) Do(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	return n.Client.Reference(ctx, method, path, body)
}

// maxAnswer bounds an answer in bytes (spec 06 §7.1).
const maxAnswer = 16 << 20

// ConnectError is returned by [Loopback] when nothing answers.
type ConnectError struct {
	// Reason has the reference's words: "connection failed" or "timed out".
	Reason string
	Host   string
	Port   int
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("no answer from %s: %s", net.JoinHostPort(e.Host, strconv.Itoa(e.Port)), e.Reason)
}

// Loopback carries calls over TCP with a token, as the reference's tools do.
type Loopback struct {
	host  string
	port  int
	token string
	http  *http.Client
}

// NewLoopback makes a transport to host ("" is 127.0.0.1) and port.
func NewLoopback(host string, port int, token string) *Loopback {
	if host == "" {
		host = "127.0.0.1"
	}
	return &Loopback{host: host, port: port, token: token, http: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true}, // no proxy: it must not see the token
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       60 * time.Second,
	}}
}

// Do implements [Transport].
func (l *Loopback) Do(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+net.JoinHostPort(l.host, strconv.Itoa(l.port))+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("path %q: %w", path, err)
	}
	req.Header.Set("X-ZT1-Auth", l.token)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return 0, nil, l.failure(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, l.failure(err)
	}
	if len(answer) > maxAnswer {
		return 0, nil, fmt.Errorf("the answer to %s %s is longer than %d bytes", method, path, maxAnswer)
	}
	return resp.StatusCode, answer, nil
}

func (l *Loopback) failure(err error) error {
	reason := "connection failed"
	if os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		reason = "timed out"
	}
	return &ConnectError{Reason: reason, Host: l.host, Port: l.port}
}
