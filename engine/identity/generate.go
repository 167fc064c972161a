package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
)

// Generate makes a new identity from 64 bytes of random, which fills the slice
// it is given with bytes from a cryptographic source. It searches some fifteen
// candidates at the cost of one [Identity.Validate] each; the result depends on
// nothing but random (spec 01 §3.4).
func Generate(random func([]byte)) *Secret {
	for {
		var private PrivateKey
		random(private[:])
		id := search(&private)
		if !id.Address.Reserved() {
			s := newSecret(id, &private)
			clear(private[:])
			return s
		}
	}
}

// search walks from the drawn private key to the next one whose public key
// satisfies the hashcash. It leaves that key in private.
func search(private *PrivateKey) Identity {
	var id Identity
	copy(id.Public[32:], ed25519.NewKeyFromSeed(private[32:])[32:])
	up, down := private[8:16], private[16:24]
	for {
		binary.LittleEndian.PutUint64(up, binary.LittleEndian.Uint64(up)+1)
		binary.LittleEndian.PutUint64(down, binary.LittleEndian.Uint64(down)-1)
		copy(id.Public[:32], exchangePublic(private.exchange()))
		if digest := derive(&id.Public); hashcash(&digest) {
			id.Address = digestAddress(&digest)
			return id
		}
	}
}

func exchangePublic(k *ecdh.PrivateKey) []byte { return k.PublicKey().Bytes() }
