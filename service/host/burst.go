package host

import (
	"context"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// Bursts opens and closes short-lived sockets, as [orrery/service/udp.Sockets]
// does.
type Bursts interface {
	// Burst opens up to n sockets bound as another is, and returns those that it
	// could open.
	Burst(n int, like vl1.SocketID, v4 bool) ([]vl1.SocketID, error)
	// CloseBurst closes them.
	CloseBurst(ids []vl1.SocketID)
}

// maxBursts is more than the core asks for before it is answered.
const maxBursts = 8

// openAndClose closes what the core needs no more, and has opened what it asks
// for.
func (h *Host) openAndClose(t *tray) {
	if h.cfg.Bursts == nil {
		return
	}
	if len(t.Close) > 0 {
		h.cfg.Bursts.CloseBurst(t.Close)
	}
	for _, b := range t.Burst {
		select {
		case h.bursts <- b:
		default: // the core gets along without
			h.log.Debug("too many bursts of sockets are waiting", "n", len(h.bursts))
		}
	}
}

// openBursts opens short-lived sockets, which takes too long for the path of
// packets.
func (h *Host) openBursts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-h.bursts:
			if h.now().Mono >= b.Until {
				continue
			}
			ids, err := h.cfg.Bursts.Burst(b.Count, b.Like, b.V4)
			if err != nil {
				h.log.Debug("not all short-lived sockets could be opened", "n", len(ids), "err", err)
			}
			h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.BurstReady(at, b.ID, ids, out) })
		}
	}
}
