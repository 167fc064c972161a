package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// handleConfig processes NETWORK_CONFIG: a part of a configuration that we did
// not ask for, from the controller or passed on by a member.
func (s *Switch) handleConfig(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	d, id, update := s.receiveChunk(at, in, false)
	if update != 0 {
		// The reference acknowledges under the verb ECHO (spec 04 §4.3).
		ack := wire.ConfigAck{Network: id, UpdateID: update}
		s.link.ReplyOK(at, in, wire.VerbEcho, ack.Append(s.scratch.head[:0]))
	}
	return d
}

// handleConfigReply processes the answer to a request of ours.
func (s *Switch) handleConfigReply(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	d, _, _ := s.receiveChunk(at, in, true)
	return d
}

// receiveChunk takes a part of a configuration. update is not 0 if it completed
// one that can be read, be it for us or not.
func (s *Switch) receiveChunk(at clock.Instant, in *vl1.Inbound, answer bool) (d vl1.Disposition, id identity.NetworkID, update uint64) {
	if len(in.Payload) < 8 {
		return vl1.Dropped, 0, 0
	}
	id = identity.NetworkIDFrom(in.Payload)
	nw := s.find(id)
	if nw == nil || nw.controller == 0 {
		return vl1.Received, id, 0
	}
	if s.peers.muted(at.Mono, in.From.Address) {
		s.refuseConfig(at, nw, netconf.FaultForged, in.From.Address, "")
		return vl1.Dropped, id, 0
	}
	r, err := nw.assembler.Add(at.Mono, in.Payload, s.link.Identity)
	if err != nil {
		s.refuseConfig(at, nw, netconf.FaultMalformed, in.From.Address, err.Error())
		return vl1.Dropped, id, 0
	}
	if r.Fault == netconf.FaultForged {
		s.peers.forged(at.Mono, in.From.Address)
	}
	if r.Fault != netconf.FaultNone {
		s.refuseConfig(at, nw, r.Fault, in.From.Address, "")
	}
	if r.Missing != 0 {
		s.await(at, in.From.Address, r.Missing)
		return vl1.Held, id, 0
	}
	if r.Relay {
		s.relayChunk(at, nw, in)
	}
	if r.Config != nil {
		if c, err := netconf.Parse(r.Config); err == nil {
			update = r.UpdateID
			// An answer that others overtook says no more what the controller thinks.
			s.offerConfig(at, nw, c, answer && nw.request.last >= nw.lastConfig, in.From.Address)
		} else {
			s.refuseConfig(at, nw, netconf.FaultMalformed, in.From.Address, err.Error())
		}
	}
	return vl1.Received, id, update
}

// relayChunk sends a part on, as it came, to the members known.
func (s *Switch) relayChunk(at clock.Instant, nw *Network, in *vl1.Inbound) {
	for _, m := range nw.members.order {
		if m.address != in.From.Address && m.address != nw.controller && m.address != s.self.Address && s.permitted(nw, m.address) {
			s.link.Send(at, m.address, wire.VerbNetworkConfig, in.Payload, nil, true)
		}
	}
}

// LocalConfig takes the configuration that our own controller made for us, as a
// dictionary.
func (s *Switch) LocalConfig(at clock.Instant, id identity.NetworkID, dict []byte) {
	nw := s.find(id)
	if nw == nil || nw.controller != s.self.Address {
		return
	}
	c, err := netconf.Parse(dict)
	if err != nil {
		s.refuseConfig(at, nw, netconf.FaultMalformed, s.self.Address, err.Error())
		return
	}
	s.offerConfig(at, nw, c, true, s.self.Address)
	s.retryHeld(at)
}

