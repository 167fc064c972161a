package identity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// octets is a byte string in hex.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

type identityVectors struct {
	Identities []struct {
		Name                 string
		Seed                 octets `json:"generation_seed"`
		FirstPublic          octets `json:"first_candidate_public"`
		FirstDigest          octets `json:"first_candidate_digest"`
		Address              Address
		PublicKey            octets `json:"public_key"`
		PrivateKey           octets `json:"private_key"`
		Digest               octets `json:"memory_hard_digest"`
		StringPublic         string `json:"string_public"`
		StringSecret         string `json:"string_secret"`
		BinaryPublic         octets `json:"binary_public"`
		BinarySecret         octets `json:"binary_secret"`
		PublicKeyHash        octets `json:"public_key_hash_sha384"`
		GenerationIterations int    `json:"generation_iterations"`
	}
	Derivation []derivationCase `json:"address_derivation"`
	Validate   []struct {
		Name, Identity string
		Digest         octets
		Valid          bool
	}
	StringParse []struct {
		Name, Input, Canonical string
		OK                     bool
		HasPrivate             bool `json:"has_private"`
	} `json:"string_parse"`
	BinaryParse []struct {
		Name, Canonical string
		Input           octets
		OK              bool
		Consumed        int
		HasPrivate      bool `json:"has_private"`
	} `json:"binary_parse"`
	Ordering  []string `json:"ordering_ascending"`
	Agreement []struct {
		Name       string
		PrivateKey octets `json:"private_key"`
		PeerPublic octets `json:"peer_public_key"`
		Key48      octets
		Key160     octets
		LowOrder   bool `json:"low_order_reference_accepts"`
	}
	Signatures []struct {
		Name          string
		SignerPrivate octets `json:"signer_private_key"`
		SignerPublic  octets `json:"signer_public_key"`
		Message       octets
		Signature     octets
		Valid         bool
	}
}

type derivationCase struct {
	Name           string
	PublicKey      octets `json:"public_key"`
	Step1          octets `json:"step1_sha512"`
	BufferFirst128 octets `json:"step2_buffer_first_128"`
	BufferLast64   octets `json:"step2_buffer_last_64"`
	BufferSHA512   octets `json:"step2_buffer_sha512"`
	MixedSHA512    octets `json:"step3_buffer_sha512"`
	FinalDigest    octets `json:"final_digest"`
	Address        Address
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

func vectors(tb testing.TB) *identityVectors {
	tb.Helper()
	var v identityVectors
	load(tb, "identity.json", &v)
	if len(v.Identities) == 0 || len(v.StringParse) == 0 || len(v.Agreement) == 0 || len(v.Signatures) == 0 {
		tb.Fatal("no vectors")
	}
	return &v
}

func TestIdentityVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).Identities {
		id, err := Parse(c.StringPublic)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if id.Address != c.Address || !bytes.Equal(id.Public[:], c.PublicKey) {
			t.Errorf("%s: parsed %v", c.Name, id)
		}
		if id.String() != c.StringPublic {
			t.Errorf("%s: prints %q", c.Name, id)
		}
		if b := id.AppendBinary(nil); !bytes.Equal(b, c.BinaryPublic) {
			t.Errorf("%s: binary form %x", c.Name, b)
		}
		if h := id.KeyHash(); !bytes.Equal(h[:], c.PublicKeyHash) {
			t.Errorf("%s: key hash %x", c.Name, h)
		}
		if d := derive(&id.Public); !bytes.Equal(d[:], c.Digest) {
			t.Errorf("%s: digest %x", c.Name, d)
		}
		secret, err := ParseSecret(c.StringSecret)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if secret.Identity != id || secret.Text() != c.StringSecret {
			t.Errorf("%s: the secret form does not round-trip", c.Name)
		}
		if p := secret.Private(); !bytes.Equal(p[:], c.PrivateKey) || p.Public() != id.Public {
			t.Errorf("%s: wrong private key", c.Name)
		}
		if back, n, err := ParseBinary(c.BinarySecret); back != id || n != SecretBinaryLen || err != nil {
			t.Errorf("%s: the binary secret form parses to %v, %d, %v", c.Name, back, n, err)
		}
	}
}

// Only the shortest searches run in full; for the longer ones the first
// candidate is checked, so that the test takes a second and not ten.
func TestGenerateVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).Identities {
		if c.GenerationIterations > 8 {
			first := PublicKey(c.FirstPublic)
			if d := derive(&first); !bytes.Equal(d[:], c.FirstDigest) || hashcash(&d) {
				t.Errorf("%s: first candidate has digest %x", c.Name, d)
			}
			var private PrivateKey
			copy(private[:], c.Seed)
			next(&private)
			if private.Public() != first {
				t.Errorf("%s: first candidate differs", c.Name)
			}
			for range c.GenerationIterations - 1 {
				next(&private)
			}
			if !bytes.Equal(private[:], c.PrivateKey) {
				t.Errorf("%s: candidate %d differs", c.Name, c.GenerationIterations)
			}
			continue
		}
		s := Generate(func(b []byte) { copy(b, c.Seed) })
		if s.Text() != c.StringSecret {
			t.Errorf("%s: generated %v", c.Name, s)
		}
	}
}

func TestValidateVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).Validate {
		// The text form refuses reserved addresses, so read the parts.
		address, err := ParseAddress(c.Identity[:10])
		if err != nil {
			t.Fatal(err)
		}
		var public octets
		if err := public.UnmarshalText([]byte(c.Identity[13:141])); err != nil {
			t.Fatal(err)
		}
		id := Identity{Address: address, Public: PublicKey(public)}
		if got := id.Validate(); got != c.Valid {
			t.Errorf("%s: valid is %v, want %v", c.Name, got, c.Valid)
		}
		if d := derive(&id.Public); c.Digest != nil && !bytes.Equal(d[:], c.Digest) {
			t.Errorf("%s: digest %x, want %x", c.Name, d, c.Digest)
		}
	}
}

// Results of the reference's lenient reader that are refused on purpose: what
// no program writes is more likely a mistake than an identity (spec 01 §3.5).
var refusedTexts = map[string]string{
	"leading space before address":            "blank before the address",
	"0x prefix on address":                    "address is not 10 digits",
	"48-bit address is masked to 40 bits":     "address is not 10 digits",
	"short address":                           "address is not 10 digits",
	"doubled delimiter elsewhere is merged":   "empty field",
	"leading delimiter is skipped":            "empty field",
	"trailing delimiter":                      "empty field",
	"public key two bytes long: tail ignored": "key of the wrong length",
	"non-hex digit reads as zero nibble":      "a typing error would change the key",
	"private key one byte long: tail ignored": "key of the wrong length",
	"382 characters":                          "key of the wrong length",
	"383 characters":                          "key of the wrong length",
}

func TestStringParseVectors(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, c := range vectors(t).StringParse {
		want := c.OK
		if _, ok := refusedTexts[c.Name]; ok {
			want, refused = false, refused+1
		}
		id, err := Parse(c.Input)
		if (err == nil) != want {
			t.Errorf("%s: parse gives %v", c.Name, err)
			continue
		}
		secret, secretErr := ParseSecret(c.Input)
		if (secretErr == nil) != (want && c.HasPrivate) {
			t.Errorf("%s: parse of the secret gives %v", c.Name, secretErr)
		}
		if want && !c.HasPrivate && secretErr != ErrNoSecret {
			t.Errorf("%s: parse of the secret gives %v", c.Name, secretErr)
		}
		if !want {
			continue
		}
		if id.String() != c.Canonical[:141] {
			t.Errorf("%s: parsed %v", c.Name, id)
		}
		if c.HasPrivate && secret.Text() != c.Canonical {
			t.Errorf("%s: the secret does not round-trip", c.Name)
		}
	}
	if refused != len(refusedTexts) {
		t.Errorf("%d of the %d refused cases are in the vectors", refused, len(refusedTexts))
	}
}

func TestBinaryParseVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).BinaryParse {
		id, n, err := ParseBinary(c.Input)
		if (err == nil) != c.OK || n != c.Consumed {
			t.Errorf("%s: %d bytes, %v", c.Name, n, err)
		}
		if c.OK && id.String() != c.Canonical[:141] {
			t.Errorf("%s: parsed %v", c.Name, id)
		}
		if !c.OK && id != (Identity{}) {
			t.Errorf("%s: an identity comes with the error", c.Name)
		}
	}
}

func TestOrderingVectors(t *testing.T) {
	t.Parallel()
	var ids []Identity
	for _, s := range vectors(t).Ordering {
		id, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for i, a := range ids {
		for j, b := range ids {
			if got := a.Compare(b); got != sign3(i-j) {
				t.Errorf("%d compared with %d is %d", i, j, got)
			}
		}
	}
}

func sign3(n int) int { return min(max(n, -1), 1) }

func TestAgreementVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).Agreement {
		want := c.Key48
		if c.Key160 != nil {
			// The protocol takes 48 bytes; longer outputs do not exist here.
			want = c.Key160[:SharedKeyLen]
		}
		private := PrivateKey(c.PrivateKey)
		s := newSecret(Identity{}, &private)
		key, err := s.Agree(PublicKey(c.PeerPublic))
		if c.LowOrder {
			// The reference accepts these; no honest identity has such a key.
			if err != ErrLowOrder || key != [SharedKeyLen]byte{} {
				t.Errorf("%s: %x, %v", c.Name, key, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(key[:], want) {
			t.Errorf("%s: %x, %v, want %x", c.Name, key, err, want)
		}
	}
}

func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	malleated := 0
	for _, c := range vectors(t).Signatures {
		want := c.Valid
		if c.Name == "malleated: S+L (reference accepts; strict Ed25519 rejects)" {
			want, malleated = false, malleated+1
		}
		id := Identity{Public: PublicKey(c.SignerPublic)}
		if got := id.Verify(c.Message, c.Signature); got != want {
			t.Errorf("%s: valid is %v, want %v", c.Name, got, want)
		}
		if c.SignerPrivate == nil {
			continue
		}
		private := PrivateKey(c.SignerPrivate)
		if private.Public() != id.Public {
			t.Errorf("%s: the public key differs", c.Name)
		}
		if sig := private.Sign(c.Message); !bytes.Equal(sig[:], c.Signature) {
			t.Errorf("%s: signature %x, want %x", c.Name, sig, c.Signature)
		}
		if sig := newSecret(id, &private).Sign(c.Message); !bytes.Equal(sig[:], c.Signature) {
			t.Errorf("%s: signature of the secret %x, want %x", c.Name, sig, c.Signature)
		}
	}
	if malleated != 1 {
		t.Errorf("%d malleated signatures in the vectors, want 1", malleated)
	}
}
