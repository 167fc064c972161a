package armor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"orrery/engine/identity"
)

// octets is a byte string in hex.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

type armorCase struct {
	Name         string
	PayloadLen   int `json:"payload_len"`
	Clear        octets
	Armored      octets
	AfterDearmor octets `json:"after_dearmor"`
}

type cryptoVectors struct {
	Keys struct {
		Sender, Receiver string
		Key48            octets
		K0               octets `json:"kbkdf_k0_48"`
		K1               octets `json:"kbkdf_k1_48"`
	}
	Salsa   []armorCase `json:"salsa2012_poly1305"`
	AES     []armorCase `json:"aes_gmac_siv"`
	None    []armorCase `json:"poly1305_none"`
	Counter []armorCase `json:"aes_gmac_siv_counter_mask"`
	Dearmor []struct {
		Name   string
		AES    bool `json:"aes_keys_available"`
		Packet octets
		Opens  bool `json:"authentic"`
		Clear  octets
	} `json:"dearmor_cases"`
	Hello []struct {
		Name       string
		Start      int `json:"crypt_start"`
		Plain      octets
		AfterCrypt octets `json:"after_crypt_field"`
		Armored    octets
	}
	CryptField []struct {
		Name       string
		Key32      octets
		Start, Len int
		In, Out    octets
	} `json:"crypt_field"`
	Compressed []struct {
		Name    string
		Clear   octets `json:"after_compress"`
		Armored octets
	} `json:"compressed_and_armored"`
}

func load(tb testing.TB, name string, into any) {
	tb.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		tb.Fatal(err)
	}
}

// vectors loads the cases together with the keys they were made with, and
// checks that both ends derive those keys.
func vectors(tb testing.TB) (*cryptoVectors, *Keys) {
	tb.Helper()
	var v cryptoVectors
	load(tb, "crypto.json", &v)
	sender, err := identity.ParseSecret(v.Keys.Sender)
	if err != nil {
		tb.Fatal(err)
	}
	receiver, err := identity.ParseSecret(v.Keys.Receiver)
	if err != nil {
		tb.Fatal(err)
	}
	shared, err := sender.Agree(receiver.Public)
	if err != nil {
		tb.Fatal(err)
	}
	back, err := receiver.Agree(sender.Public)
	if err != nil || back != shared || !bytes.Equal(shared[:], v.Keys.Key48) {
		tb.Fatalf("the two ends agree on %x and %x, want %x", shared, back, v.Keys.Key48)
	}
	return &v, NewKeys(&shared)
}

func TestSealAndOpenVectors(t *testing.T) {
	t.Parallel()
	v, keys := vectors(t)
	suites := []struct {
		suite Suite
		cases []armorCase
	}{
		{Salsa2012Poly1305, v.Salsa},
		{AESGMACSIV, v.AES},
		{Poly1305None, v.None},
		{AESGMACSIV, v.Counter},
	}
	for _, s := range suites {
		if len(s.cases) == 0 {
			t.Fatalf("no vectors for %v", s.suite)
		}
		for _, c := range s.cases {
			packet := slices.Clone(c.Clear)
			keys.Seal(packet, s.suite)
			if !bytes.Equal(packet, c.Armored) {
				t.Errorf("%v, %s: sealed to\n%x, want\n%x", s.suite, c.Name, packet, c.Armored)
			}
			packet = slices.Clone(c.Armored)
			if !keys.Open(packet) {
				t.Errorf("%v, %s: does not open", s.suite, c.Name)
			}
			if c.AfterDearmor != nil && !bytes.Equal(packet, c.AfterDearmor) {
				t.Errorf("%v, %s: opened to\n%x, want\n%x", s.suite, c.Name, packet, c.AfterDearmor)
			}
			if !bytes.Equal(packet[offSection:], c.Clear[offSection:]) {
				t.Errorf("%v, %s: section is not the original", s.suite, c.Name)
			}
		}
	}
}

