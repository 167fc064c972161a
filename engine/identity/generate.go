package identity

import "encoding/binary"

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
	copy(id.Public[32:], private.signer()[32:])
	for {
		next(private)
		copy(id.Public[:32], private.exchange().PublicKey().Bytes())
		if digest := derive(&id.Public); hashcash(&digest) {
			id.Address = digestAddress(&digest)
			return id
		}
	}
}

// next steps two words of the X25519 scalar in opposite directions.
func next(private *PrivateKey) {
	up, down := private[8:16], private[16:24]
	binary.LittleEndian.PutUint64(up, binary.LittleEndian.Uint64(up)+1)
	binary.LittleEndian.PutUint64(down, binary.LittleEndian.Uint64(down)-1)
}
