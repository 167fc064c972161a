package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

type netconfVectors struct {
	Encode []struct {
		Name, Key  string
		ValueHex   bin
		Added      bool
		EncodedHex bin
		GetLen     int
		GetHex     bin
	} `json:"dictionary_encode"`
	Decode []struct {
		Name    string
		RawHex  bin
		Lookups []struct {
			Key    string
			GetLen int
			GetHex bin
			UI     string `json:"getUI_default_0"`
			Bool   bool   `json:"getB"`
		}
	} `json:"dictionary_decode"`
}

// TestDictionaryWriter makes the texts of primitives.json. The vectors give only
// the result; the calls are those that their names describe.
func TestDictionaryWriter(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("v", 253)
	calls := map[string]func(d *DictionaryWriter){
		"single string":                func(d *DictionaryWriter) { d.AddText("k", "value") },
		"two entries":                  func(d *DictionaryWriter) { d.AddText("a", "1"); d.AddText("b", "2") },
		"empty value":                  func(d *DictionaryWriter) { d.AddText("a", ""); d.AddText("b", "x") },
		"binary 0 1 9 10 13 61 92 255": func(d *DictionaryWriter) { d.AddBytes("bin", []byte{0, 1, 9, 10, 13, 61, 92, 255}) },
		"bool true/false":              func(d *DictionaryWriter) { d.AddBool("t", true); d.AddBool("f", false) },
		"uint64 0, 255, max": func(d *DictionaryWriter) {
			d.AddUint64("z", 0)
			d.AddUint64("x", 255)
			d.AddUint64("m", 1<<64-1)
		},
		// The reference loses the sign of -5 and of the lowest number; nothing
		// negative is ever written here, so what it wrote is written as positive.
		"int64 5, -5, min+1": func(d *DictionaryWriter) {
			d.AddUint64("p", 5)
			d.AddUint64("n", 5)
			d.AddUint64("l", 1<<63-1)
		},
		"address 8e4df28b72 (16 digits)":                              func(d *DictionaryWriter) { d.AddUint64("a", 0x8e4df28b72) },
		"same key twice":                                              func(d *DictionaryWriter) { d.AddText("k", "one"); d.AddText("k", "two") },
		"printf-style C string with newline":                          func(d *DictionaryWriter) { d.AddText("k", "l1\nl2\r\nl3=4\\5") },
		"value of 253 bytes fits capacity 256 (k= + 253 + NUL)":       func(d *DictionaryWriter) { d.AddText("k", longest) },
		"value of 254 bytes does not fit capacity 256: nothing added": func(d *DictionaryWriter) { d.AddText("k", longest+"v") },
		"second entry does not fit: first kept": func(d *DictionaryWriter) {
			d.AddText("k", longest[:250])
			d.AddText("b", strings.Repeat("w", 20))
		},
		"escape straddles the end": func(d *DictionaryWriter) { d.AddText("k", longest[:252]+"\n") },
	}
	v := load[primitiveVectors](t, "primitives.json")
	for _, c := range v.Encode {
		call, ok := calls[c.Name]
		if !ok {
			t.Fatalf("%s: no calls for this case", c.Name)
		}
		d := NewDictionaryWriter(make([]byte, 0, 300), 256)
		call(&d)
		if !bytes.Equal(d.Bytes(), c.Bytes) || d.Complete() != c.Added {
			t.Errorf("%s: %q, complete %v; want %q, %v", c.Name, d.Bytes(), d.Complete(), []byte(c.Bytes), c.Added)
		}
	}
	for _, c := range load[netconfVectors](t, "netconf.json").Encode {
		var d DictionaryWriter
		if d.AddBytes(c.Key, c.ValueHex) != c.Added || !bytes.Equal(d.Bytes(), c.EncodedHex) {
			t.Errorf("%s: %q, want %q", c.Name, d.Bytes(), []byte(c.EncodedHex))
		}
		back := ParseDictionary(d.Bytes(), 0)
		if got, ok := back.Get(c.Key); !ok || len(got) != c.GetLen || !bytes.Equal(got, c.GetHex) {
			t.Errorf("%s: read back as %q", c.Name, got)
		}
	}
}

