package vl2

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// Join joins a network, or returns it if it is joined. cached is the content of
// its file, if any: a configuration that parses is used at once, though a fresh
// one is asked for (spec 04 §2.1). Without one the file is made, so that the
// membership survives a restart.
func (s *Switch) Join(at clock.Instant, id identity.NetworkID, cached []byte) *Network {
	return s.JoinWithToken(at, id, cached, "")
}

// JoinWithToken is Join with a token as of [Switch.SetToken], which goes along
// with the first request.
func (s *Switch) JoinWithToken(at clock.Instant, id identity.NetworkID, cached []byte, token string) *Network {
	i, joined := s.position(id)
	if joined {
		return s.networks[i]
	}
	nw := &Network{
		id: id, mac: identity.MACOf(id, s.self.Address),
		lastConfig: clock.Never, lastLike: clock.Never,
		members:    memberTable{network: id, limit: s.limits.Members},
		hosts:      hostTable{limit: s.limits.BridgeRoutes, self: s.self.Address},
		loopAt:     clock.Never,
		request:    requestState{last: clock.Never, refusedSince: clock.Never, silentSince: clock.Never, token: token},
		failure:    StatusOK,
		multicasts: MulticastCount{LastSent: clock.Never, LastReceived: clock.Never},
	}
	nw.assembler.Network = id
	if !id.AdHoc() {
		nw.controller = id.Controller()
	}
	s.networks = slices.Insert(s.networks, i, nw)
	if !s.loadCached(at, nw, cached) {
		s.sink.Store(id, []byte{'\n'})
	}
	s.requestConfig(at, nw)
	return nw
}

// loadCached applies the configuration of an earlier run, if it is one.
func (s *Switch) loadCached(at clock.Instant, nw *Network, cached []byte) bool {
	if len(cached) <= 1 || nw.controller == 0 {
		return len(cached) > 0
	}
	c, err := netconf.Parse(cached)
	if err != nil || c.Network != nw.id || c.IssuedTo != s.self.Address {
		return false
	}
	s.setConfig(nw, c)
	s.sink.NetworkChanged(at, nw)
	return true
}

// Leave leaves a network and deletes its file. Nobody is told. The *Network
// carries nothing from then on.
func (s *Switch) Leave(at clock.Instant, id identity.NetworkID) {
	i, joined := s.position(id)
	if !joined {
		return
	}
	nw := s.networks[i]
	s.networks = slices.Delete(s.networks, i, i+1)
	nw.config = nil
	s.contactChanges++
	if !s.link.AmUpstream() {
		s.groups.dropNetwork(id)
	}
	s.sink.Store(id, nil)
}

// SetPortError records why the host port of a network does not work, 0 if it
// does.
func (s *Switch) SetPortError(at clock.Instant, nw *Network, code int) {
	if nw.portError != code {
		nw.portError = code
		s.sink.NetworkChanged(at, nw)
	}
}

// AlwaysContact appends the nodes with which VL1 is to keep in contact whether
// there is traffic or not: anchors and replicators of all networks, sorted.
func (s *Switch) AlwaysContact(dst []identity.Address) []identity.Address {
	start := len(dst)
	for _, nw := range s.networks {
		dst = append(dst, nw.roles.contacts...)
	}
	own := dst[start:]
	slices.Sort(own)
	own = slices.DeleteFunc(slices.Compact(own), func(a identity.Address) bool {
		return a == s.self.Address || a.Reserved()
	})
	return dst[:start+len(own)]
}

// ContactChanges counts what may have changed the result of
// [Switch.AlwaysContact].
func (s *Switch) ContactChanges() uint64 { return s.contactChanges }

// Inside reports whether ip lies in a subnet assigned to us on a network. VL1
// must have no path there, or it would run over itself (spec 03 §9.4).
func (s *Switch) Inside(ip netip.Addr) bool {
	for _, nw := range s.networks {
		if nw.config == nil {
			continue
		}
		for _, p := range nw.config.Addresses {
			if p.Contains(ip) {
				return true
			}
		}
	}
	return false
}

// Tick does what is due. Call it every 500 ms, or at [Switch.Deadline].
func (s *Switch) Tick(at clock.Instant) {
	pass := at.Mono-s.lastPass >= s.stretched(passInterval, 5)
	clean := at.Mono-s.lastClean >= cleanInterval
	// Join and Leave may be called from a sink's methods below.
	for _, nw := range slices.Clone(s.networks) {
		if s.requestDue(at, nw) {
			s.requestConfig(at, nw)
		}
		s.continuePushes(at, nw)
		if pass {
			s.report(at, nw)
		}
		if pass && !s.cfg.LowBandwidth {
			s.announceAll(at, nw)
		}
		if clean {
			s.cleanNetwork(at, nw)
		}
	}
	if pass {
		s.lastPass = at.Mono
	}
	if clean {
		s.groups.clean(at.Mono)
		s.peers.clean(at.Mono)
		s.lastClean = at.Mono
	}
}

// Deadline is when Tick next has something to do.
func (s *Switch) Deadline() clock.Mono {
	due := noDeadline
	if len(s.networks) > 0 {
		due = s.lastPass + s.stretched(passInterval, 5)
	}
	if len(s.networks) > 0 || len(s.groups.groups) > 0 || len(s.peers.byAddress) > 0 {
		due = min(due, s.lastClean+cleanInterval)
	}
	for _, nw := range s.networks {
		due = min(due, s.nextRequest(nw))
		if nw.pushing {
			for _, m := range nw.members.order {
				if m.pending > 0 {
					due = min(due, m.pushNext)
				}
			}
		}
	}
	return due
}

// cleanNetwork drops what has become useless (spec 04 §8.6).
func (s *Switch) cleanNetwork(at clock.Instant, nw *Network) {
	nw.members.clean(at.Mono, nw)
	nw.custody.clean(nw.window)
	nw.cleanOrigins()
	nw.hosts.clean(at.Mono)
	nw.assembler.Expire(at.Mono - assemblyLife)
	nw.left.expire(at.Mono, likeLife)
	if nw.behind.expire(at.Mono, behindLife) {
		nw.likePackets = nil
	}
}

// stretched is d, or times as much in low-bandwidth mode.
func (s *Switch) stretched(d, times clock.Mono) clock.Mono {
	if s.cfg.LowBandwidth {
		return d * times
	}
	return d
}
