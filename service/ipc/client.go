package ipc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Host is the fixed value of the HTTP header Host. The service refuses others.
const Host = "orrery"

// VersionHeader is the response header that carries [Version]. An answer
// without it does not come from the service.
const VersionHeader = "Orrery-API"

// maxAnswer bounds an answer that is read into memory, in bytes.
const maxAnswer = 64 << 20

// answerTime bounds a call. It is longer than the service takes at most.
const answerTime = 60 * time.Second

// Client calls the service. It is safe for concurrent use. Every method
// returns an error that matches one of the sentinels of this package, or is an
// *[Error] as the service sent it, or is the context's.
type Client struct {
	http *http.Client
	tune tuning
}

// NewClient makes a client of the socket or pipe at path, "" for [DefaultPath].
// It connects when the first call is made.
func NewClient(path string) *Client {
	return NewClientDial(func(ctx context.Context) (net.Conn, error) { return Dial(ctx, path) })
}

// NewClientDial makes a client over connections of another kind.
func NewClientDial(dial func(context.Context) (net.Conn, error)) *Client {
	t := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableCompression:  true,
		MaxIdleConns:        2,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     30 * time.Second,
	}
	return &Client{
		http: &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tune: defaultTuning,
	}
}

// Close closes idle connections. Calls that run are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call sends in as JSON, unless it is nil, and decodes the answer into out,
// unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	status, answer, err := c.raw(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return answerError(status, answer)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *string:
		*out = string(answer)
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%w: %s %s: %v", ErrProtocol, method, path, err)
	}
	return nil
}

// errNoAnswer is the cause of a call's own time limit.
var errNoAnswer = Errorf(CodeTimeout, "the Orrery service did not answer within %v", answerTime)

// raw makes one request and reads the whole answer.
func (c *Client) raw(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errNoAnswer)
	defer cancel()
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, transportError(ctx, err)
	}
	if len(answer) > maxAnswer {
		return 0, nil, fmt.Errorf("%w: %s %s: an answer of more than %d bytes", ErrProtocol, method, path, maxAnswer)
	}
	return resp.StatusCode, answer, nil
}

// send makes one request. The caller closes the body of the response.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+Host+path, bytes.NewReader(body))
	if err != nil {
		return nil, Errorf(CodeBadRequest, "%q is not a path of the API", path)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transportError(ctx, err)
	}
	if resp.Header.Get(VersionHeader) == "" {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%w: %s %s: HTTP status %d without %s", ErrProtocol, method, path, resp.StatusCode, VersionHeader)
	}
	return resp, nil
}

// transportError removes net/http's wrapping and names the reason.
func transportError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, ErrNotRunning), errors.Is(err, ErrNotAllowed), errors.Is(err, ErrUntrusted):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w (it closed the connection)", ErrNotRunning)
	case strings.Contains(err.Error(), "malformed HTTP"):
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return err
}

// answerError makes an [Error] of an answer that is not 2xx.
func answerError(status int, answer []byte) error {
	e := &Error{}
	if err := json.Unmarshal(answer, e); err != nil || e.Code == "" || e.Message == "" {
		return fmt.Errorf("%w: HTTP status %d", ErrProtocol, status)
	}
	e.Status = status
	return e
}
