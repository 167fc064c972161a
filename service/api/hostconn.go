package api

import (
	"bytes"
	"errors"
	"net"
	"sync"
)

// errHeader ends a connection whose request header is too long.
var errHeader = errors.New("request header too long")

// hostListener limits connections and makes each a [hostConn].
type hostListener struct {
	net.Listener
	slots chan struct{}
}

// Accept waits for a slot after accepting, so that the queue stays with the
// kernel.
func (l *hostListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
		return &hostConn{Conn: conn, slots: l.slots}, nil
	default:
		return &hostConn{Conn: conn, full: true}, nil
	}
}

// hostConn adds "Host: localhost" to a request that has no Host. The reference's
// own command line sends none although it says HTTP/1.1, and net/http refuses
// that before any handler could see it (spec 06 §5.1). Only the first request of
// a connection is treated: the server closes it after that one.
type hostConn struct {
	net.Conn
	slots chan struct{}
	full  bool
	once  sync.Once
	// head collects the request's header until it is whole; then it holds what
	// Read has not handed out yet.
	head []byte
	done bool
}

// Read hands out the header once it is whole, and the rest as it comes.
func (c *hostConn) Read(p []byte) (int, error) {
	if c.full {
		return 0, errors.New("too many connections")
	}
	for !c.done {
		buf := make([]byte, 4096)
		n, err := c.Conn.Read(buf)
		c.head = append(c.head, buf[:n]...)
		switch end := headerEnd(c.head); {
		case end > 0:
			c.head = withHost(c.head, end)
			c.done = true
		case len(c.head) > maxHeader:
			return 0, errHeader
		case err != nil:
			c.done = true // hand out what there is: net/http finds the right error
			if len(c.head) == 0 {
				return 0, err
			}
		}
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close frees the slot.
func (c *hostConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		if c.slots != nil {
			<-c.slots
		}
		err = c.Conn.Close()
	})
	return err
}

// headerEnd returns the length of the header with its empty line, 0 if it is
// not whole. Lines may end with LF alone, as for net/http.
func headerEnd(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		rest := b[from:]
		if bytes.HasPrefix(rest, []byte("\n")) {
			return from + 1
		}
		if bytes.HasPrefix(rest, []byte("\r\n")) {
			return from + 2
		}
	}
}

// withHost returns b with a Host after the request line, if the header, the
// first end bytes, has none.
func withHost(b []byte, end int) []byte {
	line := bytes.IndexByte(b[:end], '\n') + 1
	for rest := b[line:end]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		name, _, isField := bytes.Cut(rest[:i+1], []byte(":"))
		if isField && bytes.EqualFold(bytes.TrimSpace(name), []byte("host")) {
			return b
		}
		rest = rest[i+1:]
	}
	out := make([]byte, 0, len(b)+len("Host: localhost\r\n"))
	out = append(out, b[:line]...)
	out = append(out, "Host: localhost\r\n"...)
	return append(out, b[line:]...)
}
