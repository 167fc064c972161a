package credential

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// payloadVectors is testdata/payloads.json: NETWORK_CREDENTIALS of the reference
// and what became of cut ones.
type payloadVectors struct {
	Payloads   []payloadVector
	Truncation []struct {
		Name   string
		Length int `json:"full_payload_length"`
		Ranges []struct {
			Received bool `json:"counted_as_received"`
			From     int  `json:"from_length"`
			To       int  `json:"to_length"`
		}
	}
}

type payloadVector struct {
	Name    string
	Fields  map[string][]hexBytes
	Payload hexBytes
}

// payloadKeys are the names of the sections in the vectors, in their order.
var payloadKeys = [...]string{"coms", "capabilities", "tags", "revocations", "certificates_of_ownership"}

func loadPayloads(t testing.TB) (v payloadVectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/payloads.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *payloadVectors) find(t testing.TB, name string) *payloadVector {
	t.Helper()
	i := slices.IndexFunc(v.Payloads, func(p payloadVector) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no payload %q", name)
	}
	return &v.Payloads[i]
}

// collect reads a payload into a bundle and the encoded credentials by section.
func collect(b []byte) (all Bundle, sections [5][]hexBytes, r *Reader) {
	r = NewReader(b)
	for r.Next() {
		switch r.Type() {
		case TypeMembership:
			all.Memberships = append(all.Memberships, r.Membership)
			sections[0] = append(sections[0], r.Membership.Append(nil))
		case TypeCapability:
			all.Capabilities = append(all.Capabilities, r.Capability)
			sections[1] = append(sections[1], r.Capability.Append(nil))
		case TypeTag:
			all.Tags = append(all.Tags, r.Tag)
			sections[2] = append(sections[2], r.Tag.Append(nil))
		case TypeRevocation:
			all.Revocations = append(all.Revocations, r.Revocation)
			sections[3] = append(sections[3], r.Revocation.Append(nil))
		case TypeOwnership:
			all.Ownerships = append(all.Ownerships, r.Ownership)
			sections[4] = append(sections[4], r.Ownership.Append(nil))
		}
	}
	return all, sections, r
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	for _, v := range loadPayloads(t).Payloads {
		all, sections, r := collect(v.Payload)
		listed := 0
		for i, key := range payloadKeys {
			if want, ok := v.Fields[key]; ok {
				listed++
				if !slices.EqualFunc(sections[i], want, func(a, b hexBytes) bool { return bytes.Equal(a, b) }) {
					t.Errorf("%s: %s are %x, want %x", v.Name, key, sections[i], want)
				}
			} else if len(sections[i]) > 0 {
				t.Errorf("%s: %d %s", v.Name, len(sections[i]), key)
			}
		}
		// A payload that ends between sections gives what it has, but does not
		// count as received.
		if want := listed == 1 || listed == 5; r.Err() != nil || r.Complete() != want {
			t.Errorf("%s: complete %v, want %v; %v", v.Name, r.Complete(), want, r.Err())
		}
		// Old senders leave out the sections, and the zero byte, that are at the
		// end and empty.
		missing := 2 * (5 - listed)
		if listed == 1 {
			missing++
		}
		if got := all.Append(nil); !bytes.Equal(got[:len(got)-missing], v.Payload) {
			t.Errorf("%s: written as %x", v.Name, got)
		}
	}
}

// TestPayloadTruncation cuts payloads at every length, and compares what counts
// as received with the reference.
func TestPayloadTruncation(t *testing.T) {
	t.Parallel()
	vectors := loadPayloads(t)
	for _, c := range vectors.Truncation {
		p := vectors.find(t, c.Name).Payload
		if len(p) != c.Length {
			t.Errorf("%s: %d bytes, want %d", c.Name, len(p), c.Length)
			continue
		}
		for _, r := range c.Ranges {
			for n := r.From; n <= r.To; n++ {
				if _, got, _ := read(p[:n:n]); got != r.Received {
					t.Errorf("%s, %d bytes: received %v, want %v", c.Name, n, got, r.Received)
				}
			}
		}
	}
}