func TestDictionaryWriterRefusesKeys(t *testing.T) {
	t.Parallel()
	var d DictionaryWriter
	for _, k := range []string{"a=b", "a\n", "\ra", "a\x00"} {
		if d.AddText(k, "x") || d.Complete() || len(d.Bytes()) != 0 {
			t.Errorf("key %q was written: %q", k, d.Bytes())
		}
	}
	if !d.AddText("a", "x") || d.Complete() {
		t.Error("an entry that was left out is forgotten")
	}
}

func TestDictionaryDecode(t *testing.T) {
	t.Parallel()
	for _, c := range load[primitiveVectors](t, "primitives.json").Decode {
		capacity := 0
		if strings.HasPrefix(c.Name, "text truncated") {
			capacity = 256
		}
		d := ParseDictionary(c.Bytes, capacity)
		for _, l := range c.Lookups {
			got, ok := d.Get(l.Key)
			if l.Size > 0 {
				got, ok = d.Limited(l.Key, l.Size)
			}
			if ok != (l.Result >= 0) || ok && len(got) != l.Result || !bytes.Equal(got, l.Value) || d.Has(l.Key) != ok {
				t.Errorf("%s: %q = %q, %v; want %q, %d", c.Name, l.Key, got, ok, []byte(l.Value), l.Result)
			}
			if l.Size > 0 {
				continue
			}
			if d.Bool(l.Key, false) != l.Bool || d.Bool(l.Key, true) != (l.Bool || !ok) {
				t.Errorf("%s: %q is %v", c.Name, l.Key, d.Bool(l.Key, false))
			}
			if u := fmt.Sprintf("%016x", d.Uint64(l.Key, 0x99)); u != l.UI {
				t.Errorf("%s: %q = %s, want %s", c.Name, l.Key, u, l.UI)
			}
			if i := strconv.FormatInt(d.Int64(l.Key, -7), 10); i != l.I {
				t.Errorf("%s: %q = %s, want %s", c.Name, l.Key, i, l.I)
			}
		}
	}
	for _, c := range load[netconfVectors](t, "netconf.json").Decode {
		d := ParseDictionary(c.RawHex, 0)
		for _, l := range c.Lookups {
			got, ok := d.Get(l.Key)
			if ok != (l.GetLen >= 0) || ok && len(got) != l.GetLen || !bytes.Equal(got, l.GetHex) {
				t.Errorf("%s: %q = %q, %v", c.Name, l.Key, got, ok)
			}
			if u := fmt.Sprintf("%016x", d.Uint64(l.Key, 0)); u != l.UI || d.Bool(l.Key, false) != l.Bool {
				t.Errorf("%s: %q = %s, %v", c.Name, l.Key, u, d.Bool(l.Key, false))
			}
		}
	}
}

func TestDictionaryValues(t *testing.T) {
	t.Parallel()
	d := ParseDictionary([]byte("a=0123456789abcdef\nn=one\\0two\nn=2\nb=\\1\nc=\\t\nd=\\0\nlong="+strings.Repeat("0", 126)+"12\n=e"), 0)
	if d.Address("a") != 0x6789abcdef || d.Address("none") != 0 {
		t.Errorf("address %s", d.Address("a"))
	}
	if d.Text("n", "") != "one" || d.Text("none", "def") != "def" || d.Text("", "") != "e" {
		t.Errorf("text %q", d.Text("n", ""))
	}
	if !d.Bool("b", false) || !d.Bool("c", false) || d.Bool("d", true) {
		t.Error("escaped booleans")
	}
	if got := d.Uint64("long", 0); got != 1 {
		t.Errorf("a number of 128 characters is %#x, of which 127 count", got)
	}
	if d.Len() != 8 {
		t.Fatalf("%d entries", d.Len())
	}
	if k, v := d.At(2); k != "n" || string(v) != "2" {
		t.Errorf("third entry is %q = %q", k, v)
	}
	var empty Dictionary
	if _, ok := empty.Get("a"); ok || empty.Len() != 0 {
		t.Error("an empty dictionary has entries")
	}
}
