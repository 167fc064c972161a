package verify

import (
	"encoding/hex"

	"github.com/tyler-smith/go-bip39/wordlists"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// Between returns what the owners of self and peer compare: both see the same
// groups and words, and each shows the other a picture of their own contact
// link. State is that of the peer's trust record, name what self's owner wants
// to be called in the link, mostly "".
func Between(self, peer identity.Identity, state ipc.TrustState, name string) *ipc.Verification {
	return &ipc.Verification{
		Address:  peer.Address.String(),
		Identity: peer.String(),
		Groups:   Groups(self, peer),
		Words:    Words(self, peer),
		QR:       Contact{Identity: self, Name: name}.String(),
		State:    state,
	}
}

// Groups returns the safety number in 12 groups of 5 digits, the same in
// either order of the two.
func Groups(a, b identity.Identity) []string {
	groups := identity.SafetyNumber(a, b)
	return groups[:]
}

// Words returns the comparison as 12 words of the English BIP-39 list, the
// same in either order of the two.
func Words(a, b identity.Identity) []string {
	indexes := identity.WordIndexes(a, b)
	words := make([]string, len(indexes))
	for i, n := range indexes {
		words[i] = wordlists.English[n&(wordCount-1)]
	}
	return words
}

// wordCount is the length of every BIP-39 list: an index has 11 bits.
const wordCount = 1 << 11

// Fingerprint returns the fingerprint of an identity as 64 hex digits.
func Fingerprint(id identity.Identity) string {
	f := id.Fingerprint()
	return hex.EncodeToString(f[:])
}
