package loose

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		base uint64
		u    uint64
		i    int64
	}{
		{"", 16, 0, 0}, {"deadbeef01", 16, 0xdeadbeef01, 0xdeadbeef01}, {" +0xg", 16, 0, 0}, {"12 34", 16, 0x12, 0x12},
		{"ffffffffffffffffff", 16, math.MaxUint64, math.MaxInt64},
		{"0x", 16, 0, 0}, {"0xg", 16, 0, 0}, {"0XFf", 16, 255, 255}, {" \t\n\v\f\r+12", 16, 0x12, 0x12},
		{"-", 16, 0, 0}, {"--1", 16, 0, 0}, {"- 1", 16, 0, 0}, {"-1", 16, math.MaxUint64, -1}, {"0x10", 10, 0, 0},
		{"18446744073709551615", 10, math.MaxUint64, math.MaxInt64}, {"18446744073709551616", 10, math.MaxUint64, math.MaxInt64},
		{"-18446744073709551616", 10, math.MaxUint64, math.MinInt64}, {"9223372036854775808", 10, 1 << 63, math.MaxInt64},
		{"-9223372036854775808", 10, 1 << 63, math.MinInt64}, {"12\x003", 16, 0x12, 0x12},
	} {
		if got := Uint(c.in, c.base); got != c.u {
			t.Errorf("%q unsigned: %#x, want %#x", c.in, got, c.u)
		}
		if got := Int([]byte(c.in), c.base); got != c.i {
			t.Errorf("%q signed: %d, want %d", c.in, got, c.i)
		}
	}
}

// decode reads a JSON value as documents are read, with numbers as they were
// written.
func decode(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCoercion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		u    uint64
		b    bool
		text string
	}{
		{`0`, 0, false, "0"}, {`7`, 7, true, "7"}, {`-1`, math.MaxUint64, true, "18446744073709551615"}, {`1.9`, 1, true, "1"},
		{`0.5`, 0, false, "0"}, {`-0.5`, 0, false, "0"}, {`-1.5`, math.MaxUint64, true, "18446744073709551615"}, {`1e3`, 1000, true, "1000"},
		{`1e999`, math.MaxUint64, true, "18446744073709551615"}, {`-1e999`, 1 << 63, true, "9223372036854775808"},
		{`18446744073709551615`, math.MaxUint64, true, "18446744073709551615"},
		{`""`, 0, false, ""}, {`"12ab"`, 12, true, "12ab"}, {`"0x10"`, 0, false, "0x10"}, {`" \t-2"`, math.MaxUint64 - 1, false, " \t-2"},
		{`"true"`, 0, true, "true"}, {`"T"`, 0, true, "T"}, {`"yes"`, 0, false, "yes"}, {`"99999999999999999999"`, math.MaxUint64, false, "99999999999999999999"},
		{`true`, 1, true, "1"}, {`false`, 0, false, "0"},
	} {
		v := decode(t, c.in)
		if u := ToUint(v, 55); u != c.u {
			t.Errorf("%s is number %d, want %d", c.in, u, c.u)
		}
		if b := ToBool(v, !c.b); b != c.b {
			t.Errorf("%s is %t", c.in, b)
		}
		if s := ToText(v, "def"); s != c.text {
			t.Errorf("%s is text %q, want %q", c.in, s, c.text)
		}
	}
	for _, v := range []any{nil, []any{}, map[string]any{}} {
		if ToUint(v, 55) != 55 || !ToBool(v, true) || ToText(v, "def") != "def" {
			t.Errorf("%v is not the default", v)
		}
	}
}

func TestBits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v        any
		u        uint64
		negative bool
		ok       bool
	}{
		{json.Number("-1"), math.MaxUint64, true, true}, {json.Number("-0"), 0, false, true}, {json.Number("-0.9"), 0, false, true},
		{json.Number("-1e30"), 1 << 63, true, true}, {1.9, 1, false, true}, {-1.9, math.MaxUint64, true, true}, {math.NaN(), 0, false, true},
		{math.Inf(1), math.MaxUint64, false, true}, {int(-2), math.MaxUint64 - 1, true, true}, {int64(3), 3, false, true},
		{uint64(math.MaxUint64), math.MaxUint64, false, true}, {"1", 0, false, false}, {nil, 0, false, false},
	} {
		if u, negative, ok := Bits(c.v); u != c.u || negative != c.negative || ok != c.ok {
			t.Errorf("%v: %d, negative %t, %t", c.v, u, negative, ok)
		}
	}
}

func TestNegative(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`-1`: true, `1`: false, `-0.5`: false, `"-1"`: true, `" -1x"`: true, `"-0"`: false, `"-99999999999999999999"`: false, `true`: false, `null`: false,
	} {
		if Negative(decode(t, text)) != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
	if n := Number(math.MaxUint64); n != "18446744073709551615" {
		t.Errorf("written as %s", n)
	}
}
