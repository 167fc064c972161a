package controller

import (
	"encoding/json"
	"net/netip"
	"testing"

	"orrery/engine/internal/loose"
)

func TestParseValue(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", " ", "{", "{} {}", "[1,]", "\"\xff\"", "nul", "{\"a\":1}x"} {
		if v, err := parseValue([]byte(in)); err == nil {
			t.Errorf("%q is %v", in, v)
		}
	}
	const doc = `{"a":1.50,"b":12345678901234567890,"c":"<&>é","d":[null,{"z":1,"y":2}]}`
	v, err := parseValue([]byte(" " + doc + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(encode(v)); got != `{"a":1.50,"b":12345678901234567890,"c":"<&>é","d":[null,{"y":2,"z":1}]}` {
		t.Errorf("came back as %s", got)
	}
	if loose.ToUint(json.Number("12345678901234567890"), 0) != 12345678901234567890 {
		t.Error("numbers lose digits")
	}
}

func TestLooseIP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, ip string
		bits   int
	}{
		{"10.1.2.3", "10.1.2.3", 0}, {"10.1.2.3/16", "10.1.2.3", 16}, {"10.300.0.0/8", "0.0.0.0", 8}, {"10.1.2", "0.0.0.0", 0},
		{"10.01.2.3", "0.0.0.0", 0}, {"1.2.3.4/65537", "1.2.3.4", 1}, {"1.2.3.4/x", "1.2.3.4", 0}, {"FD00::1/64", "fd00::1", 64}, {":", "::", 0},
		{"fe80::1%eth0", "::", 0}, {"::ffff:1.2.3.4", "::ffff:1.2.3.4", 0}, {"::1.2.3.4", "::1.2.3.4", 0}, {"::2", "::2", 0}, {"::1:2", "::0.1.0.2", 0},
	} {
		ip, bits, ok := looseIP(c.in)
		if !ok || renderIP(ip) != c.ip || bits != c.bits {
			t.Errorf("%s is %s/%d, want %s/%d", c.in, renderIP(ip), bits, c.ip, c.bits)
		}
	}
	for _, in := range []string{"", "junk", "/8", "1.2.3.4/" + string(make([]byte, 60))} {
		if ip, _, ok := looseIP(in); ok {
			t.Errorf("%q is %s", in, ip)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target string
		bits   int
		ip     string
		want   bool
	}{
		{"10.0.0.0", 8, "10.1.2.3", true}, {"10.9.9.9", 8, "10.1.2.3", true}, {"10.0.0.0", 0, "8.8.8.8", true}, {"10.0.0.0", 8, "fd00::1", false},
		{"fd00::", 8, "fd12::1", true}, {"fd00::1", 8, "fd12::1", false}, {"::", 0, "2001::1", true}, {"192.168.1.1", 32, "192.168.1.1", true},
		{"10.0.0.0", 33, "10.0.0.0", false},
	} {
		if got := covers(netip.MustParseAddr(c.target), c.bits, netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("%s/%d covers %s: %t", c.target, c.bits, c.ip, got)
		}
	}
}
