package world

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

var (
	// ErrTruncated is returned when bytes end before the world does.
	ErrTruncated = errors.New("world is truncated")
	// ErrFormat is returned for bytes that are not a world, or that hold a root
	// or an endpoint that is none.
	ErrFormat = errors.New("not a world")
	// ErrRoots is returned for more than 4 roots, which no node can read.
	ErrRoots = errors.New("a world has at most 4 roots")
	// ErrEndpoints is returned for a root with more than 32 endpoints, which no
	// node can read.
	ErrEndpoints = errors.New("a root has at most 32 endpoints")
	// ErrOther is returned for an update of another world.
	ErrOther = errors.New("update is of another world")
	// ErrOlder is returned for an update that is not newer.
	ErrOlder = errors.New("update is not newer than the world held")
	// ErrSignature is returned for an update that the key named by the world held
	// did not sign.
	ErrSignature = errors.New("update is not signed by the key of the world held")
)

// Limits of worlds (spec 02 §14.1).
const (
	// MaxRoots is the highest number of roots.
	MaxRoots = 4
	// MaxEndpoints is the highest number of endpoints of a root.
	MaxEndpoints = 32
	// MaxLen is the longest binary form in bytes, and what to read of files.
	MaxLen = 8480
)

// IDs of planets (spec 02 §14.4).
const (
	Earth uint64 = 0x08eac90a
	Mars  uint64 = 0x0d953866
)

// Kind is what a world is.
type Kind uint8

// The kinds of world. Null worlds can be parsed and are of no use.
const (
	Null   Kind = 0
	Planet Kind = 1
	Moon   Kind = 127
)

// String returns the kind as tools write it.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Planet:
		return "planet"
	case Moon:
		return "moon"
	}
	return "undefined"
}

// Root is a node that carries a world.
type Root struct {
	// Identity is the root's. Its address is not checked against its key.
	Identity identity.Identity
	// Endpoints are where it is reached, the only addresses at which it may be;
	// without any it may be anywhere. Reserved types are zero.
	Endpoints []netip.AddrPort
}

// World is a revision of a planet or moon. The zero value is no world.
type World struct {
	Kind Kind
	// ID names the world. A moon's is by convention its first root's address.
	ID uint64
	// Timestamp is the revision: later ones replace earlier ones.
	Timestamp clock.Wall
	// UpdateKey must sign the next revision.
	UpdateKey identity.PublicKey
	// Signature is of this revision, by the key that the one before named.
	Signature identity.Signature
	Roots     []Root
}

const (
	offID        = 1
	offTime      = 9
	offKey       = 17
	offSignature = 81
	offRoots     = 177
)

// Parse reads a world from the start of b and returns how many bytes it took.
// Private keys of roots and a moon's attachment are skipped; an attachment that
// is not all there is ErrTruncated, unlike in the reference. Other errors are
// ErrFormat, ErrRoots and ErrEndpoints (spec 02 §14.1).
func Parse(b []byte) (w World, n int, err error) {
	if len(b) < 1 {
		return w, 0, ErrTruncated
	}
	w.Kind = Kind(b[0])
	if w.Kind != Null && w.Kind != Planet && w.Kind != Moon {
		return World{}, 0, ErrFormat
	}
	if len(b) <= offRoots {
		return World{}, 0, ErrTruncated
	}
	w.ID = binary.BigEndian.Uint64(b[offID:])
	w.Timestamp = clock.Wall(binary.BigEndian.Uint64(b[offTime:]))
	copy(w.UpdateKey[:], b[offKey:])
	copy(w.Signature[:], b[offSignature:])
	roots := int(b[offRoots])
	if roots > MaxRoots {
		return World{}, 0, ErrRoots
	}
	n = offRoots + 1
	for range roots {
		r, used, err := parseRoot(b[n:])
		if err != nil {
			return World{}, 0, err
		}
		w.Roots = append(w.Roots, r)
		n += used
	}
	if w.Kind == Moon {
		if len(b)-n < 2 {
			return World{}, 0, ErrTruncated
		}
		attachment := 2 + int(binary.BigEndian.Uint16(b[n:]))
		if len(b)-n < attachment {
			return World{}, 0, ErrTruncated
		}
		n += attachment
	}
	return w, n, nil
}

