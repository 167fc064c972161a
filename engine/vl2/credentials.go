package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// handleCredentials processes NETWORK_CREDENTIALS. Anyone may bring anyone's
// credentials: what counts is who signed them and to whom they were issued (spec
// 04 §7.7, §8.2).
func (s *Switch) handleCredentials(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p := s.peers.open(at.Mono, in.From.Address)
	if !p.resume(at.Mono, in.ID) && !p.credentials.Take(at.Mono, s.limits.CredentialBurst, clock.Second) {
		return vl1.Dropped
	}
	d := vl1.Received
	r := credential.NewReader(in.Payload)
	for r.Next() {
		result, missing := s.addCredential(at, r, in.From.Address)
		if result == credential.Waiting {
			s.await(at, in.From.Address, missing)
			p.hold(at.Mono, in.ID)
			return vl1.Held
		}
		if result.Accepted() {
			d = vl1.Trusted
		}
	}
	if !r.Complete() {
		return vl1.Dropped
	}
	return d
}

// addCredential offers the credential that r is at to the membership it is
// about.
func (s *Switch) addCredential(at clock.Instant, r *credential.Reader, from identity.Address) (credential.Result, identity.Address) {
	look := s.link.Identity
	switch r.Type() {
	case credential.TypeMembership:
		return s.addMembership(at, &r.Membership)
	case credential.TypeCapability:
		return s.addCapability(at, &r.Capability, from)
	case credential.TypeTag:
		return s.offer(at, r.Tag.Network, r.Tag.IssuedTo, func(m *credential.Member) (credential.Result, identity.Address) {
			return m.AddTag(&r.Tag, look)
		})
	case credential.TypeOwnership:
		result, missing := s.offer(at, r.Ownership.Network, r.Ownership.IssuedTo, func(m *credential.Member) (credential.Result, identity.Address) {
			return m.AddOwnership(&r.Ownership, look)
		})
		if result == credential.Added {
			s.find(r.Ownership.Network).certified(&r.Ownership)
		}
		return result, missing
	case credential.TypeRevocation:
		return s.addRevocation(at, &r.Revocation, from)
	}
	return credential.Rejected, 0
}

// addMembership offers a certificate of membership. Packets of its holder that
// were refused are retried if it is new.
func (s *Switch) addMembership(at clock.Instant, c *credential.Membership) (credential.Result, identity.Address) {
	result, missing := s.offer(at, c.Network(), c.IssuedTo(), func(m *credential.Member) (credential.Result, identity.Address) {
		return m.AddMembership(c, s.link.Identity)
	})
	if result == credential.Added {
		s.wantRetry(c.IssuedTo())
	}
	return result, missing
}

// addRevocation offers a revocation, and passes it on if it is new and says so:
// to all members but the one it came from and the signer, the revoked one
// included.
func (s *Switch) addRevocation(at clock.Instant, v *credential.Revocation, from identity.Address) (credential.Result, identity.Address) {
	result, missing := s.offer(at, v.Network, v.Target, func(m *credential.Member) (credential.Result, identity.Address) {
		return m.AddRevocation(v, s.link.Identity)
	})
	nw := s.find(v.Network)
	if result == credential.Added {
		s.noteRevoked(nw)
		if v.Target == s.self.Address {
			s.refetch(at, nw) // which tells whether we are still a member, and what is left to us
		}
	}
	if result != credential.Added || v.Flags&credential.FastPropagate == 0 || nw == nil {
		return result, missing
	}
	b := credential.Bundle{Revocations: []credential.Revocation{*v}}
	s.scratch.body = b.Append(s.scratch.body[:0])
	for _, m := range nw.members.order {
		if m.address != from && m.address != v.SignedBy && m.address != s.self.Address {
			s.link.Send(at, m.address, wire.VerbNetworkCredentials, s.scratch.body, nil, false)
		}
	}
	return result, missing
}

// offer gives a credential to the membership of who on a network that we joined.
// A new membership is kept only if the credential verified, so that forgeries
// cost no memory.
func (s *Switch) offer(at clock.Instant, id identity.NetworkID, who identity.Address, add func(*credential.Member) (credential.Result, identity.Address)) (credential.Result, identity.Address) {
	nw := s.find(id)
	if nw == nil || who.Reserved() {
		return credential.Rejected, 0
	}
	m := nw.members.get(who)
	if m == nil {
		fresh := credential.Member{Network: id, Address: who}
		result, missing := add(&fresh)
		if result == credential.Added {
			m = nw.members.open(at.Mono, who)
			m.proof = fresh
			nw.members.use(at.Mono, m)
		}
		return result, missing
	}
	result, missing := add(&m.proof)
	if result == credential.Added {
		m.gateFor = 0
		nw.members.use(at.Mono, m)
	}
	return result, missing
}

// attachedCOM offers a certificate that came with another packet. It reports
// false for one that cannot be read; whether it was accepted does not matter.
func (s *Switch) attachedCOM(at clock.Instant, nw *Network, in *vl1.Inbound, b []byte) bool {
	com, _, err := credential.ParseMembership(b)
	if err != nil {
		return false
	}
	if com.Network() != nw.id || s.peers.muted(at.Mono, in.From.Address) {
		return true
	}
	switch result, missing := s.addMembership(at, &com); result {
	case credential.Waiting:
		s.link.Whois(at, missing)
	case credential.Rejected:
		s.peers.forged(at.Mono, in.From.Address)
	}
	return true
}

// waitingFor is a peer of which a packet is held until a signer is known.
type waitingFor struct {
	signer, peer identity.Address
	until        clock.Mono
}

// maxWaiting bounds the peers waited for; packets of more are only retried in
// VL1's own time.
const maxWaiting = 64

// await asks for the identity of signer for a packet of peer that is held.
func (s *Switch) await(at clock.Instant, peer, signer identity.Address) {
	s.link.Whois(at, signer)
	kept := s.waiting[:0]
	for _, w := range s.waiting {
		if at.Mono < w.until && (w.signer != signer || w.peer != peer) {
			kept = append(kept, w)
		}
	}
	s.waiting = kept
	if len(s.waiting) < maxWaiting {
		s.waiting = append(s.waiting, waitingFor{signer, peer, at.Mono + heldLife})
	}
}

// PeerLearned says that the identity of a peer has become known. Packets held
// for want of it are retried.
func (s *Switch) PeerLearned(at clock.Instant, id identity.Identity) {
	kept := s.waiting[:0]
	for _, w := range s.waiting {
		if w.signer == id.Address {
			s.wantRetry(w.peer)
		} else if at.Mono < w.until {
			kept = append(kept, w)
		}
	}
	s.waiting = kept
	s.retryHeld(at)
}

// LocalCredentials takes the payload of a NETWORK_CREDENTIALS that our own
// controller has for us, in practice revocations.
func (s *Switch) LocalCredentials(at clock.Instant, payload []byte) {
	for r := credential.NewReader(payload); r.Next(); {
		s.addCredential(at, r, s.self.Address)
	}
	s.retryHeld(at)
}
