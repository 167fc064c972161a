package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

// maxPayload is the longest payload that is joinable at the smallest physical
// MTU even if it does not compress.
const maxPayload = wire.MinMTU + (wire.MaxFragments-1)*(wire.MinMTU-wire.FragmentHeaderLen) - wire.HeaderLen

// pushIfNeeded sends our credentials to a member about to get a frame, if it has
// not had them since the configuration changed, or for long (spec 04 §8.4).
func (s *Switch) pushIfNeeded(at clock.Instant, nw *Network, m *member) {
	m.sent = at.Mono
	if m.pushed < nw.lastConfig || at.Mono-m.pushed > pushInterval {
		s.push(at, nw, m)
	}
}

// pushRequested answers ERROR NEED_MEMBERSHIP_CERTIFICATE. Certificates are not
// for anyone who asks: only for whom we sent a frame to lately, and for members
// who have shown theirs (spec 04 §17.12).
func (s *Switch) pushRequested(at clock.Instant, nw *Network, from identity.Address) {
	m := nw.members.get(from)
	if m == nil || nw.com() == nil || !s.permitted(nw, from) || at.Mono-m.sent > requestedWindow && !s.proved(nw, m) {
		return
	}
	if m.pushed < nw.lastConfig || at.Mono-m.pushed > pushOnRequest {
		s.push(at, nw, m)
	}
}

// push sends our credentials: the first packet now, the rest spaced, because
// receivers take one packet a second.
func (s *Switch) push(at clock.Instant, nw *Network, m *member) {
	m.pushed = at.Mono
	m.pending = 0
	if len(nw.pushes) == 0 {
		return
	}
	s.sendPush(at, nw, m)
	nw.pushing = nw.pushing || m.pending > 0
}

// sendPush sends the next packet of our credentials.
func (s *Switch) sendPush(at clock.Instant, nw *Network, m *member) {
	s.link.Send(at, m.address, wire.VerbNetworkCredentials, nw.pushes[m.pending], nil, true)
	m.pushNext = at.Mono + pushSpacing
	if m.pending++; m.pending >= len(nw.pushes) {
		m.pending = 0
	}
}

// continuePushes sends the packets of split credentials that are due.
func (s *Switch) continuePushes(at clock.Instant, nw *Network) {
	if !nw.pushing {
		return
	}
	nw.pushing = false
	for _, m := range nw.members.order {
		if m.pending == 0 {
			continue
		}
		if m.pending >= len(nw.pushes) || !s.permitted(nw, m.address) { // another configuration has come, or another mind
			m.pending = 0
			continue
		}
		if at.Mono >= m.pushNext {
			s.sendPush(at, nw, m)
		}
		nw.pushing = nw.pushing || m.pending > 0
	}
}

// pushChanged sends our credentials to the members that are in touch with us and
// had those before, when they say something else now. Otherwise they would learn
// of it with the next frame that we send to them, which there may never be: one
// whose tag kept us apart from them does not answer what it does not get.
func (s *Switch) pushChanged(at clock.Instant, nw *Network) {
	left := maxPushedAtOnce
	for _, m := range nw.members.order {
		if left > 0 && m.pushed != clock.Never && at.Mono-m.pushed <= pushInterval && m.address != s.self.Address && s.permitted(nw, m.address) {
			s.push(at, nw, m)
			left--
		}
	}
}

// maxPushedAtOnce bounds what a change of our credentials sends; all others get
// them with their next frame.
const maxPushedAtOnce = 512

// sameCredentials reports whether two of our configurations certify the same of
// us, but for when they were made.
func sameCredentials(a, b *netconf.Config) bool {
	return slices.EqualFunc(a.Tags, b.Tags, func(x, y credential.Tag) bool { return x.ID == y.ID && x.Value == y.Value }) &&
		slices.EqualFunc(a.Capabilities, b.Capabilities, func(x, y credential.Capability) bool { return x.ID == y.ID && slices.Equal(x.Rules, y.Rules) }) &&
		slices.EqualFunc(a.Ownerships, b.Ownerships, func(x, y credential.Ownership) bool { return x.ID == y.ID && slices.Equal(x.Things, y.Things) })
}
