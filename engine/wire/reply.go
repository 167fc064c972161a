package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Lengths of what precedes the body of an OK and of an ERROR.
const (
	OKPrefixLen    = 9
	ErrorPrefixLen = 10
)

// OK is the payload of an OK (spec 02 §12).
type OK struct {
	// InRe is the verb that is answered; any value can come.
	InRe Verb
	// InReID is the wire ID of the packet that is answered.
	InReID uint64
	// Body depends on InRe.
	Body []byte
}

// AppendOK appends what precedes the body of an OK.
func AppendOK(b []byte, inRe Verb, inReID uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(inRe)), inReID)
}

// Append appends the payload.
func (o *OK) Append(b []byte) []byte { return append(AppendOK(b, o.InRe, o.InReID), o.Body...) }

// ParseOK reads the payload of an OK. The error is ErrTruncated.
func ParseOK(payload []byte) (OK, error) {
	if len(payload) < OKPrefixLen {
		return OK{}, ErrTruncated
	}
	return OK{
		InRe:   Verb(payload[0]),
		InReID: binary.BigEndian.Uint64(payload[1:]),
		Body:   payload[OKPrefixLen:],
	}, nil
}

// Error is the payload of an ERROR (spec 02 §11).
type Error struct {
	// InRe is the verb that is refused; any value can come.
	InRe Verb
	// InReID is the wire ID of the packet that is refused.
	InReID uint64
	// Code is the reason.
	Code ErrorCode
	// Body depends on Code. For all codes of networks it begins with the network
	// ID; see [ErrorNetwork].
	Body []byte
}

// AppendError appends what precedes the body of an ERROR.
func AppendError(b []byte, inRe Verb, inReID uint64, code ErrorCode) []byte {
	return append(AppendOK(b, inRe, inReID), byte(code))
}

// Append appends the payload.
func (e *Error) Append(b []byte) []byte {
	return append(AppendError(b, e.InRe, e.InReID, e.Code), e.Body...)
}

// ParseError reads the payload of an ERROR. The error is ErrTruncated.
func ParseError(payload []byte) (Error, error) {
	if len(payload) < ErrorPrefixLen {
		return Error{}, ErrTruncated
	}
	return Error{
		InRe:   Verb(payload[0]),
		InReID: binary.BigEndian.Uint64(payload[1:]),
		Code:   ErrorCode(payload[9]),
		Body:   payload[ErrorPrefixLen:],
	}, nil
}

// ErrorNetwork is the network that an ERROR is about. Codes 6 to 9 always need
// one, codes 3 and 5 if the verb refused is NETWORK_CONFIG_REQUEST. The error is
// ErrTruncated.
func ErrorNetwork(body []byte) (identity.NetworkID, error) {
	if len(body) < networkLen {
		return 0, ErrTruncated
	}
	return identity.NetworkIDFrom(body), nil
}

// UnwantedMulticast is the body of ERROR_UNWANTED_MULTICAST: the sender is not
// in the group (spec 02 §11, spec 04 §12.6).
type UnwantedMulticast struct {
	Network identity.NetworkID
	Group   identity.MulticastGroup
}

// Append appends the body.
func (u UnwantedMulticast) Append(b []byte) []byte {
	return appendGroup(u.Network.Append(b), u.Group)
}

// ParseUnwantedMulticast reads the body. The error is ErrTruncated.
func ParseUnwantedMulticast(body []byte) (UnwantedMulticast, error) {
	c := cursor{b: body}
	u := UnwantedMulticast{Network: c.network(), Group: c.group()}
	return u, c.err()
}
