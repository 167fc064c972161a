package world

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"orrery/engine/identity"
)

// ErrOrbits is returned for text that is not the state of [Orbits].
var ErrOrbits = errors.New("not a list of orbits")

// Limits of [Orbits].
const (
	// MaxMoons is how many moons a node follows, held and wanted: all of them fit
	// into a HELLO (spec 02 §13.1).
	MaxMoons = 32
	// maxSigners is how many keys are remembered for a world: that of the revision
	// in the file, and that of the one being written.
	maxSigners = 2
	// MaxOrbitsLen is the longest text of [Orbits], in bytes.
	MaxOrbitsLen = 64 << 10
	orbitsForm   = 1
)

// Wanted is a moon that somebody asked for and that nobody has told us yet.
type Wanted struct {
	ID uint64
	// Seed is a root of it, which is asked for it.
	Seed identity.Address
	// Key must have signed it; nil if the moon's own signature will do.
	Key *identity.PublicKey
}

// Signed says by which keys a world was verified that its own key has not
// signed: after a change of keys a genuine revision is signed by the one before.
type Signed struct {
	Kind Kind
	ID   uint64
	// Keys has the latest last.
	Keys []identity.PublicKey
}

// Orbits is what a node remembers about worlds beside the worlds.
type Orbits struct {
	Wanted []Wanted // by ID
	Signed []Signed // by kind and ID
}

// Vouched reports whether a world from a file may be used: it is signed by the
// key that it names, or by one that it was verified with before.
func (o *Orbits) Vouched(w *World) bool {
	if w.SelfSigned() {
		return true
	}
	i := o.signed(w.Kind, w.ID)
	return i >= 0 && slices.ContainsFunc(o.Signed[i].Keys, func(k identity.PublicKey) bool { return w.Verify(&k) })
}

func (o *Orbits) signed(kind Kind, id uint64) int {
	return slices.IndexFunc(o.Signed, func(s Signed) bool { return s.Kind == kind && s.ID == id })
}

// Remember notes that key signed a world that is about to be stored. It reports
// whether that changed anything: a world that verifies by itself needs no note.
func (o *Orbits) Remember(w *World, key *identity.PublicKey) bool {
	if *key == w.UpdateKey || w.SelfSigned() {
		return false
	}
	i := o.signed(w.Kind, w.ID)
	if i < 0 {
		// A note without its world is of no use to anybody.
		if len(o.Signed) > 2*MaxMoons {
			o.Signed = o.Signed[1:]
		}
		o.Signed = append(o.Signed, Signed{Kind: w.Kind, ID: w.ID})
		i = len(o.Signed) - 1
	}
	s := &o.Signed[i]
	if n := len(s.Keys); n > 0 && s.Keys[n-1] == *key {
		return false
	}
	s.Keys = append(slices.Clone(s.Keys), *key)
	s.Keys = s.Keys[max(0, len(s.Keys)-maxSigners):]
	return true
}

// Forget drops what is noted about a moon. It reports whether there was
// anything.
func (o *Orbits) Forget(id uint64) bool {
	n := len(o.Wanted) + len(o.Signed)
	o.Wanted = slices.DeleteFunc(slices.Clone(o.Wanted), func(x Wanted) bool { return x.ID == id })
	o.Signed = slices.DeleteFunc(slices.Clone(o.Signed), func(s Signed) bool { return s.Kind == Moon && s.ID == id })
	return len(o.Wanted)+len(o.Signed) < n
}

type orbitsText struct {
	Version int          `json:"version"`
	Wanted  []wantedText `json:"wanted"`
	Signed  []signedText `json:"signed"`
}

type wantedText struct {
	ID   string `json:"id"`
	Seed string `json:"seed"`
	Key  string `json:"key,omitempty"`
}

type signedText struct {
	World string   `json:"world"`
	ID    string   `json:"id"`
	Keys  []string `json:"keys"`
}

