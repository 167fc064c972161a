package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// Refusal is what a network has had of one kind of configuration that it could
// not take. The one that is held stays in force.
type Refusal struct {
	Fault netconf.Fault
	// From is the peer that sent the last one, Detail what was wrong with it if
	// Fault does not say all.
	From   identity.Address
	Detail string
	// Count is how many there were, First when the spell that was told began, Last
	// when the last one came.
	Count       uint64
	First, Last clock.Mono
}

// refusals are kept by fault.
type refusals [netconf.FaultCount]Refusal

// refusalQuiet is how long after one refusal another of its kind is not told
// again: anybody may send configurations.
const refusalQuiet = clock.Hour

// Refusals lists the configurations that were refused, by fault.
func (nw *Network) Refusals() (all []Refusal) {
	for _, r := range nw.refused {
		if r.Count > 0 {
			all = append(all, r)
		}
	}
	return all
}

// refuseConfig counts a configuration that changes nothing, and tells of it once.
func (s *Switch) refuseConfig(at clock.Instant, nw *Network, fault netconf.Fault, from identity.Address, detail string) {
	r := &nw.refused[fault]
	news := r.Count == 0 || at.Mono-r.Last >= refusalQuiet
	r.Fault, r.From, r.Detail, r.Last = fault, from, detail, at.Mono
	r.Count++
	if !news {
		return
	}
	r.First = at.Mono
	s.log.Warn("configuration refused; the one held stays", "nwid", nw.id, "fault", fault, "from", from, "detail", detail)
	s.sink.NetworkChanged(at, nw)
}
