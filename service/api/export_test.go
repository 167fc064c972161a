package api

import (
	"context"
	"net/http"
	"time"

	"orrery/service/caller"
)

// SetCompatClock sets the clock of a server under test.
func SetCompatClock(s *Compat, now func() time.Time) { s.reference.now = now }

// AsCaller returns the request as if it came from who.
func AsCaller(r *http.Request, who caller.Caller) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
}

// StartPublisher runs the part of Serve that takes snapshots, until ctx ends.
func StartPublisher(ctx context.Context, s *Server) { s.publisher.run(ctx) }

// Route is a line of a route table.
type Route struct{ Method, Path, Need string }

// Routes lists the local API with the reference's.
func Routes(s *Server) []Route {
	var out []Route
	for _, r := range s.routes {
		out = append(out, Route{r.method, r.path, string(r.need)})
	}
	for _, r := range s.reference.routes {
		out = append(out, Route{r.method, referencePrefix + r.path, string(r.need)})
	}
	return out
}

// StreamTimes sets the times of event streams.
func StreamTimes(s *Server, write, keepAlive time.Duration) { s.tune = streamTuning{write, keepAlive} }

// Pace sets how often snapshots are taken.
func Pace(s *Server, pause, measure time.Duration) {
	s.publisher.pause, s.publisher.measure = pause, measure
}

// Subscribers returns how many streams are open.
func Subscribers(s *Server) int { return s.hub.Subscribers() }
