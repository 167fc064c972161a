package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"orrery/service/caller"
	"orrery/service/ipc"
)

// Connections at a time: in all, and for one account that is not an
// administrator, so that nobody can keep the others out.
const (
	maxConns     = 64
	maxConnsEach = 16
)

// gate finds out who connects, once, when they do, and limits how many may.
type gate struct {
	policy caller.Policy
	log    *slog.Logger
	mu     sync.Mutex
	// count and each are the open connections, guarded by mu. Administrators
	// do not count.
	count int
	each  map[string]int
}

func newGate(p caller.Policy, log *slog.Logger) *gate {
	return &gate{policy: p, log: log, each: make(map[string]int)}
}

// wrap returns l with connections that know their caller.
func (g *gate) wrap(l net.Listener) net.Listener { return &gateListener{Listener: l, gate: g} }

type gateListener struct {
	net.Listener
	gate *gate
}

// knownConn is a connection whose caller is known.
type knownConn struct {
	net.Conn
	caller caller.Caller
	gate   *gate
	once   sync.Once
}

// Accept returns the next connection whose caller is known and within limits.
// The others are closed here.
func (l *gateListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, err := l.gate.policy.Identify(conn)
		if err != nil {
			// A client that has gone away already has no credentials either.
			l.gate.log.Debug("local API connection refused", "reason", "no credentials", "err", err)
			_ = conn.Close()
			continue
		}
		if !l.gate.enter(who) {
			l.gate.log.Debug("local API connection refused", "reason", "too many", "caller", who.ID())
			turnAway(conn)
			continue
		}
		return &knownConn{Conn: conn, caller: who, gate: l.gate}, nil
	}
}

func (g *gate) enter(who caller.Caller) bool {
	if who.Role == ipc.Administrator {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count >= maxConns || g.each[who.ID()] >= maxConnsEach {
		return false
	}
	g.count++
	g.each[who.ID()]++
	return true
}

func (g *gate) leave(who caller.Caller) {
	if who.Role == ipc.Administrator {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count--
	if g.each[who.ID()]--; g.each[who.ID()] == 0 {
		delete(g.each, who.ID())
	}
}

// Close closes the connection and makes room for another.
func (c *knownConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.gate.leave(c.caller)
		err = c.Conn.Close()
	})
	return err
}

// turnAway tells why and closes, without waiting for anybody: the answer fits
// into any socket buffer.
func turnAway(conn net.Conn) {
	const body = `{"code":"busy","message":"there are too many connections to the service","advice":"Close a program that uses it, or try again"}`
	_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := fmt.Fprintf(conn, "HTTP/1.1 503 Service Unavailable\r\n%s: %d\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		ipc.VersionHeader, ipc.Version, len(body), body)
	_ = errors.Join(err, conn.Close()) // it is turned away either way
}