// offerConfig decides whether to take a configuration (spec 04 §4.4).
func (s *Switch) offerConfig(at clock.Instant, nw *Network, c *netconf.Config, answer bool, from identity.Address) {
	switch netconf.Decide(nw.config, c, nw.id, s.self.Address, answer) {
	case netconf.Replace:
		s.takeConfig(at, nw, c)
	case netconf.Unchanged:
		if answer {
			nw.lastConfig = at.Mono
		}
		nw.request.answered()
		if nw.failure != StatusOK {
			nw.clearFailure()
			s.sink.NetworkChanged(at, nw)
		}
	case netconf.Stale:
		s.refuseConfig(at, nw, netconf.FaultStale, from, "")
		// The controller's clock may have been set back: then it says the same again
		// when it is asked.
		if from == nw.controller && at.Mono-nw.request.last >= requestRetry {
			s.requestConfig(at, nw)
		}
	case netconf.Ignore:
		s.refuseConfig(at, nw, netconf.FaultForeign, from, "")
	}
}

// takeConfig makes c the network's configuration and tells those concerned.
func (s *Switch) takeConfig(at clock.Instant, nw *Network, c *netconf.Config) {
	if nw.config == nil || nw.failure != StatusOK {
		s.log.Info("network configured", "nwid", nw.id)
	}
	if nw.config == nil {
		// Frames that came before the configuration were refused.
		for _, m := range nw.members.order {
			s.wantRetry(m.address)
		}
	}
	before := nw.config
	s.setConfig(nw, c)
	if before != nil && c.Timestamp < before.Timestamp {
		for _, m := range nw.members.order {
			m.proof.Rewind(nw.window)
		}
	}
	nw.lastConfig = at.Mono
	nw.request.answered()
	nw.clearFailure()
	if nw.controller != 0 {
		s.sink.Store(nw.id, c.Append(nil))
	}
	if before != nil && !sameCredentials(before, c) {
		s.pushChanged(at, nw)
	}
	s.announceAll(at, nw)
	s.sink.NetworkChanged(at, nw)
}

// setConfig makes c the configuration and derives what is needed per packet.
func (s *Switch) setConfig(nw *Network, c *netconf.Config) {
	nw.config = c
	if nw.generation++; nw.generation == 0 {
		nw.generation = 1 // 0 stands for no generation
	}
	nw.window = c.Window()
	nw.local = c.Local()
	nw.local.StrictDerived = s.cfg.StrictDerived
	nw.base = rule.Compile(c.Rules)
	nw.own = c.CapabilitySets()
	nw.roles = rolesOf(c, s.self.Address)
	nw.origins.configured(c)
	nw.forgetHosts()
	s.contactChanges++
	nw.comBytes = nil
	if com := nw.com(); com != nil {
		nw.comBytes = com.Append(nil)
	}
	b := c.Credentials()
	nw.pushes = b.Split(maxPayload)
	nw.likePackets = nil
}

// rolesOf sorts the members with special roles.
func rolesOf(c *netconf.Config, self identity.Address) (r roles) {
	r.bridges = unique(c.WithRole(nil, netconf.ActiveBridge))
	r.bridgeSet = slices.Sorted(slices.Values(r.bridges))
	r.replicators = unique(c.WithRole(nil, netconf.MulticastReplicator))
	r.contacts = unique(c.AlwaysContact(nil))
	r.amBridge = slices.Contains(r.bridges, self)
	r.amReplicator = slices.Contains(r.replicators, self)
	return r
}

// unique drops repeated addresses, and those that no node can have, from a short
// list, in place and in order.
func unique(a []identity.Address) []identity.Address {
	out := a[:0]
	for _, v := range a {
		if !v.Reserved() && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// clearFailure forgets that the controller refused us.
func (nw *Network) clearFailure() {
	nw.failure, nw.auth = StatusOK, Authentication{}
	nw.request.refusedSince = clock.Never
}

// fail records why there is no configuration. One that is held stays: a
// controller's hiccup does not cut a network.
func (s *Switch) fail(at clock.Instant, nw *Network, status Status, auth Authentication) {
	nw.request.answered()
	if status != StatusAuthenticationRequired && nw.request.refusedSince == clock.Never {
		nw.request.refusedSince = at.Mono
	}
	if nw.failure == status && nw.auth == auth {
		return
	}
	nw.failure, nw.auth = status, auth
	s.log.Info("network not configured", "nwid", nw.id, "reason", status)
	s.sink.NetworkChanged(at, nw)
}
