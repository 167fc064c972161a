package vl1

import "orrery/engine/clock"

// alarm is when a peer wants attention. Most peers of a root are silent: they
// are looked at when they may be dropped, every few minutes, and not before.
type alarm struct {
	at   clock.Mono
	peer *Peer
}

// alarms is a heap by time of at most one alarm for each peer, which knows where
// its alarm is.
type alarms []alarm

// next is when the first alarm is due, never if there is none.
func (h alarms) next(never clock.Mono) clock.Mono {
	if len(h) == 0 {
		return never
	}
	return h[0].at
}

// set has a peer attended to at a time, earlier or later than before.
func (h *alarms) set(p *Peer, at clock.Mono) {
	if p.alarm < 0 {
		p.alarm = int32(len(*h))
		*h = append(*h, alarm{at, p})
		h.up(int(p.alarm))
		return
	}
	i := int(p.alarm)
	sooner := at < (*h)[i].at
	(*h)[i].at = at
	if sooner {
		h.up(i)
	} else {
		h.down(i)
	}
}

// soon has a peer attended to at a time at the latest.
func (h *alarms) soon(p *Peer, at clock.Mono) {
	if p.alarm < 0 || at < (*h)[p.alarm].at {
		h.set(p, at)
	}
}

// remove forgets a peer's alarm.
func (h *alarms) remove(p *Peer) {
	i := int(p.alarm)
	if i < 0 {
		return
	}
	last := len(*h) - 1
	h.swap(i, last)
	(*h)[last] = alarm{}
	*h = (*h)[:last]
	p.alarm = -1
	if i < last {
		h.up(i)
		h.down(i)
	}
}

func (h alarms) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].peer.alarm, h[j].peer.alarm = int32(i), int32(j)
}

func (h alarms) up(i int) {
	for i > 0 {
		above := (i - 1) / 2
		if h[above].at <= h[i].at {
			return
		}
		h.swap(i, above)
		i = above
	}
}

func (h alarms) down(i int) {
	for {
		least := i
		for _, below := range [2]int{2*i + 1, 2*i + 2} {
			if below < len(h) && h[below].at < h[least].at {
				least = below
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
