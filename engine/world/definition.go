package world

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// ErrDefinition is returned for JSON that does not define a world.
var ErrDefinition = errors.New("not a definition of a world")

// Definition is the file from which a moon or planet is made, as initmoon writes
// it and genmoon reads it: JSON with sorted keys (spec 02 §14.7). It holds the
// signing key.
type Definition struct {
	// ID is the world's, in hex.
	ID string `json:"id"`
	// ObjectType is "world".
	ObjectType string           `json:"objtype"`
	Roots      []DefinitionRoot `json:"roots"`
	// SigningKey and SigningKeySecret are the halves of the key that signs, 128
	// hex digits each.
	SigningKey       string `json:"signingKey"`
	SigningKeySecret string `json:"signingKey_SECRET"`
	// UpdateKey is the public key that must sign the next revision.
	UpdateKey string `json:"updatesMustBeSignedBy"`
	// WorldType is "moon" or "planet".
	WorldType string `json:"worldType"`
}

// DefinitionRoot is a root in a [Definition].
type DefinitionRoot struct {
	// Identity is the root's public identity as text.
	Identity string `json:"identity"`
	// StableEndpoints are addresses as "ip/port".
	StableEndpoints []string `json:"stableEndpoints"`
}

// NewDefinition begins a moon with one root, for the operator to fill in its
// endpoints and further roots. key signs this revision and the next.
func NewDefinition(root identity.Identity, key *SigningKey) *Definition {
	public := hex.EncodeToString(key.Public[:])
	return &Definition{
		ID:               root.Address.String(),
		ObjectType:       "world",
		Roots:            []DefinitionRoot{{Identity: root.String(), StableEndpoints: []string{}}},
		SigningKey:       public,
		SigningKeySecret: hex.EncodeToString(key.private[:]),
		UpdateKey:        public,
		WorldType:        Moon.String(),
	}
}

// ParseDefinition reads a definition. Unknown members are ignored. Errors wrap
// ErrDefinition.
func ParseDefinition(b []byte) (*Definition, error) {
	d := new(Definition)
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDefinition, err)
	}
	return d, nil
}

// Text returns the JSON as tools print it, indented by one space, without a
// newline at the end.
func (d *Definition) Text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("write definition: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// World makes and signs the revision of time at, with the key that the
// definition holds. Errors wrap ErrDefinition, or are those of [NewPlanet].
func (d *Definition) World(at clock.Wall) (World, error) {
	key, err := d.Key()
	if err != nil {
		return World{}, err
	}
	defer key.Destroy()
	return d.Signed(at, key)
}

// Signed makes the revision of time at and signs it with key. A definition that
// names no key for the next revision names this one. Errors are those of
// [Definition.World].
func (d *Definition) Signed(at clock.Wall, key *SigningKey) (World, error) {
	id, err := strconv.ParseUint(d.ID, 16, 64)
	if err != nil {
		return World{}, fmt.Errorf("%w: id is not a hexadecimal number", ErrDefinition)
	}
	updateKey := key.Public
	if d.UpdateKey != "" || d.SigningKeySecret != "" {
		if err := decodeHex("updatesMustBeSignedBy", updateKey[:], d.UpdateKey); err != nil {
			return World{}, err
		}
	}
	roots, err := d.roots()
	if err != nil {
		return World{}, err
	}
	switch d.WorldType {
	case Moon.String():
		return NewMoon(id, at, roots, updateKey, key)
	case Planet.String():
		return NewPlanet(id, at, roots, updateKey, key)
	}
	return World{}, fmt.Errorf("%w: worldType is neither moon nor planet", ErrDefinition)
}

// Key returns the signing key that the definition holds. Errors wrap
// ErrDefinition.
func (d *Definition) Key() (*SigningKey, error) {
	var raw [SigningKeyLen]byte
	defer clear(raw[:])
	if err := decodeHex("signingKey", raw[:identity.PublicKeyLen], d.SigningKey); err != nil {
		return nil, err
	}
	if err := decodeHex("signingKey_SECRET", raw[identity.PublicKeyLen:], d.SigningKeySecret); err != nil {
		return nil, err
	}
	key, err := ParseSigningKey(raw[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDefinition, err)
	}
	return key, nil
}

func (d *Definition) roots() ([]Root, error) {
	if len(d.Roots) > MaxRoots {
		return nil, fmt.Errorf("%w, got %d", ErrRoots, len(d.Roots))
	}
	roots := make([]Root, 0, len(d.Roots))
	for _, r := range d.Roots {
		id, err := identity.Parse(r.Identity)
		if err != nil {
			return nil, fmt.Errorf("%w: root %d: %w", ErrDefinition, len(roots)+1, err)
		}
		if len(r.StableEndpoints) > MaxEndpoints {
			return nil, fmt.Errorf("root %s: %w, got %d", id.Address, ErrEndpoints, len(r.StableEndpoints))
		}
		endpoints := make([]netip.AddrPort, 0, len(r.StableEndpoints))
		for _, text := range r.StableEndpoints {
			e, err := wire.ParseInetText(text)
			if err != nil || !e.Addr().IsValid() {
				return nil, fmt.Errorf("%w: root %s: endpoint %.70q is not ip/port", ErrDefinition, id.Address, text)
			}
			endpoints = append(endpoints, e)
		}
		roots = append(roots, Root{Identity: id, Endpoints: endpoints})
	}
	return roots, nil
}

// decodeHex never quotes the value, which may be a secret.
func decodeHex(key string, dst []byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%w: %s has %d characters, not %d", ErrDefinition, key, len(s), 2*len(dst))
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil {
		return fmt.Errorf("%w: %s is not hexadecimal", ErrDefinition, key)
	}
	return nil
}

// FileName is the name that a world's file has: 16 hex digits and ".moon", for
// planets too where tools make them (spec 02 §14.6, §14.7).
func (w *World) FileName() string { return fmt.Sprintf("%016x.moon", w.ID) }
