package identity

import (
	"bytes"
	"crypto/sha512"
	"testing"

	"orrery/engine/internal/salsa"
)

func TestDerivationVectors(t *testing.T) {
	t.Parallel()
	for _, c := range vectors(t).Derivation {
		digest := sha512.Sum512(c.PublicKey)
		if !bytes.Equal(digest[:], c.Step1) {
			t.Errorf("%s: first digest %x", c.Name, digest)
		}
		stream := salsa.New((*[32]byte)(digest[:32]), (*[8]byte)(digest[32:40]))
		buf := new([hashBufferLen]byte)
		buf[5] = 1 // what a former use left behind
		fill(buf, &stream)
		sum := sha512.Sum512(buf[:])
		if !bytes.Equal(sum[:], c.BufferSHA512) || !bytes.HasPrefix(buf[:], c.BufferFirst128) || !bytes.HasSuffix(buf[:], c.BufferLast64) {
			t.Errorf("%s: the filled buffer differs", c.Name)
		}
		mix(&digest, buf, &stream)
		if sum := sha512.Sum512(buf[:]); !bytes.Equal(sum[:], c.MixedSHA512) {
			t.Errorf("%s: the mixed buffer differs", c.Name)
		}
		if !bytes.Equal(digest[:], c.FinalDigest) || digestAddress(&digest) != c.Address {
			t.Errorf("%s: digest %x", c.Name, digest)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	id, err := Parse(vectors(b).Identities[0].StringPublic)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !id.Validate() {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkAgree(b *testing.B) {
	v := vectors(b).Identities
	s, err := ParseSecret(v[0].StringSecret)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Agree(PublicKey(v[1].PublicKey)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s, err := ParseSecret(vectors(b).Identities[0].StringSecret)
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		s.Sign(msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	s, err := ParseSecret(vectors(b).Identities[0].StringSecret)
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 500)
	sig := s.Sign(msg)
	b.ReportAllocs()
	for b.Loop() {
		if !s.Verify(msg, sig[:]) {
			b.Fatal("not valid")
		}
	}
}
