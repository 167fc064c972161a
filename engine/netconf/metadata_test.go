package netconf

import (
	"bytes"
	"strings"
	"testing"

	"orrery/engine/wire"
)

// reference is what the reference says of itself in the vectors.
func reference() Metadata {
	m := OwnMetadata("linux/x86_64", 1, 14, 1)
	m.Vendor = 1
	return m
}

func TestRequestVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	m := reference()
	for _, c := range v.Requests {
		var held *Config
		if c.Name == "with-config-revision-42" {
			held = &Config{Revision: 42, Timestamp: v.Now}
		}
		r := Request(v.NetworkID, m.Append(nil), held)
		if got := r.Append(nil); !bytes.Equal(got, c.Sent[0].Payload) {
			t.Errorf("%s:\n got %q\nwant %q", c.Name, got, []byte(c.Sent[0].Payload))
		}
		if c.Sent[0].To != v.NetworkID.Controller() {
			t.Errorf("%s: sent to %v", c.Name, c.Sent[0].To)
		}
		p, err := wire.ParseNetworkConfigRequest(c.Sent[0].Payload)
		if err != nil {
			t.Fatal(err)
		}
		if got := ParseMetadata(wire.ParseDictionary(p.Metadata, wire.MetadataCapacity)); got != m {
			t.Errorf("%s: %+v, want %+v", c.Name, got, m)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ token, want string }{
		{"", ""},
		{"s3cret=\n", "s3cret=\n"},
		{strings.Repeat("x", 505), strings.Repeat("x", 505)},
		{strings.Repeat("x", 506), ""},
	} {
		m := reference()
		m.Token = c.token
		d := wire.ParseDictionary(m.Append([]byte("head"))[4:], wire.MetadataCapacity)
		if got := ParseMetadata(d); got.Token != c.want || got.Platform != m.Platform {
			t.Errorf("%q: %q on %q", c.token, got.Token, got.Platform)
		}
	}
	for _, a := range []string{"token", "password:x", "token:" + strings.Repeat("x", 506)} {
		var d wire.DictionaryWriter
		d.AddText("a", a)
		if got := ParseMetadata(wire.ParseDictionary(d.Bytes(), 0)).Token; got != "" {
			t.Errorf("%q: token %q", a, got)
		}
	}
}

// FuzzMetadata checks that what is read can be written and read again.
func FuzzMetadata(f *testing.F) {
	m := reference()
	f.Add(m.Append(nil))
	m.Token = "secret"
	f.Add(m.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := ParseMetadata(wire.ParseDictionary(b, wire.MetadataCapacity))
		enc := m.Append(nil)
		if len(enc) >= wire.MetadataCapacity {
			t.Fatalf("%d bytes", len(enc))
		}
		if len(m.Platform)+len(m.Token) > 200 {
			return // may not fit with full-length numbers
		}
		if again := ParseMetadata(wire.ParseDictionary(enc, wire.MetadataCapacity)); again != m {
			t.Fatalf("%+v reads back as %+v", m, again)
		}
	})
}
