package uitest

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"

	"orrery/service/ipc"
)

// Server offers a [Service] over HTTP as the local contract has it, so that a
// real program can be run against it.
type Server struct {
	service *Service
	http    http.Server

	mu      sync.Mutex
	streams map[chan ipc.Event]struct{} // guarded by mu
}

// NewServer returns a server of s. It takes s's events.
func NewServer(s *Service) *Server {
	srv := &Server{service: s, streams: map[chan ipc.Event]struct{}{}}
	s.Emit = srv.broadcast
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", srv.events)
	mux.HandleFunc("POST /v1/networks/{id}", answer(func(r *http.Request, in ipc.Join) (any, error) {
		if in.Invite != "" {
			return s.JoinInvite(r.Context(), r.PathValue("id"), in)
		}
		return s.Join(r.Context(), r.PathValue("id"), in.NetworkSettings)
	}))
	mux.HandleFunc("GET /v1/networks/{id}/invite", answer(func(r *http.Request, _ struct{}) (any, error) {
		return s.Invite(r.Context(), r.PathValue("id"), r.URL.Query().Get("name"))
	}))
	mux.HandleFunc("PATCH /v1/networks/{id}", answer(func(r *http.Request, in ipc.NetworkSettings) (any, error) {
		return s.SetNetwork(r.Context(), r.PathValue("id"), in)
	}))
	mux.HandleFunc("DELETE /v1/networks/{id}", answer(func(r *http.Request, _ struct{}) (any, error) {
		return struct{}{}, s.Leave(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("PATCH /v1/trust/{address}", answer(func(r *http.Request, in ipc.TrustUpdate) (any, error) {
		return s.UpdateTrust(r.Context(), r.PathValue("address"), in)
	}))
	mux.HandleFunc("DELETE /v1/trust/{address}", answer(func(r *http.Request, _ struct{}) (any, error) {
		return struct{}{}, s.ForgetTrust(r.Context(), r.PathValue("address"))
	}))
	mux.HandleFunc("GET /v1/verify/{address}", answer(func(r *http.Request, _ struct{}) (any, error) {
		return s.Verification(r.Context(), r.PathValue("address"))
	}))
	srv.http.Handler = mux
	return srv
}

// Serve answers until [Server.Close].
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops at once, as a service that is killed does.
func (s *Server) Close() error { return s.http.Close() }

// Set replaces the snapshot and sends it to everybody.
func (s *Server) Set(all *ipc.Snapshot) {
	s.service.mu.Lock()
	s.service.all = all
	s.service.mu.Unlock()
	s.broadcast(s.service.Snapshot())
}

func (s *Server) broadcast(e ipc.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.streams {
		c <- e
	}
}

// events is the stream: a snapshot, then changes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	c := make(chan ipc.Event, 64)
	s.mu.Lock()
	s.streams[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, c)
	}()
	w.Header().Set(ipc.VersionHeader, strconv.Itoa(ipc.Version))
	w.Header().Set("Content-Type", "text/event-stream")
	for e := s.service.Snapshot(); ; {
		b, err := json.Marshal(e)
		if err != nil {
			return
		}
		if _, err := w.Write([]byte("data: " + string(b) + "\n\n")); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case e = <-c:
		case <-r.Context().Done():
			return
		}
	}
}

func answer[T any](f func(*http.Request, T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(ipc.VersionHeader, strconv.Itoa(ipc.Version))
		w.Header().Set("Content-Type", "application/json")
		var in T
		if r.ContentLength > 0 {
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
		out, err := f(r, in)
		if err != nil {
			var e *ipc.Error
			if !errors.As(err, &e) {
				e = ipc.Errorf(ipc.CodeInternal, "%v", err)
			}
			status := http.StatusInternalServerError
			switch e.Code {
			case ipc.CodeForbidden:
				status = http.StatusForbidden
			case ipc.CodeNotFound:
				status = http.StatusNotFound
			case ipc.CodeConflict:
				status = http.StatusConflict
			}
			w.WriteHeader(status)
			out = e
		}
		_ = json.NewEncoder(w).Encode(out) // whoever went away needs no answer
	}
}
