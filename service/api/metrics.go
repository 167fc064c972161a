package api

import (
	"net/http"

	"orrery/service/ipc"
	"orrery/service/metrics"
)

// metricsPath is where collectors look by themselves.
const metricsPath = "/metrics"

// measurements answers with the measurements of a backend (spec 06 §6).
func measurements(c *call, b Backend) error {
	m, ok := b.(Meter)
	if !ok {
		return ipc.Errorf(ipc.CodeUnsupported, "this service measures nothing")
	}
	page, err := m.Metrics(c.ctx())
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", metrics.ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(page) // the client may be gone
	return nil
}

func (s *Server) metrics(c *call) error { return measurements(c, s.backend) }

func (f *Reference) metrics(c *call) error { return measurements(c, f.backend) }
