package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"orrery/service/ipc"
)

// eventsPath is the route of the event stream, which has no time limit.
const eventsPath = "/v1/events"

// streamTuning has the times of event streams, so that tests need not wait.
type streamTuning struct {
	// write bounds the writing of one event: a reader that is slower is cut.
	write time.Duration
	// keepAlive is how often something is written to a quiet stream.
	keepAlive time.Duration
}

var defaultStreamTuning = streamTuning{write: 10 * time.Second, keepAlive: ipc.KeepAlive}

// events streams a snapshot and then changes as server-sent events: lines
// "id: <seq>", "event: <kind>", "data: <ipc.Event as JSON>" and an empty line.
// The stream ends when the client is too slow or the service stops.
func (s *Server) events(c *call) error {
	if err := s.publisher.refresh(c.ctx()); err != nil {
		return err
	}
	sub, ok := s.hub.Subscribe()
	if !ok {
		return errStopping
	}
	defer sub.Cancel()
	out := http.NewResponseController(c.w)
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if c.r.Method == http.MethodHead {
		return nil
	}
	alive := time.NewTicker(s.tune.keepAlive)
	defer alive.Stop()
	var buf bytes.Buffer
	for {
		buf.Reset()
		select {
		case <-c.ctx().Done():
			return nil
		case e, open := <-sub.Events():
			if !open {
				return nil
			}
			if err := appendEvent(&buf, redactEvent(e, c.caller.Role)); err != nil {
				s.log.Error("event stream", "err", err)
				return nil
			}
		case <-alive.C:
			buf.WriteString(": alive\n\n")
		}
		if err := write(c.w, out, buf.Bytes(), s.tune.write); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.log.Debug("event stream cut", "reason", "slow reader", "caller", c.caller.ID())
			}
			return nil // the answer has begun; there is nobody to tell
		}
	}
}

// appendEvent writes an event in the stream's form. JSON has no line breaks.
func appendEvent(b *bytes.Buffer, e ipc.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %d: %w", e.Seq, err)
	}
	fmt.Fprintf(b, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, data)
	return nil
}

// write writes and flushes within a time.
func write(w http.ResponseWriter, out *http.ResponseController, b []byte, limit time.Duration) error {
	if err := out.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return out.Flush()
}
