package armor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"

	"orrery/engine/identity"
)

// Keys are the keys derived from what two nodes agreed on: 104 bytes, because a
// root has them for a hundred thousand peers. What AES expands them to is 20 to
// 40 times larger, so it is kept only between [Keys.Expand] and [Keys.Shrink];
// otherwise each packet of suite 3 expands them anew, which takes about a
// microsecond and 2 KiB of garbage. Packets may be sealed and opened
// concurrently, but not beside Expand, Shrink and Destroy.
type Keys struct {
	salsa [32]byte // the agreed key, for suites 0 and 1 and for HELLO
	k0    [32]byte // for GMAC
	k1    [32]byte // for the SIV block and counter mode
	wide  *schedule
}

// schedule is what AES makes of the keys of suite 3.
type schedule struct {
	mac cipher.AEAD  // AES-GCM with K0, used as GMAC
	siv cipher.Block // AES with K1
	ctr *counterMode // of siv; without it, blocks are encrypted one by one
}

// NewKeys derives the keys of all suites from the 48-byte agreed key (spec 01
// §7, §8.1). The caller keeps ownership of shared and may clear it.
func NewKeys(shared *[identity.SharedKeyLen]byte) *Keys {
	k := new(Keys)
	k.Derive(shared)
	return k
}

// Derive is [NewKeys] in place.
func (k *Keys) Derive(shared *[identity.SharedKeyLen]byte) {
	*k = Keys{salsa: [32]byte(shared[:32]), k0: deriveKey(shared, '0'), k1: deriveKey(shared, '1')}
}

// Expand keeps the AES key schedules from now on, about 2 KiB: packets allocate
// nothing then. For bulk traffic it adds 2 KiB of tables with which packets of
// full size take half as long; they take a while to make.
func (k *Keys) Expand(bulk bool) {
	if k.wide == nil {
		k.wide = k.expand()
	}
	if bulk && k.wide.ctr == nil {
		c := newCounterMode(k.wide.siv)
		k.wide.ctr = &c
	}
}

// Shrink drops what [Keys.Expand] keeps.
func (k *Keys) Shrink() { k.wide = nil }

// Destroy overwrites what it can reach of the keys and drops the rest. They
// must not be used afterwards.
func (k *Keys) Destroy() { *k = Keys{} }

// schedule is the one that is kept, else one for a packet.
func (k *Keys) schedule() *schedule {
	if k.wide != nil {
		return k.wide
	}
	return k.expand()
}

func (k *Keys) expand() *schedule {
	mac, err := cipher.NewGCM(newAES(&k.k0))
	if err != nil {
		panic("armor: GCM is unavailable: " + err.Error())
	}
	return &schedule{mac: mac, siv: newAES(&k.k1)}
}

// deriveKey is one block of the KBKDF in counter mode with HMAC-SHA-384, of
// which the protocol keeps 32 bytes (spec 01 §8.1).
func deriveKey(shared *[identity.SharedKeyLen]byte, label byte) (key [32]byte) {
	sum := kbkdf(shared, label, 0, 0)
	copy(key[:], sum[:])
	clear(sum[:])
	return key
}

func kbkdf(shared *[identity.SharedKeyLen]byte, label, context byte, iteration uint32) (out [48]byte) {
	h := hmac.New(sha512.New384, shared[:])
	h.Write([]byte{
		byte(iteration >> 24), byte(iteration >> 16), byte(iteration >> 8), byte(iteration),
		'Z', 'T', label, 0, context, 0, 0, 0x01, 0x80,
	})
	h.Sum(out[:0])
	return out
}

// newAES has no error case: a key of 32 bytes is always good.
func newAES(key *[32]byte) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic("armor: AES is unavailable: " + err.Error())
	}
	return b
}
