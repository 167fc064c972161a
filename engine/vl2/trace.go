package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// A network's controller may ask for reports about its members' traffic (spec 04
// §14.6). The reference sends them whenever asked, with the beginnings of frames
// at higher levels, which is a wiretap. Here the user must allow it, and a report
// has counts and nothing else.

// Keys of a report, besides the names of reasons.
const (
	traceNetwork = "nwid"
	traceTime    = "ts"
	traceEvent   = "event"
	traceDrops   = "drops"
)

// traceCapacity holds all reasons.
const traceCapacity = 1024

// traceState is what was reported of a network.
type traceState struct {
	allowed bool
	told    [dropReasons]uint64
}

// SetTrace sets whether the controller may have reports. They begin with what
// happens from then on.
func (nw *Network) SetTrace(on bool) {
	if on && !nw.trace.allowed {
		nw.trace.told = nw.drops
	}
	nw.trace.allowed = on
}

// report tells whom the controller chose how many frames were dropped since the
// last report, by reason, if there were any.
func (s *Switch) report(at clock.Instant, nw *Network) {
	if !nw.trace.allowed || nw.config == nil || nw.trace.told == nw.drops {
		return
	}
	to := nw.config.TraceTarget
	if to.Reserved() || to == s.self.Address {
		return
	}
	d := wire.NewDictionaryWriter(s.scratch.body[:0], traceCapacity)
	d.AddText(traceNetwork, nw.id.String())
	d.AddUint64(traceTime, uint64(at.Wall))
	d.AddText(traceEvent, traceDrops)
	for r, n := range nw.drops {
		if more := n - nw.trace.told[r]; more > 0 {
			d.AddUint64(DropReason(r).String(), more)
		}
	}
	nw.trace.told = nw.drops
	s.scratch.body = wire.AppendRemoteTrace(d.Bytes()[:0], d.Bytes())
	s.link.Send(at, to, wire.VerbRemoteTrace, s.scratch.body, nil, true)
}
