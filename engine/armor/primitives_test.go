package armor

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"testing"

	"golang.org/x/crypto/poly1305"
)

// The library's primitives are those of the protocol.
func TestPrimitiveVectors(t *testing.T) {
	t.Parallel()
	var p struct {
		Poly1305 []struct {
			Name              string
			Key, Message, Tag octets
		}
		GMAC []struct {
			Name                 string
			Key, IV12, Data, Tag octets
		} `json:"aes256_gmac"`
	}
	load(t, "primitives.json", &p)
	if len(p.Poly1305) == 0 || len(p.GMAC) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range p.Poly1305 {
		var tag [16]byte
		poly1305.Sum(&tag, c.Message, (*[32]byte)(c.Key))
		if !bytes.Equal(tag[:], c.Tag) {
			t.Errorf("%s: tag %x, want %x", c.Name, tag, c.Tag)
		}
	}
	for _, c := range p.GMAC {
		gcm, err := cipher.NewGCM(newAES((*[32]byte)(c.Key)))
		if err != nil {
			t.Fatal(err)
		}
		if tag := gcm.Seal(nil, c.IV12, nil, c.Data); !bytes.Equal(tag, c.Tag) {
			t.Errorf("%s: tag %x, want %x", c.Name, tag, c.Tag)
		}
	}
}

// The raw construction goes through the steps of a packet one by one. Its
// additional data is arbitrary; a packet's has no hops in the last byte, which
// is why these are not sealed as packets.
func TestRawSIVVectors(t *testing.T) {
	t.Parallel()
	var p struct {
		SIV []struct {
			Name              string
			K0, K1, IV8, AAD  octets
			Plaintext         octets
			Tag16, Ciphertext octets
			GMACTag           octets `json:"gmac_tag16"`
			SIVPlain          octets `json:"siv_plain_block"`
			CTRInitial        octets `json:"ctr_initial_block"`
		} `json:"aes256_gmac_siv_raw"`
	}
	load(t, "primitives.json", &p)
	if len(p.SIV) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range p.SIV {
		keys := &Keys{k0: [32]byte(c.K0), k1: [32]byte(c.K1)}
		keys.Expand(true)
		data := slices.Clone(c.AAD)
		for len(data)%16 != 0 {
			data = append(data, 0)
		}
		tag := keys.wide.mac.Seal(nil, append(slices.Clone(c.IV8), 0, 0, 0, 0), nil, append(data, c.Plaintext...))
		if !bytes.Equal(tag, c.GMACTag) {
			t.Errorf("%s: GMAC tag %x, want %x", c.Name, tag, c.GMACTag)
		}
		var w workspace
		copy(w.block[:], c.Tag16)
		text := slices.Clone(c.Plaintext)
		keys.wide.counter(&w, text)
		if !bytes.Equal(w.block[:], c.CTRInitial) || !bytes.Equal(text, c.Ciphertext) {
			t.Errorf("%s: ciphertext differs", c.Name)
		}
		block := make([]byte, 16)
		keys.wide.siv.Encrypt(block, c.SIVPlain)
		if !bytes.Equal(block, c.Tag16) {
			t.Errorf("%s: SIV block %x, want %x", c.Name, block, c.Tag16)
		}
	}
}
