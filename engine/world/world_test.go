package world

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/wire"
)

// bin is bytes that vectors write in hex.
type bin []byte

func (b *bin) UnmarshalJSON(j []byte) error {
	var s string
	if err := json.Unmarshal(j, &s); err != nil {
		return err
	}
	var err error
	*b, err = hex.DecodeString(s)
	return err
}

type worldVector struct {
	Type      Kind
	ID        string
	Timestamp int64
	UpdateKey bin `json:"updates_must_be_signed_by"`
	Signature bin
	Roots     []struct {
		Identity  string
		Endpoints []string
	}
	Binary     bin
	ForSign    bin    `json:"for_sign"`
	SignedWith string `json:"signed_with"`
	SelfSigned *bool  `json:"signature_verifies_under_its_own_key"`
}

var vectors = sync.OnceValue(func() (v struct {
	Keys     map[string]struct{ Public, Secret bin } `json:"signing_keys"`
	Worlds   map[string]*worldVector
	Replaced []struct {
		Current, Update string
		Binary          bin `json:"update_binary"`
		Replace         bool
		ParseError      int `json:"parse_error"`
	} `json:"should_be_replaced_by"`
	Parse []struct {
		Name     string
		Binary   bin
		OK       bool
		Consumed int
		Roots    int
		Type     Kind
		Reason   int `json:"reason_code"`
	}
	Genmoon struct {
		JSON      json.RawMessage `json:"moon_json"`
		Timestamp int64           `json:"timestamp_used"`
		File      string          `json:"output_file"`
		Binary    bin             `json:"output_binary"`
	}
	Limits struct {
		Roots     int    `json:"max_roots"`
		Endpoints int    `json:"max_endpoints_per_root"`
		Length    int    `json:"max_serialized_length"`
		Earth     string `json:"earth_id"`
		Mars      string `json:"mars_id"`
	}
}) {
	b, err := os.ReadFile(filepath.Join("testdata", "world.json"))
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		panic(err)
	}
	return v
})

