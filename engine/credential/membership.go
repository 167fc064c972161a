package credential

import (
	"encoding/binary"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// MaxQualifiers is the number of qualifiers a membership can have.
const MaxQualifiers = 8

// IDs of qualifiers (spec 04 §7.2).
const (
	QualifierTimestamp uint64 = 0
	QualifierNetwork   uint64 = 1
	QualifierIssuedTo  uint64 = 2
	// QualifierKeyHash is the first of four with the first 32 bytes of
	// [identity.Identity.KeyHash]. Older controllers leave them out.
	QualifierKeyHash uint64 = 3
)

// anyDelta is a maximum delta that compares equal with everything.
const anyDelta = ^uint64(0)

// sizes of the encoded form.
const (
	membershipHead = 3
	qualifierLen   = 24
)

// Qualifier is one number that two memberships must agree on within MaxDelta.
type Qualifier struct {
	ID       uint64
	Value    uint64
	MaxDelta uint64
}

// Membership is a certificate of membership ("COM"): proof that the controller
// admitted a member at a time. Memberships compare with ==; the zero value is
// the empty one, which agrees with nothing.
type Membership struct {
	count      uint8
	qualifiers [MaxQualifiers]Qualifier
	// Signer is the controller, 0 if unsigned.
	Signer    identity.Address
	Signature identity.Signature
}

// NewMembership makes the certificate that a controller issues, to be signed:
// at is the controller's clock, window the greatest difference in milliseconds
// to the other side's certificate that its holder accepts (spec 05 §3.9).
func NewMembership(nwid identity.NetworkID, to identity.Identity, at clock.Wall, window uint64) Membership {
	m := Membership{count: 7}
	hash := to.KeyHash()
	m.qualifiers[0] = Qualifier{QualifierTimestamp, uint64(at), window}
	m.qualifiers[1] = Qualifier{QualifierNetwork, uint64(nwid), 0}
	m.qualifiers[2] = Qualifier{QualifierIssuedTo, uint64(to.Address), anyDelta}
	for i := range 4 {
		m.qualifiers[3+i] = Qualifier{QualifierKeyHash + uint64(i), binary.BigEndian.Uint64(hash[8*i:]), anyDelta}
	}
	return m
}

// MembershipOf makes an unsigned certificate with these qualifiers, which must
// be at most MaxQualifiers with IDs that do not descend; else it is empty.
func MembershipOf(qualifiers ...Qualifier) (m Membership) {
	if len(qualifiers) > MaxQualifiers {
		return m
	}
	for i, q := range qualifiers {
		if i > 0 && q.ID < qualifiers[i-1].ID {
			return Membership{}
		}
		m.qualifiers[i] = q
	}
	m.count = uint8(len(qualifiers))
	return m
}

// ParseMembership reads a certificate from the front of b; n is its length.
// Errors are ErrTruncated and ErrFormat (spec 04 §7.2).
func ParseMembership(b []byte) (m Membership, n int, err error) {
	if len(b) < membershipHead {
		return m, 0, ErrTruncated
	}
	count := int(binary.BigEndian.Uint16(b[1:]))
	if b[0] != byte(TypeMembership) || count > MaxQualifiers {
		return m, 0, ErrFormat
	}
	n = membershipHead + qualifierLen*count
	if len(b) < n+identity.AddressLen {
		return m, 0, ErrTruncated
	}
	m.count = uint8(count)
	for i := range count {
		q := b[membershipHead+qualifierLen*i:]
		m.qualifiers[i] = Qualifier{binary.BigEndian.Uint64(q), binary.BigEndian.Uint64(q[8:]), binary.BigEndian.Uint64(q[16:])}
		if i > 0 && m.qualifiers[i].ID < m.qualifiers[i-1].ID {
			return Membership{}, 0, ErrFormat
		}
	}
	m.Signer = identity.AddressFrom(b[n:])
	n += identity.AddressLen
	if m.Signer == 0 {
		return m, n, nil
	}
	if len(b) < n+len(m.Signature) {
		return Membership{}, 0, ErrTruncated
	}
	n += copy(m.Signature[:], b[n:])
	return m, n, nil
}

// Append appends the encoded form, 272 bytes with the usual 7 qualifiers. An
// unsigned one ends after the signer's zero address.
func (m *Membership) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeMembership), 0, m.count)
	dst = m.AppendSigned(dst)
	dst = m.Signer.Append(dst)
	if m.Signer != 0 {
		dst = append(dst, m.Signature[:]...)
	}
	return dst
}

