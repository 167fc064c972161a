package api

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"orrery/service/ipc"
)

// maxLogWait is how long a call waits for a line.
const maxLogWait = 20 * time.Second

// logLines answers GET /v1/log?after=NUMBER&level=LEVEL&wait=SECONDS.
func (s *Server) logLines(c *call) error {
	b, ok := s.backend.(Chronicler)
	if !ok {
		return ipc.Errorf(ipc.CodeUnsupported, "this service keeps no log")
	}
	q := c.r.URL.Query()
	after, least, wait := uint64(0), slog.LevelDebug, 0
	var err error
	if v := q.Get("after"); v != "" {
		if after, err = strconv.ParseUint(v, 10, 64); err != nil {
			return ipc.Errorf(ipc.CodeBadRequest, "after: want a number")
		}
	}
	if v := q.Get("level"); v != "" {
		if err := least.UnmarshalText([]byte(v)); err != nil {
			return ipc.Errorf(ipc.CodeBadRequest, "level: want debug, info, warn or error")
		}
	}
	if v := q.Get("wait"); v != "" {
		if wait, err = strconv.Atoi(v); err != nil || wait < 0 {
			return ipc.Errorf(ipc.CodeBadRequest, "wait: want a number of seconds")
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx(), min(time.Duration(wait)*time.Second, maxLogWait))
	defer cancel()
	l, err := b.Log(ctx, after, least)
	if err != nil {
		return err
	}
	list(&l.Lines)
	return c.reply(l)
}
