package portmap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The layouts are those of RFC 6887 figures 2, 3, 9 and 10.
const (
	mapRequest = "02 01 0000 00001c20 00000000000000000000ffffc0a80102" +
		"0102030405060708090a0b0c 11 000000 270a 3039 00000000000000000000ffff05060708"
	mapResponse = "02 81 00 00 00000e10 00010203 000000000000000000000000" +
		"0102030405060708090a0b0c 11 000000 270a 303a 00000000000000000000ffff05060708"
)

func TestPCPRequest(t *testing.T) {
	t.Parallel()
	n := nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	client := netip.MustParseAddr("192.168.1.2")
	got := pcpMapRequest(client, n, 9994, netip.MustParseAddrPort("5.6.7.8:12345"), 7200)
	if want := unhex(t, mapRequest); !bytes.Equal(got, want) {
		t.Errorf("map request\n%x, want\n%x", got, want)
	}
	// Without a wish the address says only its family (RFC 6887 §11.1).
	got = pcpMapRequest(client, n, 9994, netip.AddrPort{}, 0)
	if want := unhex(t, "0000 00000000000000000000ffff00000000"); !bytes.Equal(got[42:], want) {
		t.Errorf("wishes %x, want %x", got[42:], want)
	}
	got = pcpRequest(opAnnounce, 0, client)
	if want := unhex(t, "02 00 0000 00000000 00000000000000000000ffffc0a80102"); !bytes.Equal(got, want) {
		t.Errorf("announcement %x, want %x", got, want)
	}
}

func TestParsePCP(t *testing.T) {
	t.Parallel()
	good := unhex(t, mapResponse)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	n := nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for name, c := range map[string]struct {
		in      []byte
		err     error
		answers bool
	}{
		"good":                     {in: good, answers: true},
		"with an option":           {in: append(bytes.Clone(good), 1, 0, 0, 0), answers: true},
		"odd length":               {in: append(bytes.Clone(good), 0), err: errShortPCP},
		"too long":                 {in: append(bytes.Clone(good), make([]byte, pcpMaxLen)...), err: errShortPCP},
		"empty":                    {err: errShortPCP},
		"header only":              {in: good[:pcpHeaderLen], err: errShortPCP},
		"cut":                      {in: good[:56], err: errShortPCP},
		"request":                  {in: change(1, 1), err: errNotPCP},
		"other nonce":              {in: change(24, 9)},
		"other protocol":           {in: change(36, 6)},
		"other port":               {in: change(41, 1)},
		"other operation":          {in: change(1, 0x82)},
		"refusal":                  {in: change(3, 2), answers: true},
		"refusal of another's":     {in: append(change(3, 2)[:24], append(unhex(t, "ff"), good[25:]...)...)},
		"refusal without content":  {in: change(3, 3)[:pcpHeaderLen], answers: true},
		"old gateway":              {in: unhex(t, "00810001 00001234")},
		"old gateway, cut":         {in: unhex(t, "008100"), err: errShortPCP},
		"announcement":             {in: change(1, 0x80)[:pcpHeaderLen]},
		"version that is unheard":  {in: change(0, 9)},
		"response of NAT-PMP size": {in: change(3, 0)[:16], err: errShortPCP},
	} {
		r, err := parsePCP(c.in)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", name, err, c.err)
			continue
		}
		if got := err == nil && r.version == pcpVersion && r.answers(n, 9994); got != c.answers {
			t.Errorf("%s: answers %v, want %v (%+v)", name, got, c.answers, r)
		}
	}
	r, err := parsePCP(good)
	want := pcpResponse{
		version: 2, op: opMap, life: time.Hour, epoch: 0x10203, nonce: n, protocol: 17, port: 9994,
		external: netip.MustParseAddrPort("5.6.7.8:12346"),
	}
	if err != nil || r != want {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
}

func TestPCPResults(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for r := range 256 {
		text := pcpResult(r).String()
		if text == "" || seen[text] {
			t.Errorf("result %d has the text %q", r, text)
		}
		seen[text] = true
	}
}

func FuzzPCP(f *testing.F) {
	f.Add(unhex(f, mapResponse))
	f.Add(unhex(f, mapRequest))
	f.Add(unhex(f, "00810001 00001234"))
	f.Add(unhex(f, mapResponse)[:pcpHeaderLen])
	p := &pcp{nonce: nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := p.match(b, opMap, 9994)
		if err != nil {
			return
		}
		// What is accepted has said everything that it must.
		if r.result != pcpSuccess || r.nonce != p.nonce || r.port != 9994 || r.protocol != protocolUDP || r.version != pcpVersion || len(b) < pcpMapLen {
			t.Errorf("accepted %x as %+v", b, r)
		}
	})
}

func FuzzLocation(f *testing.F) {
	gw := netip.MustParseAddr("192.168.1.1")
	f.Add([]byte("HTTP/1.1 200 OK\r\nST: " + searchTargets[1] + "\r\nLocation: http://192.168.1.1:5000/rootDesc.xml\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nST: " + searchTargets[0] + "\r\nLocation: http://evil.example/\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u := location(b, gw)
		if u == nil {
			return
		}
		if u.Hostname() != "192.168.1.1" && u.Hostname() != "::ffff:192.168.1.1" || u.Scheme != "http" {
			t.Errorf("%q leads to %v", b, u)
		}
	})
}

func TestLocation(t *testing.T) {
	t.Parallel()
	gw := netip.MustParseAddr("192.168.1.1")
	for place, want := range map[string]bool{
		"http://192.168.1.1:5000/rootDesc.xml": true,
		"http://192.168.1.1/":                  true,
		"http://192.168.1.2:5000/":             false,
		"https://192.168.1.1/":                 false,
		"file:///etc/passwd":                   false,
		"http://router/":                       false,
		"http://a:b@192.168.1.1/":              false,
		"http://192.168.1.1@evil.example/":     false,
		"/rootDesc.xml":                        false,
		"":                                     false,
		"http://192.168.1.1/" + strings.Repeat("a", maxLocation): false,
	} {
		answer := "HTTP/1.1 200 OK\r\nST: " + searchTargets[1] + "\r\nLocation: " + place + "\r\n\r\n"
		if got := location([]byte(answer), gw) != nil; got != want {
			t.Errorf("%q: %v, want %v", place, got, want)
		}
		if location([]byte(strings.Replace(answer, "200", "404", 1)), gw) != nil || location([]byte(strings.Replace(answer, "Gateway", "Printer", 1)), gw) != nil {
			t.Errorf("%q: taken from an error or a printer", place)
		}
	}
}
