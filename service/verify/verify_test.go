package verify

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39/wordlists"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

const (
	annText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"
	bobText = "e285b97aef:0:1c64aedf1b3f80405f5c121a3d5263e66b4939bddc63a6f64da78ca9472e4f171bdfaf434c4596fea325fc82e2b047771cfa5be0be45789000e40f8171bcb7da"
)

func must(t testing.TB, s string) identity.Identity {
	t.Helper()
	id, err := identity.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestBetween: both sides see the same digits and words, and each shows its own
// contact.
func TestBetween(t *testing.T) {
	t.Parallel()
	ann, bob := must(t, annText), must(t, bobText)
	a, b := Between(ann, bob, ipc.Seen, "Ann"), Between(bob, ann, ipc.Verified, "")
	if !slices.Equal(a.Groups, b.Groups) || !slices.Equal(a.Words, b.Words) {
		t.Errorf("%v %v\n%v %v", a.Groups, a.Words, b.Groups, b.Words)
	}
	if len(a.Groups) != 12 || len(a.Words) != 12 || slices.ContainsFunc(a.Groups, func(g string) bool { return len(g) != 5 }) {
		t.Errorf("%v %v", a.Groups, a.Words)
	}
	for i, n := range identity.WordIndexes(ann, bob) {
		if a.Words[i] != wordlists.English[n] {
			t.Errorf("word %d is %q", i, a.Words[i])
		}
	}
	if a.Address != "e285b97aef" || a.Identity != bobText || a.State != ipc.Seen {
		t.Errorf("%+v", a)
	}
	if a.QR != "orrery://contact/"+annText+"?n=Ann" || b.QR != "orrery://contact/"+bobText {
		t.Errorf("QR %q, %q", a.QR, b.QR)
	}
	if self := Between(ann, ann, ipc.Seen, ""); slices.Equal(self.Groups, a.Groups) {
		t.Error("the same number with another peer")
	}
	if len(Fingerprint(ann)) != 64 {
		t.Errorf("fingerprint %q", Fingerprint(ann))
	}
}

// TestWordList: the list has the 2048 words that indexes of 11 bits need.
func TestWordList(t *testing.T) {
	t.Parallel()
	if len(wordlists.English) != wordCount || wordlists.English[0] != "abandon" || wordlists.English[wordCount-1] != "zoo" {
		t.Fatalf("%d words", len(wordlists.English))
	}
}

func TestContact(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Ann", "Ännchen & Söhne?", "a+b=c%", "名前"} {
		c := Contact{Identity: must(t, annText), Name: name}
		got, err := ParseContact("  " + c.String() + "\n")
		if err != nil || got != c {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if c, err := ParseContact("ORRERY://contact/" + annText + "?x=1&n=A"); err != nil || c.Name != "A" {
		t.Errorf("%+v %v", c, err)
	}
	for _, s := range []string{
		"", "orrery://contact/", "orrery://join/" + annText, "https://contact/" + annText, annText,
		"orrery://contact/" + annText[:100], "orrery://contact/" + annText + ":" + strings.Repeat("ab", 64),
		"orrery://contact/" + annText + "?n=%zz", "orrery://contact/%zz", "orrery://contact/" + annText + "?n=a%00b",
		"orrery://contact/" + annText + "?n=a%e2%80%aeb", "orrery://contact/" + annText + "?n=" + strings.Repeat("x", 200),
		"orrery://contact/" + annText + "?n=" + strings.Repeat("x", 5000), "orrery://contact/" + annText + "?n=%ff",
		"orrery://contact/" + annText + "/more",
	} {
		if c, err := ParseContact(s); !errors.Is(err, ErrContact) {
			t.Errorf("%.80q: %+v, %v", s, c, err)
		}
	}
}

// FuzzContact: what parses prints to something that parses the same.
func FuzzContact(f *testing.F) {
	f.Add("orrery://contact/" + annText + "?n=Ann")
	f.Add("orrery://contact/" + bobText)
	f.Add("orrery://contact/?n=%20")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseContact(s)
		if err != nil {
			return
		}
		again, err := ParseContact(c.String())
		if err != nil || again != c {
			t.Fatalf("%q: %+v, then %+v, %v", s, c, again, err)
		}
	})
}