// AppendSigned appends the bytes that are signed: the qualifiers alone.
func (m *Membership) AppendSigned(dst []byte) []byte {
	for _, q := range m.Qualifiers() {
		dst = binary.BigEndian.AppendUint64(dst, q.ID)
		dst = binary.BigEndian.AppendUint64(dst, q.Value)
		dst = binary.BigEndian.AppendUint64(dst, q.MaxDelta)
	}
	return dst
}

// Qualifiers are the qualifiers in ascending order of ID. The slice is a view.
func (m *Membership) Qualifiers() []Qualifier { return m.qualifiers[:m.count] }

// Empty reports whether there are no qualifiers.
func (m *Membership) Empty() bool { return m.count == 0 }

// value is that of the first qualifier with this ID, or 0.
func (m *Membership) value(id uint64) uint64 {
	for _, q := range m.Qualifiers() {
		if q.ID == id {
			return q.Value
		}
	}
	return 0
}

// Timestamp is when the controller issued the certificate.
func (m *Membership) Timestamp() clock.Wall { return clock.Wall(m.value(QualifierTimestamp)) }

// Network is the network that the certificate is for.
func (m *Membership) Network() identity.NetworkID {
	return identity.NetworkID(m.value(QualifierNetwork))
}

// IssuedTo is the member that the certificate is about.
func (m *Membership) IssuedTo() identity.Address {
	return identity.Address(m.value(QualifierIssuedTo) & (1<<40 - 1))
}

// Sign signs the certificate as controller s.
func (m *Membership) Sign(s *identity.Secret) {
	m.Signer = s.Address
	m.Signature = s.Sign(m.AppendSigned(make([]byte, 0, qualifierLen*MaxQualifiers)))
}

// Verify checks that the network's controller signed the certificate. On Wait,
// missing is whom to ask for.
func (m *Membership) Verify(look Lookup) (o Outcome, missing identity.Address) {
	if m.Signer == 0 || m.Signer != m.Network().Controller() {
		return Bad, 0
	}
	return verify(look, m.Signer, m.AppendSigned(make([]byte, 0, qualifierLen*MaxQualifiers)), &m.Signature)
}

// Agrees reports whether ours, m, accepts theirs, presented by peer. Our deltas
// alone decide, so the relation is not symmetric (spec 04 §7.2).
func (m *Membership) Agrees(theirs *Membership, peer identity.Identity) bool {
	if m.Empty() || theirs.Empty() {
		return false
	}
	hashed := false
	for _, q := range m.Qualifiers() {
		v, ok := theirs.last(q.ID)
		if !ok || distance(q.Value, v) > q.MaxDelta {
			return false
		}
		hashed = hashed || q.ID >= QualifierKeyHash && q.ID < QualifierKeyHash+4
	}
	if !hashed { // ours is from an older controller, but theirs says whose it is
		_, hashed = theirs.last(QualifierKeyHash)
	}
	return !hashed || theirs.names(peer)
}

// distance is the difference of two numbers without its sign.
func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// last is the value of the last qualifier with this ID. In a comparison the
// last counts, other than in look-ups.
func (m *Membership) last(id uint64) (value uint64, ok bool) {
	for _, q := range m.Qualifiers() {
		if q.ID == id {
			value, ok = q.Value, true
		}
	}
	return value, ok
}

// names reports whether the certificate carries the hash of peer's key.
func (m *Membership) names(peer identity.Identity) bool {
	hash := peer.KeyHash()
	for i := range 4 {
		v, ok := m.last(QualifierKeyHash + uint64(i))
		if !ok || v != binary.BigEndian.Uint64(hash[8*i:]) {
			return false
		}
	}
	return true
}
