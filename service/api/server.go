package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"orrery/service/caller"
	"orrery/service/ipc"
)

// Limits of the local API. Reading a request and writing an answer are bounded,
// so that a client that stalls does not hold its connection for ever.
const (
	headerTime = 10 * time.Second // to send a request's header
	bodyTime   = 30 * time.Second // to send a whole request
	callTime   = 30 * time.Second // for the backend to answer
	answerTime = 60 * time.Second // for header, backend and answer together
	idleTime   = 60 * time.Second // between requests
	maxHeader  = 16 << 10         // bytes
	closeTime  = 2 * time.Second  // for calls to finish when the service stops
)

// Config is what a [Server] needs.
type Config struct {
	Backend Backend
	// Policy maps callers to roles.
	Policy caller.Policy
	// Log receives refusals (debug) and internal errors (error); nil discards.
	Log *slog.Logger
}

// Server serves the local API over a Unix socket or a named pipe.
type Server struct {
	backend   Backend
	policy    caller.Policy
	log       *slog.Logger
	hub       Hub
	publisher *publisher
	routes    table
	reference *Reference
	tune      streamTuning
}

// New makes a server. [Server.Serve] starts it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{backend: c.Backend, policy: c.Policy, log: c.Log, tune: defaultStreamTuning}
	s.publisher = &publisher{
		backend: c.Backend,
		hub:     &s.hub,
		finish:  func(snap *ipc.Snapshot) { snap.Status.APIVersion = ipc.Version },
		failed:  func(err error) { s.log.Error("snapshot for the event stream", "err", err) },
		changed: make(chan struct{}, 1),
		asked:   make(chan chan<- error),
		stopped: make(chan struct{}),
		pause:   100 * time.Millisecond,
		measure: 5 * time.Second,
	}
	s.reference = NewReference(c.Backend, c.Log)
	s.routes = s.table()
	return s
}

// Changed says that a new [Backend.Snapshot] would differ from the last. It
// never blocks and may be called as often as one likes, from any goroutine, also
// before and after [Server.Serve].
func (s *Server) Changed() { s.publisher.notice() }

// Serve accepts connections until ctx ends, then lets running calls finish for
// a moment, ends event streams, and returns nil. It closes the listeners. A
// server can be used only once.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { s.publisher.run(ctx) })
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if k, ok := conn.(*knownConn); ok {
				return context.WithValue(ctx, callerKey{}, k.caller)
			}
			return ctx
		},
	}
	failed := make(chan error, len(listeners))
	gate := newGate(s.policy, s.log)
	for _, l := range listeners {
		work.Go(func() {
			if err := h.Serve(gate.wrap(l)); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel() // ends the publisher, and with it the event streams
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer done()
	if h.Shutdown(stop) != nil {
		_ = h.Close()
	}
	work.Wait()
	return err
}

// callerKey is the context key of a connection's caller.Caller.
type callerKey struct{}

// ServeHTTP answers one request. A request without a caller, which can only be
// one that did not come through [Server.Serve], is refused.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(ipc.VersionHeader, strconv.Itoa(ipc.Version))
	who, known := r.Context().Value(callerKey{}).(caller.Caller)
	if !known || powers[who.Role] == 0 {
		s.refuse(w, r, who, ipc.Errorf(ipc.CodeForbidden, "the service does not know who is calling"))
		return
	}
	if e := foreign(r, hostOfSocket, ipc.Host); e != nil {
		s.refuse(w, r, who, e)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves out the body
	}
	t, path := s.routes, r.URL.Path
	if inner, ok := cutReference(path); ok {
		t, path = s.reference.routes, inner
	}
	found, args, methods := t.match(method, path)
	if found == nil {
		e := ipc.Errorf(ipc.CodeNotFound, "there is no %s in this API", clip(path)).Advise("See service/README.md")
		if methods != nil {
			w.Header().Set("Allow", allowHeader(methods))
			e = ipc.Errorf(ipc.CodeMethod, "%s takes %s, not %s", clip(path), allowHeader(methods), clip(r.Method))
		}
		s.refuse(w, r, who, e)
		return
	}
	if !allowed(who.Role, found.need) {
		s.refuse(w, r, who, refusal(found, args, who, s.policy))
		return
	}
	ctx := r.Context()
	if found.path != eventsPath {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	c := &call{w: w, r: r.WithContext(ctx), caller: who, args: args}
	if err := found.handle(c); err != nil {
		e, internal := typed(err)
		if internal {
			s.log.Error("local API call", "method", r.Method, "route", found.path, "caller", who.ID(), "err", err)
		}
		writeError(w, e)
	}
}

// refuse answers with e and logs it: somebody may be trying things.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, who caller.Caller, e *ipc.Error) {
	s.log.Debug("local API refusal", "method", r.Method, "path", clip(r.URL.Path), "caller", who.User, "role", who.Role, "reason", e.Code)
	writeError(w, e)
}

// clip bounds text of a client's making in messages and logs.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
