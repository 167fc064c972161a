package identity

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The expectations were computed with another language from design §4.
func TestSafetyNumber(t *testing.T) {
	t.Parallel()
	v := vectors(t).Identities
	var ids [2]Identity
	for i := range ids {
		id, err := Parse(v[i].StringPublic)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	for i, want := range []string{
		"4dd397b75ea163801718d30d9041c04367761558f1146cf19076c985cfda74c7",
		"ddef02825346d0842cb03e70e2a47abc2a5026ef69248b9fffe5ca85aaadd7dd",
	} {
		if f := ids[i].Fingerprint(); hex.EncodeToString(f[:]) != want {
			t.Errorf("fingerprint %x, want %s", f, want)
		}
	}
	const digits = "17246 73560 57280 00792 02384 30842 91475 33840 73786 47567 96319 68397"
	words := [12]uint16{625, 147, 970, 1464, 886, 744, 493, 1193, 1356, 379, 1170, 1485}
	for _, pair := range [][2]Identity{{ids[0], ids[1]}, {ids[1], ids[0]}} {
		n := SafetyNumber(pair[0], pair[1])
		if got := strings.Join(n[:], " "); got != digits {
			t.Errorf("safety number %s, want %s", got, digits)
		}
		if got := WordIndexes(pair[0], pair[1]); got != words {
			t.Errorf("words %d, want %d", got, words)
		}
	}
}
