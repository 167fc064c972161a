package wire

import (
	"encoding/binary"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Limits of network configurations (spec 02 §10.12, spec 04 §3).
const (
	// ConfigCapacity is the reference's buffer for a configuration: shorter
	// configurations only can be sent to it.
	ConfigCapacity = 484520
	// MetadataCapacity is the buffer for the metadata of a request.
	MetadataCapacity = 1024
	// MaxConfigChunk is the most that the reference puts into one chunk.
	MaxConfigChunk = 9740
	// MaxConfigChunks is the highest number of chunks of one update.
	MaxConfigChunks = 474
)

// NetworkConfigRequest asks a controller for a configuration (spec 02 §10.11).
type NetworkConfigRequest struct {
	Network identity.NetworkID
	// Metadata is a dictionary, at most 1023 bytes of which are of use.
	Metadata []byte
	// Revision and Time are of the configuration that the sender has, else 0.
	Revision uint64
	Time     clock.Wall
}

// Append appends the payload.
func (r *NetworkConfigRequest) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(r.Network.Append(b), uint16(len(r.Metadata)))
	b = append(b, r.Metadata...)
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	return binary.BigEndian.AppendUint64(b, uint64(r.Time))
}

// ParseNetworkConfigRequest reads the payload; the last two fields may be
// missing. With ErrTruncated, Network is still set if the payload has one, which
// is enough to refuse the request.
func ParseNetworkConfigRequest(payload []byte) (r NetworkConfigRequest, err error) {
	c := cursor{b: payload}
	r.Network = c.network()
	r.Metadata = c.take(int(c.u16()))
	if c.short {
		r.Metadata = nil
		return r, ErrTruncated
	}
	r.Revision, r.Time = c.u64(), clock.Wall(c.u64())
	return r, nil
}

// ConfigFastPropagate is the flag of a chunk that members pass on.
const ConfigFastPropagate = 0x01

// signatureEd25519 is the type of the only signatures that exist.
const signatureEd25519 = 1

// ConfigChunk is a part of a network configuration: the payload of a
// NETWORK_CONFIG, and the body of the OK that answers a NETWORK_CONFIG_REQUEST
// (spec 02 §10.12).
type ConfigChunk struct {
	Network identity.NetworkID
	// Data is the part of the dictionary's text.
	Data []byte
	// Unsigned is set on parsing if the message ends after Data. Such a chunk is
	// a whole configuration, as controllers sent it before version 6.
	Unsigned bool
	// Flags may have ConfigFastPropagate.
	Flags uint8
	// UpdateID is common to all chunks of an update, never 0.
	UpdateID uint64
	// Total is the length of the whole dictionary, Index where Data belongs.
	Total, Index uint32
	// Signature is the controller's of [ConfigChunk.SignedPortion], 96 bytes. It
	// is nil if the chunk is unsigned or has a signature of another type or
	// length; in the latter case the chunk is to be ignored.
	Signature []byte

	signed []byte
}

// AppendSigned appends the part of the body that the controller signs.
func (c *ConfigChunk) AppendSigned(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(c.Network.Append(b), uint16(len(c.Data)))
	b = append(append(b, c.Data...), c.Flags)
	b = binary.BigEndian.AppendUint64(b, c.UpdateID)
	b = binary.BigEndian.AppendUint32(b, c.Total)
	return binary.BigEndian.AppendUint32(b, c.Index)
}

// AppendConfigSignature appends what follows [ConfigChunk.AppendSigned].
func AppendConfigSignature(b []byte, s *identity.Signature) []byte {
	return append(append(b, signatureEd25519, 0, identity.SignatureLen), s[:]...)
}

// Append appends the body, up to the data for a chunk that is Unsigned.
func (c *ConfigChunk) Append(b []byte) []byte {
	if c.Unsigned {
		b = binary.BigEndian.AppendUint16(c.Network.Append(b), uint16(len(c.Data)))
		return append(b, c.Data...)
	}
	b = append(c.AppendSigned(b), signatureEd25519)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Signature)))
	return append(b, c.Signature...)
}

// ParseConfigChunk reads the body. Bytes after the signature are ignored. The
// error is ErrTruncated; whether the chunk is plausible and of whom is for
// [ConfigChunk.Plausible] and the caller.
func ParseConfigChunk(body []byte) (c ConfigChunk, err error) {
	r := cursor{b: body}
	c.Network = r.network()
	c.Data = r.take(int(r.u16()))
	if r.short {
		return ConfigChunk{}, ErrTruncated
	}
	if len(r.b) == 0 {
		c.Unsigned, c.Total = true, uint32(len(c.Data))
		return c, nil
	}
	c.Flags, c.UpdateID, c.Total, c.Index = r.u8(), r.u64(), r.u32(), r.u32()
	c.signed = body[:len(body)-len(r.b)]
	kind, n := r.u8(), int(r.u16())
	if r.short {
		return ConfigChunk{}, ErrTruncated
	}
	if kind == signatureEd25519 && n == identity.SignatureLen {
		c.Signature = r.take(n)
	}
	if r.short {
		return ConfigChunk{}, ErrTruncated
	}
	return c, nil
}

// SignedPortion is the part of a parsed body that the signature covers: from the
// network ID to the index.
func (c *ConfigChunk) SignedPortion() []byte { return c.signed }

// Plausible reports whether the chunk lies in a dictionary shorter than capacity
// bytes and has a signature that can be checked, or is the unsigned form.
func (c *ConfigChunk) Plausible(capacity int) bool {
	return uint64(c.Index)+uint64(len(c.Data)) <= uint64(c.Total) &&
		int64(c.Total) < int64(capacity) && (c.Unsigned || c.Signature != nil)
}

// ID tells the chunks of an update apart: the first 8 bytes of the signature
// XOR the next 8. It is 0 without a signature.
func (c *ConfigChunk) ID() uint64 {
	if len(c.Signature) < 16 {
		return 0
	}
	return binary.BigEndian.Uint64(c.Signature) ^ binary.BigEndian.Uint64(c.Signature[8:])
}

// ConfigAck is the body of the OK that acknowledges a complete configuration. It
// goes with in-re verb [VerbEcho], as the reference sends it (spec 02 §10.13).
type ConfigAck struct {
	Network  identity.NetworkID
	UpdateID uint64
}

// Append appends the body.
func (a ConfigAck) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(a.Network.Append(b), a.UpdateID)
}