func parseRoot(b []byte) (r Root, n int, err error) {
	r.Identity, n, err = identity.ParseBinary(b)
	if err != nil {
		return r, 0, translate(err)
	}
	if n == len(b) {
		return r, 0, ErrTruncated
	}
	endpoints := int(b[n])
	if endpoints > MaxEndpoints {
		return r, 0, ErrEndpoints
	}
	n++
	for range endpoints {
		e, used, err := wire.ParseInet(b[n:])
		if err != nil {
			return r, 0, translate(err)
		}
		r.Endpoints = append(r.Endpoints, e)
		n += used
	}
	return r, n, nil
}

func translate(err error) error {
	if err == identity.ErrTruncated || err == wire.ErrTruncated {
		return ErrTruncated
	}
	return ErrFormat
}

// AppendBinary appends the binary form. It writes what it is given: a world with
// more roots or endpoints than [MaxRoots] and [MaxEndpoints] cannot be read.
func (w *World) AppendBinary(b []byte) []byte {
	b = w.appendFields(b)
	b = append(b, w.Signature[:]...)
	return w.appendRoots(b)
}

// SignedBytes returns what the signature covers: the binary form without the
// signature, between two sentinels (spec 02 §14.2).
func (w *World) SignedBytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, 0x7f7f7f7f7f7f7f7f)
	b = w.appendRoots(w.appendFields(b))
	return binary.BigEndian.AppendUint64(b, 0xf7f7f7f7f7f7f7f7)
}

func (w *World) appendFields(b []byte) []byte {
	b = append(b, byte(w.Kind))
	b = binary.BigEndian.AppendUint64(b, w.ID)
	b = binary.BigEndian.AppendUint64(b, uint64(w.Timestamp))
	return append(b, w.UpdateKey[:]...)
}

func (w *World) appendRoots(b []byte) []byte {
	b = append(b, byte(len(w.Roots)))
	for i := range w.Roots {
		r := &w.Roots[i]
		b = append(r.Identity.AppendBinary(b), byte(len(r.Endpoints)))
		for _, e := range r.Endpoints {
			b = wire.AppendInet(b, e)
		}
	}
	if w.Kind == Moon {
		b = append(b, 0, 0) // no attachment
	}
	return b
}

// Empty reports whether there is no world: the ID or the kind is zero. Anything
// replaces it.
func (w *World) Empty() bool { return w.ID == 0 || w.Kind == Null }

// Verify reports whether key signed this revision.
func (w *World) Verify(key *identity.PublicKey) bool {
	return key.Verify(w.SignedBytes(), w.Signature[:])
}

// SelfSigned reports whether this revision is signed by the key that it names
// for the next. It need not be, after a change of keys; but if it is not, a file
// taken on first use deserves a warning (spec 02 §19, spec 03 §3.2).
func (w *World) SelfSigned() bool { return w.Verify(&w.UpdateKey) }

// ReplacedBy reports whether update is a revision that replaces this one; see
// [World.CheckUpdate].
func (w *World) ReplacedBy(update *World) bool { return w.CheckUpdate(update) == nil }

// CheckUpdate says why update does not replace this revision: it is ErrOther,
// ErrOlder or ErrSignature, or nil if it does. An empty world is replaced by
// anything, unverified. The key is that of the revision held, not of the update
// (spec 02 §14.3).
func (w *World) CheckUpdate(update *World) error {
	switch {
	case w.Empty():
		return nil
	case w.ID != update.ID || w.Kind != update.Kind:
		return ErrOther
	case uint64(update.Timestamp) <= uint64(w.Timestamp):
		return ErrOlder
	case !update.Verify(&w.UpdateKey):
		return ErrSignature
	}
	return nil
}

// HasRoot reports whether one of the roots has this address.
func (w *World) HasRoot(a identity.Address) bool {
	for i := range w.Roots {
		if w.Roots[i].Identity.Address == a {
			return true
		}
	}
	return false
}
