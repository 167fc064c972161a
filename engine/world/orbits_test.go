package world

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"orrery/engine/identity"
)

func keyOf(n byte) *SigningKey {
	return GenerateSigningKey(func(b []byte) {
		for i := range b {
			b[i] = n
		}
	})
}

// TestOrbits writes and reads what a node remembers of worlds.
func TestOrbits(t *testing.T) {
	t.Parallel()
	k0, k1, k2 := keyOf(1), keyOf(2), keyOf(3)
	moon := func(signer, next *SigningKey) *World {
		w, err := NewMoon(9, 1, nil, next.Public, signer)
		if err != nil {
			t.Fatal(err)
		}
		return &w
	}
	var o Orbits
	own, handed, again := moon(k0, k0), moon(k0, k1), moon(k1, k2)
	if !o.Vouched(own) || o.Vouched(handed) {
		t.Error("without notes only what is signed by its own key is good")
	}
	if o.Remember(own, &k0.Public) || !o.Remember(handed, &k0.Public) || o.Remember(handed, &k0.Public) {
		t.Error("noted what verifies by itself, or twice")
	}
	if !o.Vouched(handed) || o.Vouched(again) {
		t.Error("a note for one key is good for that key")
	}
	// While the next revision is being written both are good: either may be found.
	if o.Remember(again, &k1.Public); !o.Vouched(handed) || !o.Vouched(again) {
		t.Error("a crash between note and file would lose the world")
	}
	third := moon(k2, k0)
	if o.Remember(third, &k2.Public); o.Vouched(handed) || !o.Vouched(third) || len(o.Signed[0].Keys) != 2 {
		t.Errorf("%+v", o.Signed)
	}
	if planet := *third; true {
		planet.Kind = Planet
		k2.Sign(&planet)
		if o.Vouched(&planet) {
			t.Error("a moon's note is good for a planet")
		}
	}
	changed := *third
	changed.Timestamp++
	if o.Vouched(&changed) {
		t.Error("a changed world is vouched for")
	}
	o.Wanted = []Wanted{{ID: 7, Seed: 0x1122334455}, {ID: 8, Seed: 1, Key: &k1.Public}}
	text, err := o.Text()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseOrbits(text)
	if err != nil || len(back.Wanted) != 2 || *back.Wanted[1].Key != k1.Public || back.Wanted[0].Key != nil || !back.Vouched(third) {
		t.Fatalf("%+v, %v", back, err)
	}
	if !o.Forget(7) || o.Forget(7) || !o.Forget(9) || o.Vouched(third) || len(o.Wanted) != 1 {
		t.Errorf("%+v", o)
	}
	if len(back.Wanted) != 2 {
		t.Error("forgetting changed a copy")
	}
}

// TestOrbitsAreBounded has worlds come and go for ever.
func TestOrbitsAreBounded(t *testing.T) {
	t.Parallel()
	var o Orbits
	k0, k1 := keyOf(1), keyOf(2)
	for i := range 200 {
		w, err := NewMoon(uint64(i)+1, 1, nil, k1.Public, k0)
		if err != nil {
			t.Fatal(err)
		}
		o.Remember(&w, &k0.Public)
	}
	for i := range MaxMoons {
		o.Wanted = append(o.Wanted, Wanted{ID: uint64(i) + 1, Seed: 1, Key: &k0.Public})
	}
	text, err := o.Text()
	if err != nil || len(text) > MaxOrbitsLen {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if _, err := ParseOrbits(text); err != nil {
		t.Error(err)
	}
}

func TestOrbitsRefused(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("ab", 64)
	for name, text := range map[string]string{
		"empty":          ``,
		"garbage":        `hello`,
		"cut":            `{"version":1,"wanted":[`,
		"list":           `[]`,
		"no version":     `{}`,
		"other version":  `{"version":2}`,
		"short ID":       `{"version":1,"wanted":[{"id":"12","seed":"1122334455"}]}`,
		"ID 0":           `{"version":1,"wanted":[{"id":"0000000000000000","seed":"1122334455"}]}`,
		"no seed":        `{"version":1,"wanted":[{"id":"0000000000000001"}]}`,
		"seed 0":         `{"version":1,"wanted":[{"id":"0000000000000001","seed":"0000000000"}]}`,
		"reserved seed":  `{"version":1,"wanted":[{"id":"0000000000000001","seed":"ff00000001"}]}`,
		"short key":      `{"version":1,"wanted":[{"id":"0000000000000001","seed":"1122334455","key":"ab"}]}`,
		"bad key":        `{"version":1,"wanted":[{"id":"0000000000000001","seed":"1122334455","key":"` + key[2:] + `zz"}]}`,
		"no kind":        `{"version":1,"signed":[{"id":"0000000000000001","keys":["` + key + `"]}]}`,
		"null world":     `{"version":1,"signed":[{"world":"null","id":"0000000000000001","keys":["` + key + `"]}]}`,
		"no keys":        `{"version":1,"signed":[{"world":"moon","id":"0000000000000001"}]}`,
		"three keys":     `{"version":1,"signed":[{"world":"moon","id":"0000000000000001","keys":["` + key + `","` + key + `","` + key + `"]}]}`,
		"world's bad ID": `{"version":1,"signed":[{"world":"moon","id":"x","keys":["` + key + `"]}]}`,
		"too many":       `{"version":1,"wanted":[` + strings.Repeat(`{},`, MaxMoons) + `{}]}`,
		"too long":       `{"version":1}` + strings.Repeat(" ", MaxOrbitsLen),
	} {
		if o, err := ParseOrbits([]byte(text)); !errors.Is(err, ErrOrbits) || o.Wanted != nil || o.Signed != nil {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	if _, err := ParseKey(key[1:]); err != ErrKey {
		t.Error(err)
	}
}

func FuzzOrbits(f *testing.F) {
	o := Orbits{Wanted: []Wanted{{ID: 1, Seed: 2, Key: &keyOf(1).Public}}, Signed: []Signed{{Kind: Planet, ID: 3, Keys: []identity.PublicKey{{1}}}}}
	text, err := o.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOrbits(b)
		if err != nil {
			return
		}
		text, err := o.Text()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseOrbits(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		again, err := back.Text()
		if err != nil || !bytes.Equal(again, text) {
			t.Fatal("changed by writing and reading")
		}
	})
}