func TestOpenVectors(t *testing.T) {
	t.Parallel()
	v, keys := vectors(t)
	for _, c := range v.Dearmor {
		packet := slices.Clone(c.Packet)
		want := c.Opens
		if !c.AES {
			// Here keys of all suites exist for every peer, so the packet that the
			// reference cannot open for lack of them is an untouched one.
			want = true
		}
		if got := keys.Open(packet); got != want {
			t.Errorf("%s: opens is %v, want %v", c.Name, got, want)
		}
		if !bytes.Equal(packet[:offSection], c.Packet[:offSection]) {
			t.Errorf("%s: the header was changed", c.Name)
		}
		if c.Opens && !bytes.Equal(packet, c.Clear) {
			t.Errorf("%s: opened to\n%x, want\n%x", c.Name, packet, c.Clear)
		}
	}
}

func TestHelloVectors(t *testing.T) {
	t.Parallel()
	v, keys := vectors(t)
	for _, c := range v.Hello {
		packet := slices.Clone(c.Plain)
		keys.CryptHelloTail(packet[:8], packet[c.Start:])
		if !bytes.Equal(packet, c.AfterCrypt) {
			t.Errorf("%s: section encrypted to\n%x, want\n%x", c.Name, packet, c.AfterCrypt)
		}
		keys.Seal(packet, Poly1305None)
		if !bytes.Equal(packet, c.Armored) {
			t.Errorf("%s: armoured to\n%x, want\n%x", c.Name, packet, c.Armored)
		}
		if !keys.Open(packet) {
			t.Errorf("%s: does not open", c.Name)
		}
		keys.CryptHelloTail(packet[:8], packet[c.Start:])
		if !bytes.Equal(packet[offSection:], c.Plain[offSection:]) {
			t.Errorf("%s: section does not decrypt", c.Name)
		}
	}
}

func TestCryptFieldVectors(t *testing.T) {
	t.Parallel()
	v, _ := vectors(t)
	for _, c := range v.CryptField {
		keys := Keys{salsa: [32]byte(c.Key32)}
		packet := slices.Clone(c.In)
		keys.CryptHelloTail(packet[:8], packet[c.Start:c.Start+c.Len])
		if !bytes.Equal(packet, c.Out) {
			t.Errorf("%s: got %x, want %x", c.Name, packet, c.Out)
		}
	}
}

func TestCompressedVectors(t *testing.T) {
	t.Parallel()
	v, keys := vectors(t)
	for _, c := range v.Compressed {
		suite := Salsa2012Poly1305
		if strings.HasPrefix(c.Name, "aes") {
			suite = AESGMACSIV
		}
		packet := slices.Clone(c.Clear)
		keys.Seal(packet, suite)
		if !bytes.Equal(packet, c.Armored) {
			t.Errorf("%s: sealed to\n%x, want\n%x", c.Name, packet, c.Armored)
		}
	}
}

func TestDerivedKeyVectors(t *testing.T) {
	t.Parallel()
	v, _ := vectors(t)
	shared := (*[48]byte)(v.Keys.Key48)
	if k0, k1 := kbkdf(shared, '0', 0, 0), kbkdf(shared, '1', 0, 0); !bytes.Equal(k0[:], v.Keys.K0) || !bytes.Equal(k1[:], v.Keys.K1) {
		t.Error("the derived keys differ")
	}
	var p struct {
		KBKDF []struct {
			Name                string
			Key, Label, Context octets
			Iteration           uint32
			Output              octets
		} `json:"kbkdf_hmac_sha384"`
	}
	load(t, "primitives.json", &p)
	if len(p.KBKDF) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range p.KBKDF {
		if got := kbkdf((*[48]byte)(c.Key), c.Label[0], c.Context[0], c.Iteration); !bytes.Equal(got[:], c.Output) {
			t.Errorf("%s: got %x, want %x", c.Name, got, c.Output)
		}
	}
}
