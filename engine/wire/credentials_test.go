package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// credentialsOf returns one credential of each kind from the vectors.
func credentialsOf(t testing.TB) (out [credentialKinds][]byte) {
	v := loadPackets().verb(t, "NETWORK_CREDENTIALS one of each")
	for i, k := range credentialKeys {
		out[i] = v.Fields.blobs(k)[0]
	}
	return out
}

func TestCredentialLengths(t *testing.T) {
	t.Parallel()
	// The table of spec 02 §16.1; this capability has one rule without operand.
	sizes := [credentialKinds]int{272, 22 + 2 + 1 + 109 + 5 + 2, 135, 152, 141 + 17}
	for i, c := range credentialsOf(t) {
		kind := CredentialKind(i)
		if len(c) != sizes[kind] {
			t.Errorf("kind %d has %d bytes, want %d", kind, len(c), sizes[kind])
		}
		length := kind.length()
		if n, err := length(append(bytes.Clone(c), 1, 2, 3)); n != len(c) || err != nil {
			t.Errorf("kind %d: %d, %v; want %d", kind, n, err, len(c))
		}
		for n := range c {
			if got, err := length(c[:n:n]); err != ErrTruncated || got != 0 {
				t.Errorf("kind %d of %d bytes: %d, %v", kind, n, got, err)
			}
		}
		if kind == CredentialMembership {
			continue
		}
		// Additional fields belong to the credential and are skipped.
		more := append(bytes.Clone(c), 9, 9, 9)
		more[len(c)-1] = 3
		if n, err := length(more); n != len(more) || err != nil {
			t.Errorf("kind %d with additional fields: %d, %v", kind, n, err)
		}
		// Of the type of signature that exists, only the right length does; others
		// are skipped by length.
		at := len(c) - 2 - 96 - 3
		if kind == CredentialCapability {
			at -= 5 // the end of the chain
		}
		bad := bytes.Clone(c)
		bad[at+2] = 95
		if _, err := length(bad); err != ErrFormat {
			t.Errorf("kind %d with a signature of 95 bytes: %v", kind, err)
		}
		bad[at] = 2
		bad = append(bad[:at+3+95], bad[at+3+96:]...)
		if n, err := length(bad); n != len(c)-1 || err != nil {
			t.Errorf("kind %d with another signature: %d, %v", kind, n, err)
		}
	}
}

func TestCredentialLimits(t *testing.T) {
	t.Parallel()
	membership := func(qualifiers int, signer byte) []byte {
		b := binary.BigEndian.AppendUint16([]byte{1}, uint16(qualifiers))
		b = append(b, make([]byte, 24*qualifiers+4)...)
		return append(append(b, signer), make([]byte, 96)...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		n    int
		err  error
	}{
		{"nothing", nil, 0, ErrTruncated},
		{"unsigned", membership(0, 0), 8, nil},
		{"signed", membership(8, 1), 3 + 24*8 + 5 + 96, nil},
		{"9 qualifiers", membership(9, 1), 0, ErrTooLong},
		{"65535 qualifiers", []byte{1, 0xff, 0xff}, 0, ErrTooLong},
		{"another type", []byte{2, 0, 0}, 0, ErrFormat},
	} {
		if n, err := MembershipLen(c.b); n != c.n || err != c.err {
			t.Errorf("membership, %s: %d, %v", c.name, n, err)
		}
	}
	all := credentialsOf(t)
	set := func(kind CredentialKind, at int, to ...byte) []byte {
		b := bytes.Clone(all[kind])
		copy(b[at:], to)
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		kind CredentialKind
		err  error
	}{
		"17 things":               {set(CredentialOwnership, 28, 0, 17), CredentialOwnership, ErrTooLong},
		"2 things":                {set(CredentialOwnership, 28, 0, 2), CredentialOwnership, ErrTruncated},
		"65 rules":                {set(CredentialCapability, 20, 0, 65), CredentialCapability, ErrTooLong},
		"chain of 0":              {set(CredentialCapability, 24, 0), CredentialCapability, ErrFormat},
		"chain of 8":              {set(CredentialCapability, 24, 8), CredentialCapability, ErrFormat},
		"rule beyond the end":     {set(CredentialCapability, 23, 255), CredentialCapability, ErrTruncated},
		"more holders than chain": {append(all[CredentialCapability][:134:134], all[CredentialCapability][25:]...), CredentialCapability, ErrTooLong},
	} {
		if n, err := c.kind.length()(c.b); err != c.err {
			t.Errorf("%s: %d, %v; want %v", name, n, err, c.err)
		}
	}
}

// TestCredentialSections cuts a payload with one of each at every length: what
// was complete before counts, and the ends between sections count as errors
// except those before the first and after the last.
func TestCredentialSections(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "NETWORK_CREDENTIALS one of each")
	all := credentialsOf(t)
	for n := range len(v.Payload) + 1 {
		r := ParseNetworkCredentials(v.Payload[:n:n])
		got, used := 0, 0
		for {
			kind, c, ok := r.Next()
			if !ok {
				break
			}
			if int(kind) != got || !bytes.Equal(c, all[kind]) {
				t.Fatalf("%d bytes: credential %d is of kind %d", n, got, kind)
			}
			got, used = got+1, used+len(c)
		}
		received := n == 0 || n == 272 || n == 273 || n == len(v.Payload)
		if (r.Err() == nil) != received || used > n {
			t.Errorf("%d bytes: %d credentials, %v", n, got, r.Err())
		}
		if _, _, ok := r.Next(); ok {
			t.Errorf("%d bytes: more after the end", n)
		}
	}
	// 65535 of something that is not there cost nothing.
	r := ParseNetworkCredentials([]byte{0, 0xff, 0xff})
	if _, _, ok := r.Next(); ok || r.Err() != ErrTruncated {
		t.Errorf("announced, but not there: %v", r.Err())
	}
}