// signingKey is one of the vectors' keys.
func signingKey(t testing.TB, name string) *SigningKey {
	t.Helper()
	v, ok := vectors().Keys[name]
	if !ok {
		t.Fatalf("no key %q", name)
	}
	k, err := ParseSigningKey(append(bytes.Clone(v.Public), v.Secret...))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parse(t testing.TB, b []byte) *World {
	t.Helper()
	w, n, err := Parse(b)
	if err != nil || n != len(b) {
		t.Fatalf("%d of %d bytes, %v", n, len(b), err)
	}
	return &w
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := vectors().Limits
	if l.Roots != MaxRoots || l.Endpoints != MaxEndpoints || l.Length != MaxLen ||
		l.Earth != fmt.Sprintf("%016x", Earth) || l.Mars != fmt.Sprintf("%016x", Mars) {
		t.Errorf("limits are %+v", l)
	}
}

func TestWorlds(t *testing.T) {
	t.Parallel()
	for name, v := range vectors().Worlds {
		w := parse(t, v.Binary)
		if w.Kind != v.Type || fmt.Sprintf("%016x", w.ID) != v.ID || int64(w.Timestamp) != v.Timestamp ||
			!bytes.Equal(w.UpdateKey[:], v.UpdateKey) || !bytes.Equal(w.Signature[:], v.Signature) || len(w.Roots) != len(v.Roots) {
			t.Errorf("%s parses as %+v", name, w)
		}
		for i, r := range v.Roots {
			if i >= len(w.Roots) || w.Roots[i].Identity.String() != r.Identity || len(w.Roots[i].Endpoints) != len(r.Endpoints) {
				t.Errorf("%s: root %d differs", name, i)
				continue
			}
			for j, e := range r.Endpoints {
				if got := wire.FormatInet(w.Roots[i].Endpoints[j]); got != e {
					t.Errorf("%s: root %d, endpoint %d: %s, want %s", name, i, j, got, e)
				}
			}
			if !w.HasRoot(w.Roots[i].Identity.Address) {
				t.Errorf("%s: root %d is not found", name, i)
			}
		}
		if got := w.AppendBinary([]byte("x")); !bytes.Equal(got[1:], v.Binary) {
			t.Errorf("%s is written as %x", name, got[1:])
		}
		if got := w.SignedBytes(); !bytes.Equal(got, v.ForSign) {
			t.Errorf("%s: signed is %x, want %x", name, got, []byte(v.ForSign))
		}
		if w.HasRoot(1) || w.Empty() {
			t.Errorf("%s: root 1 %v, empty %v", name, w.HasRoot(1), w.Empty())
		}
		if v.SelfSigned != nil && w.SelfSigned() != *v.SelfSigned {
			t.Errorf("%s: signed by its own key %v", name, w.SelfSigned())
		}
		if _, ok := vectors().Keys[v.SignedWith]; !ok {
			continue // the reference's own planet
		}
		key := signingKey(t, v.SignedWith)
		if !w.Verify(&key.Public) || w.SelfSigned() != (w.UpdateKey == key.Public) {
			t.Errorf("%s does not verify", name)
		}
		again := *w
		again.Signature = identity.Signature{}
		if key.Sign(&again); again.Signature != w.Signature {
			t.Errorf("%s: signature %x", name, again.Signature)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	reasons := map[int]error{100: ErrTruncated, 200: ErrFormat, 203: ErrFormat}
	for _, c := range vectors().Parse {
		w, n, err := Parse(c.Binary)
		if strings.HasSuffix(c.Name, "(over-long)") {
			// The reference does not check that a moon's attachment is there; it must
			// be.
			if err != ErrTruncated || n != 0 {
				t.Errorf("%s: %d, %v", c.Name, n, err)
			}
			continue
		}
		if c.OK {
			if err != nil || n != c.Consumed || len(w.Roots) != c.Roots || w.Kind != c.Type {
				t.Errorf("%s: %d bytes, %d roots, %v", c.Name, n, len(w.Roots), err)
			}
			continue
		}
		want := reasons[c.Reason]
		switch c.Name {
		case "5 roots":
			want = ErrRoots
		case "33 endpoints":
			want = ErrEndpoints
		}
		if want == nil || err != want || n != 0 || w.Kind != Null || w.Roots != nil {
			t.Errorf("%s: %v, want %v; %d bytes", c.Name, err, want, n)
		}
	}
}

// TestParseTolerates checks what is skipped and what of it is written again.
func TestParseTolerates(t *testing.T) {
	t.Parallel()
	moon := vectors().Worlds["moon_1"].Binary
	w, n, err := Parse(append(append(bytes.Clone(moon[:len(moon)-2]), 0, 3, 1, 2, 3), 9, 9))
	if err != nil || n != len(moon)+3 || !bytes.Equal(w.AppendBinary(nil), moon) {
		t.Errorf("moon with an attachment: %d, %v", n, err)
	}
	for _, c := range vectors().Parse {
		if c.Name != "root identity carries a private key" && c.Name != "endpoint types 0,1,2,3 then 4" {
			continue
		}
		w, _, err := Parse(c.Binary)
		if err != nil {
			t.Fatal(err)
		}
		back := w.AppendBinary(nil)
		if len(back) >= len(c.Binary) {
			t.Errorf("%s: written with %d bytes of %d", c.Name, len(back), len(c.Binary))
		}
		if again := parse(t, back); len(again.Roots) != len(w.Roots) || again.Roots[0].Identity != w.Roots[0].Identity {
			t.Errorf("%s: changed by writing", c.Name)
		}
	}
}

func TestReplacedBy(t *testing.T) {
	t.Parallel()
	v := vectors()
	for _, c := range v.Replaced {
		current, update := new(World), []byte(c.Binary)
		if c.Current != "(none)" {
			current = parse(t, v.Worlds[c.Current].Binary)
		}
		if update == nil {
			update = v.Worlds[c.Update].Binary
		}
		u, _, err := Parse(update)
		if (err != nil) != (c.ParseError != 0) {
			t.Errorf("%s: %v", c.Update, err)
		}
		if err != nil {
			continue
		}
		if got := current.ReplacedBy(&u); got != c.Replace {
			t.Errorf("%s replaced by %s: %v (%v)", c.Current, c.Update, got, current.CheckUpdate(&u))
		}
	}
}

func TestCheckUpdateReasons(t *testing.T) {
	t.Parallel()
	v := vectors().Worlds
	for update, want := range map[string]error{
		"planet_2": nil, "planet_3": ErrSignature, "planet_wrong_key": ErrSignature, "planet_older": ErrOlder,
		"planet_same_timestamp": ErrOlder, "planet_other_id": ErrOther, "moon_with_planet_id": ErrOther,
	} {
		if err := parse(t, v["planet_1"].Binary).CheckUpdate(parse(t, v[update].Binary)); err != want {
			t.Errorf("%s: %v, want %v", update, err, want)
		}
	}
	// A timestamp is a number without sign: the highest is not negative.
	key := signingKey(t, "planet_key_1")
	late := *parse(t, v["planet_2"].Binary)
	late.Timestamp = -1
	key.Sign(&late)
	if err := parse(t, v["planet_1"].Binary).CheckUpdate(&late); err != nil {
		t.Errorf("latest timestamp: %v", err)
	}
}

// TestUpdatesInPackets takes the worlds that travel in an OK to a HELLO.
func TestUpdatesInPackets(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("testdata", "packets_worlds.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Planet       bin
		PlanetUpdate bin `json:"planet_update"`
		Moon         bin
		MoonUpdate   bin `json:"moon_update"`
		Updates      bin `json:"ok_hello_updates"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	held := []*World{parse(t, v.Planet), parse(t, v.Moon)}
	updates := []*World{parse(t, v.PlanetUpdate), parse(t, v.MoonUpdate)}
	for i, rest := 0, []byte(v.Updates); len(rest) > 0; i++ {
		w, n, err := Parse(rest)
		if err != nil || i == len(held) {
			t.Fatalf("update %d: %v", i, err)
		}
		if !held[i].ReplacedBy(&w) || updates[i].ReplacedBy(&w) || w.Signature != updates[i].Signature {
			t.Errorf("%s %016x does not update", w.Kind, w.ID)
		}
		rest = rest[n:]
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range vectors().Parse {
		f.Add([]byte(c.Binary))
	}
	for _, c := range vectors().Worlds {
		f.Add([]byte(c.Binary))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, n, err := Parse(b)
		if err != nil {
			if n != 0 || w.Roots != nil {
				t.Fatalf("%d bytes in spite of %v", n, err)
			}
			return
		}
		if n > len(b) || len(w.Roots) > MaxRoots {
			t.Fatalf("%d of %d bytes, %d roots", n, len(b), len(w.Roots))
		}
		back := w.AppendBinary(nil)
		if len(back) > MaxLen {
			t.Fatalf("%d bytes", len(back))
		}
		again, m, err := Parse(back)
		if err != nil || m != len(back) || !bytes.Equal(again.AppendBinary(nil), back) || again.Kind != w.Kind {
			t.Fatalf("written as %x, %v", back, err)
		}
		_ = w.SelfSigned()
		_ = again.ReplacedBy(&w)
	})
}

func BenchmarkParse(b *testing.B) {
	planet := vectors().Worlds["builtin_planet"].Binary
	b.SetBytes(int64(len(planet)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(planet); err != nil {
			b.Fatal(err)
		}
	}
}

// endpoints makes n endpoints.
func endpoints(n int) (out []netip.AddrPort) {
	for i := range n {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n - i)}), 9993))
	}
	return out
}
