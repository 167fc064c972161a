package rule_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"

	"orrery/engine/rule"
)

// jsonVectors is testdata/rules_json.json.
type jsonVectors struct {
	ToWire []struct {
		Name         string
		Input        any
		Accepted     bool
		Throws       bool
		ParsedWire   hexBytes `json:"parsed_wire"`
		Rendered     map[string]any
		Reparses     bool     `json:"rendered_reparses"`
		ReparsedWire hexBytes `json:"reparsed_wire"`
	} `json:"rule_json_to_wire"`
	ToJSON []struct {
		Name         string
		Wire         hexBytes
		Max          int
		Count        int
		Consumed     int
		Rendered     []any
		Reserialized hexBytes
		Throws       bool
	} `json:"rule_wire_to_json"`
}

func loadJSON(t testing.TB) *jsonVectors {
	t.Helper()
	f, err := os.Open("testdata/rules_json.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.UseNumber()
	v := new(jsonVectors)
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
	return v
}

// stricter are the cases that differ from the reference outside Reference
// mode (spec 05 §7): the error in mode Entered, or the wire form where the
// reference accepts nothing.
var stricter = map[string]struct {
	entered error
	wire    string // in modes Entered and Stored
}{
	"ipv4_bad_address_is_zero":         {entered: rule.ErrField},
	"ipv4_mask_garbage":                {entered: rule.ErrField},
	"ipv4_mask_33_clamped":             {entered: rule.ErrField},
	"ipv4_mask_257_masked_then":        {entered: rule.ErrField},
	"ipv6_dest_mask_clamped":           {entered: rule.ErrField},
	"integer_range_never_accepted":     {wire: "331300000000000000100000000000000020000e0f"},
	"match_integer_range_name_unknown": {wire: "331300000000000000010000000000000002000e0f"},
}

func TestFromValueVectors(t *testing.T) {
	t.Parallel()
	for _, c := range loadJSON(t).ToWire {
		for _, mode := range []rule.Mode{rule.Entered, rule.Stored, rule.Reference} {
			accepted, wire, wantErr := c.Accepted, []byte(c.ParsedWire), rule.ErrNotRule
			if c.Throws {
				wantErr = rule.ErrField
			}
			if s, ok := stricter[c.Name]; ok {
				switch {
				case s.entered != nil && mode == rule.Entered:
					accepted, wantErr = false, s.entered
				case s.wire != "" && mode != rule.Reference:
					accepted, wire = true, must(hex.DecodeString(s.wire))
				}
			}
			r, err := rule.FromValue(c.Input, mode)
			if !accepted {
				if !errors.Is(err, wantErr) {
					t.Errorf("%s, mode %d: %v, want %v", c.Name, mode, err, wantErr)
				}
				continue
			}
			if err != nil || !bytes.Equal(r.Append(nil), wire) {
				t.Errorf("%s, mode %d: %x, %v; want %x", c.Name, mode, r.Append(nil), err, wire)
				continue
			}
			if !c.Accepted {
				continue // no rendering was recorded
			}
			if got := r.Object(); !reflect.DeepEqual(got, c.Rendered) {
				t.Errorf("%s: rendered %v, want %v", c.Name, got, c.Rendered)
			}
			again, err := rule.FromValue(r.Object(), mode)
			if c.Reparses != (err == nil) || !bytes.Equal(again.Append(nil), c.ReparsedWire) {
				t.Errorf("%s: again %x, %v; want %x", c.Name, again.Append(nil), err, []byte(c.ReparsedWire))
			}
		}
	}
}

func TestObjectVectors(t *testing.T) {
	t.Parallel()
	for _, c := range loadJSON(t).ToJSON {
		limit := c.Max
		if limit == 0 {
			limit = rule.MaxRules
		}
		rules, n, err := rule.Parse(c.Wire, limit)
		if c.Throws != (err != nil) {
			t.Errorf("%s: %v", c.Name, err)
		}
		if c.Throws {
			continue
		}
		rendered := []any{}
		for i := range rules {
			rendered = append(rendered, rules[i].Object())
		}
		if n != c.Consumed || len(rules) != c.Count || !reflect.DeepEqual(rendered, c.Rendered) {
			t.Errorf("%s: %d rules in %d bytes, %v; want %v", c.Name, len(rules), n, rendered, c.Rendered)
		}
		if got := rule.Append(nil, rules); !bytes.Equal(got, c.Reserialized) {
			t.Errorf("%s: encoded %x, want %x", c.Name, got, []byte(c.Reserialized))
		}
	}
}

// TestPrefixText covers text that the vectors do not.
func TestPrefixText(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind, ip string
		stored   string // operand read from a record
		entered  bool   // accepted from a user
	}{
		{"MATCH_IPV4_SOURCE", "fd00::1/24", "0000000018", false},
		{"MATCH_IPV4_SOURCE", "junk/24", "0000000000", false},
		{"MATCH_IPV4_SOURCE", "10.0.0.0/", "0a00000000", false},
		{"MATCH_IPV4_SOURCE", "10.0.0.0/-1", "0a00000020", false},
		{"MATCH_IPV4_SOURCE", "10.0.0.1/32", "0a00000120", true},
		{"MATCH_IPV6_SOURCE", "10.0.0.1/24", "0000000000000000000000000000000018", false},
		{"MATCH_IPV6_SOURCE", "fe80::1%eth0/64", "0000000000000000000000000000000040", false},
		{"MATCH_IPV6_SOURCE", "::ffff:10.0.0.1/128", "00000000000000000000ffff0a00000180", true},
	}
	for _, c := range cases {
		v := map[string]any{"type": c.kind, "ip": c.ip}
		r, err := rule.FromValue(v, rule.Stored)
		if got := hex.EncodeToString(r.Append(nil)[2:]); err != nil || got != c.stored {
			t.Errorf("stored %s %q: %s, %v; want %s", c.kind, c.ip, got, err, c.stored)
		}
		if _, err := rule.FromValue(v, rule.Entered); (err == nil) != c.entered {
			t.Errorf("entered %s %q: %v", c.kind, c.ip, err)
		}
	}
}

func TestMarshalJSON(t *testing.T) {
	t.Parallel()
	const text = `{"icmpCode":null,"icmpType":8,"not":true,"or":false,"type":"MATCH_ICMP"}`
	var r rule.Rule
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil || string(b) != text {
		t.Errorf("%s, %v", b, err)
	}
	if err := json.Unmarshal([]byte(`{"type":"ACTION_PRIORITY"}`), &r); !errors.Is(err, rule.ErrNotRule) {
		t.Errorf("priority: %v", err)
	}
}

// FuzzFromValue checks that what is read survives the wire and another reading.
func FuzzFromValue(f *testing.F) {
	for _, c := range loadJSON(f).ToWire {
		f.Add(must(json.Marshal(c.Input)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return
		}
		for _, mode := range []rule.Mode{rule.Entered, rule.Stored, rule.Reference} {
			r, err := rule.FromValue(v, mode)
			if err != nil {
				continue
			}
			if n := r.Normal(); !bytes.Equal(n.Append(nil), r.Append(nil)) {
				t.Fatalf("%s: %+v is not normal", b, r)
			}
			if r.Type.Action() {
				r.Not, r.Or = false, false // not shown
			}
			again, err := rule.FromValue(r.Object(), mode)
			if err != nil || again != r {
				t.Fatalf("%s: %+v reads back as %+v, %v", b, r, again, err)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
