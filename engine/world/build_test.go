package world

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

func TestGenmoon(t *testing.T) {
	t.Parallel()
	v := vectors().Genmoon
	d, err := ParseDefinition(v.JSON)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.World(clock.Wall(v.Timestamp))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.AppendBinary(nil); !bytes.Equal(got, v.Binary) || w.FileName() != v.File {
		t.Errorf("%s is %x, want %s, %x", w.FileName(), got, v.File, []byte(v.Binary))
	}
	// The order in the file does not matter.
	d.Roots[0], d.Roots[1] = d.Roots[1], d.Roots[0]
	if again, err := d.World(clock.Wall(v.Timestamp)); err != nil || again.Signature != w.Signature {
		t.Errorf("with roots in another order: %v", err)
	}
	// The text is the tool's: sorted keys, one space.
	d.Roots[0], d.Roots[1] = d.Roots[1], d.Roots[0]
	var want bytes.Buffer
	if err := json.Indent(&want, v.JSON, "", " "); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Text(); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%v, text is\n%s\nwant\n%s", err, got, want.Bytes())
	}
}

func TestInitmoon(t *testing.T) {
	t.Parallel()
	key := signingKey(t, "moon_key_0")
	root := parse(t, vectors().Worlds["moon_1_update"].Binary).Roots[0].Identity
	d := NewDefinition(root, key)
	text, err := d.Text()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{
 "id": "4e33a8e2c0",
 "objtype": "world",
 "roots": [
  {
   "identity": %q,
   "stableEndpoints": []
  }
 ],
 "signingKey": %q,
 "signingKey_SECRET": %q,
 "updatesMustBeSignedBy": %q,
 "worldType": "moon"
}`, root, hex.EncodeToString(key.Public[:]), hex.EncodeToString(vectors().Keys["moon_key_0"].Secret), hex.EncodeToString(key.Public[:]))
	if string(text) != want {
		t.Errorf("text is\n%s", text)
	}
	back, err := ParseDefinition(text)
	if err != nil {
		t.Fatal(err)
	}
	w, err := back.World(1700000000000)
	if err != nil || w.Kind != Moon || w.ID != uint64(root.Address) || !w.SelfSigned() || len(w.Roots) != 1 {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestDefinitionRefused(t *testing.T) {
	t.Parallel()
	v := vectors().Genmoon
	for name, c := range map[string]struct {
		change func(d *Definition)
		err    error
	}{
		"id that is no number":   {func(d *Definition) { d.ID = "xyz" }, ErrDefinition},
		"id 0":                   {func(d *Definition) { d.ID = "0" }, ErrFormat},
		"another type":           {func(d *Definition) { d.WorldType = "sun" }, ErrDefinition},
		"short update key":       {func(d *Definition) { d.UpdateKey = d.UpdateKey[1:] }, ErrDefinition},
		"update key not hex":     {func(d *Definition) { d.UpdateKey = "x" + d.UpdateKey[1:] }, ErrDefinition},
		"no signing key":         {func(d *Definition) { d.SigningKey = "" }, ErrDefinition},
		"no secret":              {func(d *Definition) { d.SigningKeySecret = "" }, ErrDefinition},
		"keys of different keys": {func(d *Definition) { d.SigningKey = hex.EncodeToString(vectors().Keys["evil"].Public) }, ErrSigningKey},
		"no identity":            {func(d *Definition) { d.Roots[0].Identity = "" }, ErrDefinition},
		"root named twice":       {func(d *Definition) { d.Roots[1] = d.Roots[0] }, ErrDuplicateRoot},
		"endpoint of no address": {func(d *Definition) { d.Roots[0].StableEndpoints = []string{"300.1.1.1/9"} }, ErrDefinition},
		"empty endpoint":         {func(d *Definition) { d.Roots[0].StableEndpoints = []string{""} }, ErrDefinition},
		"endpoint without port":  {func(d *Definition) { d.Roots[0].StableEndpoints = []string{"10.0.0.1"} }, ErrFormat},
		"33 endpoints":           {func(d *Definition) { d.Roots[0].StableEndpoints = make([]string, 33) }, ErrEndpoints},
		"5 roots":                {func(d *Definition) { d.Roots = append(d.Roots, d.Roots[0], d.Roots[0], d.Roots[0]) }, ErrRoots},
	} {
		d, err := ParseDefinition(v.JSON)
		if err != nil {
			t.Fatal(err)
		}
		c.change(d)
		w, err := d.World(1)
		if !errors.Is(err, c.err) || w.ID != 0 {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), d.SigningKeySecret) && d.SigningKeySecret != "" {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	for _, s := range []string{"", "[]", `{"roots":1}`} {
		if _, err := ParseDefinition([]byte(s)); !errors.Is(err, ErrDefinition) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestNewPlanet makes the revisions of the vectors, and what nobody could read.
func TestNewPlanet(t *testing.T) {
	t.Parallel()
	v := vectors().Worlds
	for _, name := range []string{"planet_1", "planet_2", "planet_3", "moon_1", "moon_1_update", "moon_2"} {
		want := parse(t, v[name].Binary)
		make := NewPlanet
		if want.Kind == Moon {
			make = NewMoon
		}
		got, err := make(want.ID, want.Timestamp, want.Roots, want.UpdateKey, signingKey(t, v[name].SignedWith))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The vectors' roots and endpoints are not all in order; then another
		// signature is right, over the same content.
		if got.Kind != want.Kind || len(got.Roots) != len(want.Roots) || !got.Verify(&signingKey(t, v[name].SignedWith).Public) {
			t.Errorf("%s is made as %x", name, got.AppendBinary(nil))
		}
		for i := 1; i < len(got.Roots); i++ {
			if got.Roots[i-1].Identity.Compare(got.Roots[i].Identity) >= 0 {
				t.Errorf("%s: roots are not sorted", name)
			}
		}
	}
	first := parse(t, v["planet_1"].Binary)
	if next, err := NewPlanet(first.ID, first.Timestamp+1, first.Roots, first.UpdateKey, signingKey(t, "planet_key_1")); err != nil || !first.ReplacedBy(&next) {
		t.Errorf("a revision of ours does not replace the reference's: %v", err)
	}
}

func TestNewPlanetRefuses(t *testing.T) {
	t.Parallel()
	key := signingKey(t, "planet_key_0")
	root := func(a identity.Address, e ...netip.AddrPort) Root {
		return Root{Identity: identity.Identity{Address: a}, Endpoints: e}
	}
	for name, c := range map[string]struct {
		id    uint64
		roots []Root
		err   error
	}{
		"no ID":              {0, nil, ErrFormat},
		"reserved address":   {1, []Root{root(0xff00000001)}, ErrFormat},
		"null address":       {1, []Root{root(0)}, ErrFormat},
		"5 roots":            {1, []Root{root(1), root(2), root(3), root(4), root(5)}, ErrRoots},
		"33 endpoints":       {1, []Root{root(1, endpoints(33)...)}, ErrEndpoints},
		"one address twice":  {1, []Root{root(1), root(1)}, ErrDuplicateRoot},
		"nil endpoint":       {1, []Root{root(1, netip.AddrPort{})}, ErrFormat},
		"endpoint 0.0.0.0":   {1, []Root{root(1, netip.MustParseAddrPort("0.0.0.0:9993"))}, ErrFormat},
		"multicast endpoint": {1, []Root{root(1, netip.MustParseAddrPort("[ff02::1]:9993"))}, ErrFormat},
		"port 0":             {1, []Root{root(1, netip.MustParseAddrPort("10.0.0.1:0"))}, ErrFormat},
		"all that is allowed": {1, []Root{
			root(4, endpoints(32)...), root(3, endpoints(32)...), root(2, endpoints(32)...), root(1, endpoints(32)...),
		}, nil},
	} {
		w, err := NewPlanet(c.id, 1, c.roots, key.Public, key)
		if !errors.Is(err, c.err) || err != nil && w.ID != 0 {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if err == nil {
			b := w.AppendBinary(nil)
			if back := parse(t, b); len(b) > MaxLen || !back.SelfSigned() || back.Roots[0].Endpoints[0].Addr() != netip.MustParseAddr("10.0.0.1") {
				t.Errorf("%s: %d bytes, or not sorted", name, len(b))
			}
			if c.roots[0].Endpoints[0].Addr() != netip.MustParseAddr("10.0.0.32") {
				t.Error("the caller's endpoints were sorted too")
			}
		}
	}
}

func TestSigningKey(t *testing.T) {
	t.Parallel()
	seed := byte(0)
	k := GenerateSigningKey(func(b []byte) {
		for i := range b {
			seed++
			b[i] = seed
		}
	})
	file := k.AppendBinary(nil)
	if len(file) != SigningKeyLen {
		t.Fatalf("%d bytes", len(file))
	}
	back, err := ParseSigningKey(file)
	if err != nil || back.Public != k.Public {
		t.Fatal(err)
	}
	var a, b World
	k.Sign(&a)
	back.Sign(&b)
	if a.Signature != b.Signature || !a.Verify(&k.Public) {
		t.Error("the keys differ after the file")
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut": file[:127], "too long": append(bytes.Clone(file), 0), "public half changed": append([]byte{^file[0]}, file[1:]...),
	} {
		if _, err := ParseSigningKey(bad); err != ErrSigningKey {
			t.Errorf("%s: %v", name, err)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "key", k, "value", *k)
	shown := fmt.Sprintf("%v %+v %#v %s %x %v", k, k, k, k, k, *k) + log.String()
	if secret := fmt.Sprintf("%x", file[64:80]); strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprint(file[64:70])) {
		t.Error("the private half is shown")
	}
	if !strings.Contains(shown, fmt.Sprintf("%x", k.Public[:])) {
		t.Errorf("the public half is not shown: %s", shown)
	}
	k.Destroy()
	if bytes.Equal(k.AppendBinary(nil), file) {
		t.Error("the key survived")
	}
}

func FuzzDefinition(f *testing.F) {
	v := vectors().Genmoon
	f.Add([]byte(v.JSON))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDefinition(b)
		if err != nil {
			return
		}
		w, err := d.World(1)
		if err != nil {
			return
		}
		if _, n, err := Parse(w.AppendBinary(nil)); err != nil || n > MaxLen {
			t.Fatalf("a world that cannot be read: %v", err)
		}
	})
}