// Text returns the form in which orbits are stored: JSON.
func (o *Orbits) Text() ([]byte, error) {
	t := orbitsText{Version: orbitsForm, Wanted: []wantedText{}, Signed: []signedText{}}
	for _, x := range o.Wanted {
		w := wantedText{ID: fmt.Sprintf("%016x", x.ID), Seed: x.Seed.String()}
		if x.Key != nil {
			w.Key = hex.EncodeToString(x.Key[:])
		}
		t.Wanted = append(t.Wanted, w)
	}
	for _, s := range o.Signed {
		x := signedText{World: s.Kind.String(), ID: fmt.Sprintf("%016x", s.ID)}
		for _, k := range s.Keys {
			x.Keys = append(x.Keys, hex.EncodeToString(k[:]))
		}
		t.Signed = append(t.Signed, x)
	}
	b, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write orbits: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseOrbits reads what [Orbits.Text] wrote. Errors wrap ErrOrbits.
func ParseOrbits(b []byte) (o Orbits, err error) {
	if len(b) > MaxOrbitsLen {
		return o, fmt.Errorf("%w: longer than %d bytes", ErrOrbits, MaxOrbitsLen)
	}
	var t orbitsText
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&t); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOrbits, err)
	}
	if t.Version != orbitsForm {
		return o, fmt.Errorf("%w: version %d is not known", ErrOrbits, t.Version)
	}
	if len(t.Wanted) > MaxMoons || len(t.Signed) > 2*MaxMoons+1 {
		return o, fmt.Errorf("%w: too many entries", ErrOrbits)
	}
	for _, x := range t.Wanted {
		w, err := x.parse()
		if err != nil {
			return Orbits{}, err
		}
		o.Wanted = append(o.Wanted, w)
	}
	for _, x := range t.Signed {
		s, err := x.parse()
		if err != nil {
			return Orbits{}, err
		}
		o.Signed = append(o.Signed, s)
	}
	return o, nil
}

func (x *wantedText) parse() (w Wanted, err error) {
	if w.ID, err = orbitID(x.ID); err != nil {
		return w, err
	}
	if w.Seed, err = identity.ParseAddress(x.Seed); err != nil || w.Seed.Reserved() {
		return w, fmt.Errorf("%w: seed %.20q is not an address", ErrOrbits, x.Seed)
	}
	if x.Key == "" {
		return w, nil
	}
	w.Key = new(identity.PublicKey)
	return w, orbitKey(w.Key, x.Key)
}

func (x *signedText) parse() (s Signed, err error) {
	switch x.World {
	case Planet.String():
		s.Kind = Planet
	case Moon.String():
		s.Kind = Moon
	default:
		return s, fmt.Errorf("%w: %.20q is neither planet nor moon", ErrOrbits, x.World)
	}
	if s.ID, err = orbitID(x.ID); err != nil {
		return s, err
	}
	if len(x.Keys) == 0 || len(x.Keys) > maxSigners {
		return s, fmt.Errorf("%w: %d keys for one world", ErrOrbits, len(x.Keys))
	}
	for _, text := range x.Keys {
		var k identity.PublicKey
		if err := orbitKey(&k, text); err != nil {
			return s, err
		}
		s.Keys = append(s.Keys, k)
	}
	return s, nil
}

func orbitID(s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil || id == 0 || len(s) != 16 {
		return 0, fmt.Errorf("%w: %.20q is not the ID of a world", ErrOrbits, s)
	}
	return id, nil
}

func orbitKey(k *identity.PublicKey, s string) error {
	p, err := ParseKey(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOrbits, err)
	}
	*k = p
	return nil
}

// ErrKey is returned for text that is not the public key of a world.
var ErrKey = errors.New("not a public key of 128 hex digits")

// ParseKey reads the public key of a world as tools print it, 128 hex digits.
// The error is ErrKey.
func ParseKey(s string) (k identity.PublicKey, err error) {
	if len(s) != 2*len(k) {
		return k, ErrKey
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return identity.PublicKey{}, ErrKey
	}
	return k, nil
}
