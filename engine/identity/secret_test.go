package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No way of printing may show the private key, in hex or as numbers.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	c := vectors(t).Identities[0]
	s, err := ParseSecret(c.StringSecret)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "v", *s, "k", s.Private(), "in", struct{ S *Secret }{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "v", *s, "k", s.Private(), "in", struct{ S *Secret }{s})
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	outputs := []string{log.String(), string(encoded), s.String(), s.LogValue().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		outputs = append(outputs, fmt.Sprintf(verb, s), fmt.Sprintf(verb, *s), fmt.Sprintf(verb, s.Private()),
			fmt.Sprintf(verb, struct{ S *Secret }{s}))
	}
	private := c.PrivateKey
	forms := []string{
		fmt.Sprintf("%x", []byte(private[4:12])),
		strings.Trim(fmt.Sprintf("%d", []byte(private[4:12])), "[]"),
		strings.ReplaceAll(strings.Trim(fmt.Sprintf("%d", []byte(private[4:12])), "[]"), " ", ","),
	}
	for _, out := range outputs {
		for _, form := range forms {
			if strings.Contains(strings.ToLower(out), form) {
				t.Errorf("%q shows the private key", out)
			}
		}
	}
	if _, err := ParseSecret(c.StringSecret[:269] + "x"); err == nil || strings.Contains(err.Error(), c.StringSecret[142:160]) {
		t.Errorf("the error shows the private key: %v", err)
	}
}

func TestSecretValidate(t *testing.T) {
	t.Parallel()
	v := vectors(t).Identities
	s, err := ParseSecret(v[0].StringSecret)
	if err != nil || !s.Validate() {
		t.Fatalf("a good secret is not valid: %v", err)
	}
	swapped, err := ParseSecret(v[0].StringPublic + v[1].StringSecret[textLen:])
	if err != nil || swapped.Validate() {
		t.Errorf("another identity's private key is valid: %v", err)
	}
	moved, err := ParseSecret(v[1].StringSecret[:10] + v[0].StringSecret[10:])
	if err != nil || moved.Validate() {
		t.Errorf("another identity's address is valid: %v", err)
	}
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	s, err := ParseSecret(vectors(t).Identities[0].StringSecret)
	if err != nil {
		t.Fatal(err)
	}
	signer := s.signer
	s.Destroy()
	if s.private != (PrivateKey{}) || !bytes.Equal(signer, make([]byte, len(signer))) {
		t.Error("the private key is still in memory")
	}
}

// A source whose first draw leads to a reserved address is asked again. As no
// such seed can be searched for in a test, the loop's condition is checked on
// the digest.
func TestReserved(t *testing.T) {
	t.Parallel()
	for address, want := range map[Address]bool{0: true, 1: false, 0xfeffffffff: false, 0xff00000000: true, 0xffffffffff: true} {
		var digest [64]byte
		address.Put(digest[59:])
		if got := digestAddress(&digest); got != address || got.Reserved() != want {
			t.Errorf("%v: reserved is %v", got, got.Reserved())
		}
		if want && (Identity{Address: address}).Validate() {
			t.Errorf("%v is valid", address)
		}
	}
}
