package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// likesPerPacket keeps MULTICAST_LIKE joinable at the smallest physical MTU.
const likesPerPacket = maxPayload / wire.MulticastLikeLen

// Subscribe adds a group to those whose frames the host wants and announces it
// at once if it is new (spec 04 §12.2).
func (s *Switch) Subscribe(at clock.Instant, nw *Network, g identity.MulticastGroup) {
	if len(nw.ours) >= s.limits.Subscriptions || !nw.ours.add(g) {
		return
	}
	nw.left.remove(g)
	nw.likePackets = nil
	s.announce(at, nw, g)
}

// Unsubscribe removes a group. Nobody is told: other nodes forget us in time,
// and those that still send are told then.
func (s *Switch) Unsubscribe(at clock.Instant, nw *Network, g identity.MulticastGroup) {
	if nw.ours.remove(g) {
		nw.likePackets = nil
		nw.left.touch(at.Mono, g, s.limits.Subscriptions)
	}
}

// learnBehind notes that a host behind us takes part in a group, and announces
// it if that is news.
func (s *Switch) learnBehind(at clock.Instant, nw *Network, g identity.MulticastGroup) {
	if nw.behind.touch(at.Mono, g, s.limits.Subscriptions) {
		nw.likePackets = nil
		s.announce(at, nw, g)
	}
}

// hubs lists who is told about groups whether a member or not: contacts, then
// upstreams and the controller in order of address.
func (s *Switch) hubs(nw *Network) []identity.Address {
	h := append(s.scratch.hubs[:0], nw.roles.contacts...)
	fixed := len(h)
	h = s.link.Upstreams(h)
	if nw.controller != 0 {
		h = append(h, nw.controller)
	}
	slices.Sort(h[fixed:])
	out := h[:0]
	for _, a := range h {
		if a != s.self.Address && !a.Reserved() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	s.scratch.hubs = h
	return out
}

// announce tells hubs and members about one new group. It leaves the mark of the
// last full list alone, so that a member still gets that in time.
func (s *Switch) announce(at clock.Instant, nw *Network, g identity.MulticastGroup) {
	if nw.config == nil {
		return // the whole list follows with the first configuration
	}
	body := wire.MulticastLike{Network: nw.id, Group: g}.Append(s.scratch.head[:0])
	hubs := s.hubs(nw)
	for _, to := range hubs {
		s.link.Send(at, to, wire.VerbMulticastLike, body, nil, true)
	}
	for _, m := range nw.members.order {
		if !slices.Contains(hubs, m.address) && s.mayHear(nw, m) {
			s.link.Send(at, m.address, wire.VerbMulticastLike, body, nil, true)
		}
	}
}

// announceAll sends the list of our groups to everyone to whom it was last sent
// a minute ago or more.
func (s *Switch) announceAll(at clock.Instant, nw *Network) {
	if nw.config == nil || len(nw.fullList()) == 0 {
		return
	}
	hubs := s.hubs(nw)
	if at.Mono-nw.lastLike >= likeInterval {
		nw.lastLike = at.Mono
		for _, to := range hubs {
			s.sendList(at, nw, to)
			if m := nw.members.get(to); m != nil {
				m.likes = at.Mono
			}
		}
	}
	for _, m := range nw.members.order {
		if at.Mono-m.likes >= likeInterval && !slices.Contains(hubs, m.address) && s.mayHear(nw, m) {
			s.sendListTo(at, nw, m)
		}
	}
}

// Greeted tells a peer that may have restarted about our groups: a root or
// controller that forgot them could not help anybody to find us, for up to a
// minute.
func (s *Switch) Greeted(at clock.Instant, a identity.Address) {
	for _, nw := range s.networks {
		m := nw.members.get(a)
		hub := slices.Contains(s.hubs(nw), a)
		if nw.config == nil || len(nw.fullList()) == 0 || !hub && (m == nil || !s.mayHear(nw, m)) {
			continue
		}
		if !s.greeted.allow(at.Mono, stampKey{network: nw.id, peer: a}, s.stretched(greetInterval, greetLow)) {
			continue
		}
		if m != nil {
			m.likes = at.Mono
		}
		s.sendList(at, nw, a)
	}
}

// sendListTo sends the full list to a member.
func (s *Switch) sendListTo(at clock.Instant, nw *Network, m *member) {
	if len(nw.fullList()) > 0 {
		m.likes = at.Mono
		s.sendList(at, nw, m.address)
	}
}

func (s *Switch) sendList(at clock.Instant, nw *Network, to identity.Address) {
	for _, body := range nw.fullList() {
		s.link.Send(at, to, wire.VerbMulticastLike, body, nil, true)
	}
}

// fullList has the MULTICAST_LIKE with all our groups: the host's, those of
// hosts behind us, and broadcast if the network has it.
func (nw *Network) fullList() [][]byte {
	if nw.likePackets != nil {
		return nw.likePackets
	}
	all := slices.Clone(nw.ours)
	for _, d := range nw.behind {
		all.add(d.group)
	}
	if nw.config != nil && nw.config.Broadcast() {
		all.add(broadcast())
	}
	nw.likePackets = [][]byte{}
	for part := range slices.Chunk(all, likesPerPacket) {
		var body []byte
		for _, g := range part {
			body = wire.MulticastLike{Network: nw.id, Group: g}.Append(body)
		}
		nw.likePackets = append(nw.likePackets, body)
	}
	return nw.likePackets
}

// handleLike processes MULTICAST_LIKE: the sender wants the frames of groups.
func (s *Switch) handleLike(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	likes, err := wire.ParseMulticastLikes(in.Payload)
	d := vl1.Received
	// What holds for one network says nothing about the next.
	var network identity.NetworkID
	allowed := false
	for i := range likes.Len() {
		l := likes.At(i)
		if i == 0 || l.Network != network {
			network = l.Network
			var member bool
			if allowed, member = s.mayGather(at, network, in); member {
				d = vl1.Trusted
			}
		}
		if allowed {
			s.learnLike(at, groupKey{network, l.Group}, in.From.Address, true)
		}
	}
	if err != nil {
		return vl1.Dropped
	}
	return d
}

// mayGather reports whether a peer may announce and ask for members of a
// network's groups, and whether that is because it is a member: members of
// networks that we joined may, everyone may at a root, and so may whom our own
// controller let in just now (spec 04 §12.2).
func (s *Switch) mayGather(at clock.Instant, id identity.NetworkID, in *vl1.Inbound) (allowed, member bool) {
	if nw := s.find(id); nw != nil && s.admit(at, nw, &in.From) != nil {
		return true, true
	}
	if s.link.AmUpstream() {
		return true, false
	}
	c := s.cfg.LocalController
	return c != nil && id.Controller() == s.self.Address && c.Authorized(at, id, in.From.Address), false
}

// learnLike notes a member of a group, by its own announcement or not, and sends
// it the frames that wait for members of that group. It reports whether the
// member is news.
func (s *Switch) learnLike(at clock.Instant, k groupKey, a identity.Address, own bool) bool {
	return s.learn(at, k, like{member: a, own: own, at: at.Mono})
}

// learn is learnLike for a like of any kind.
func (s *Switch) learn(at clock.Instant, k groupKey, l like) bool {
	if l.member == s.self.Address || l.member.Reserved() || !s.groups.learn(at.Mono, k, l) {
		return false
	}
	nw := s.find(k.network)
	if g := s.groups.get(k); nw != nil && len(g.queue) > 0 {
		s.flush(at, nw, g, l.member, l.rumour)
	}
	return true
}