// TestPayloadSections cuts a payload with one of each at every length: what was
// complete before counts, and the ends between sections do not count as received
// except those before the first and after the last.
func TestPayloadSections(t *testing.T) {
	t.Parallel()
	vectors := loadPayloads(t)
	v := vectors.find(t, "NETWORK_CREDENTIALS one of each")
	for n := range len(v.Payload) + 1 {
		_, sections, r := collect(v.Payload[:n:n])
		used, last := 0, true
		for i, key := range payloadKeys {
			if len(sections[i]) > 0 && (!last || !bytes.Equal(sections[i][0], v.Fields[key][0])) {
				t.Fatalf("%d bytes: %s are %x", n, key, sections[i])
			}
			last = len(sections[i]) > 0
			if last {
				used += len(sections[i][0])
			}
		}
		received := n == 0 || n == 272 || n == 273 || n == len(v.Payload)
		if r.Complete() != received || used > n || r.Next() {
			t.Errorf("%d bytes: complete %v, %v", n, r.Complete(), r.Err())
		}
	}
	// 65535 of something that is not there cost nothing.
	if kinds, complete, err := read([]byte{0, 0xff, 0xff}); len(kinds) != 0 || complete || err != ErrTruncated {
		t.Errorf("announced, but not there: %v, %v", complete, err)
	}
}

// TestLengths checks where each kind of credential ends: at its trailer, whatever
// the additional fields and the kind of signature.
func TestLengths(t *testing.T) {
	t.Parallel()
	vectors := loadPayloads(t)
	v := vectors.find(t, "NETWORK_CREDENTIALS one of each")
	// The table of spec 02 §16.1; this capability has one rule without operand.
	sizes := [5]int{272, 22 + 2 + 1 + 109 + 5 + 2, 135, 152, 141 + 17}
	for i, kind := range []string{"com", "capability", "tag", "revocation", "coo"} {
		c := v.Fields[payloadKeys[i]][0]
		if len(c) != sizes[i] {
			t.Errorf("%s has %d bytes, want %d", kind, len(c), sizes[i])
		}
		if _, n, err := parse(kind, append(bytes.Clone(c), 1, 2, 3)); n != len(c) || err != nil {
			t.Errorf("%s: %d, %v; want %d", kind, n, err, len(c))
		}
		for n := range c {
			if _, got, err := parse(kind, c[:n:n]); err != ErrTruncated || got != 0 {
				t.Errorf("%s of %d bytes: %d, %v", kind, n, got, err)
			}
		}
		if kind == "com" {
			continue
		}
		// Additional fields belong to the credential and are skipped.
		more := append(bytes.Clone(c), 9, 9, 9)
		more[len(c)-1] = 3
		if _, n, err := parse(kind, more); n != len(more) || err != nil {
			t.Errorf("%s with additional fields: %d, %v", kind, n, err)
		}
		// Of the type of signature that exists, only the right length does; others
		// are skipped by length.
		at := len(c) - 2 - 96 - 3
		if kind == "capability" {
			at -= 5 // the end of the chain
		}
		bad := bytes.Clone(c)
		bad[at+2] = 95
		if _, _, err := parse(kind, bad); err != ErrFormat {
			t.Errorf("%s with a signature of 95 bytes: %v", kind, err)
		}
		bad[at] = 2
		bad = append(bad[:at+3+95], bad[at+3+96:]...)
		if _, n, err := parse(kind, bad); n != len(c)-1 || err != nil {
			t.Errorf("%s with another signature: %d, %v", kind, n, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	vectors := loadPayloads(t)
	v := vectors.find(t, "NETWORK_CREDENTIALS one of each")
	com, capability, own := v.Fields["coms"][0], v.Fields["capabilities"][0], v.Fields["certificates_of_ownership"][0]
	set := func(b []byte, at int, to ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], to)
		return b
	}
	for _, c := range []struct {
		name, kind string
		b          []byte
		err        error
	}{
		{"9 qualifiers", "com", set(com, 1, 0, 9), ErrFormat},
		{"65535 qualifiers", "com", []byte{1, 0xff, 0xff}, ErrFormat},
		{"another type", "com", set(com, 0, 2), ErrFormat},
		{"17 things", "coo", set(own, 28, 0, 17), ErrFormat},
		{"2 things", "coo", set(own, 28, 0, 2), ErrTruncated},
		{"65 rules", "capability", set(capability, 20, 0, 65), ErrFormat},
		{"chain of 0", "capability", set(capability, 24, 0), ErrFormat},
		{"chain of 8", "capability", set(capability, 24, 8), ErrFormat},
		{"rule beyond the end", "capability", set(capability, 23, 255), ErrTruncated},
		{"more holders than chain", "capability", append(bytes.Clone(capability[:134]), capability[25:]...), ErrFormat},
	} {
		if _, n, err := parse(c.kind, c.b); err != c.err || n != 0 {
			t.Errorf("%s: %d, %v; want %v", c.name, n, err, c.err)
		}
	}
}
