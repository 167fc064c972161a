package dns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func addrs(texts ...string) (out []netip.Addr) {
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestJudge(t *testing.T) {
	t.Parallel()
	inside := []netip.Prefix{netip.MustParsePrefix("10.147.20.7/24"), netip.MustParsePrefix("192.168.50.0/24"), netip.MustParsePrefix("fd00::1/64")}
	for name, c := range map[string]struct {
		o       Offer
		state   State
		servers string
		says    string
	}{
		"nothing":      {Offer{Allow: true}, "", "[]", ""},
		"zero servers": {Offer{Servers: []netip.Addr{{}, {}}, Allow: true}, "", "[]", ""},
		"usual": {
			Offer{Domain: "Corp.Internal", Servers: addrs("10.147.20.1", "fd00::53"), Allow: true},
			Pending, "[10.147.20.1 fd00::53]", "",
		},
		"behind a route":    {Offer{Domain: "corp.internal", Servers: addrs("192.168.50.53"), Allow: true}, Pending, "[192.168.50.53]", ""},
		"twice, and mapped": {Offer{Domain: "corp.internal", Servers: addrs("10.147.20.1", "::ffff:10.147.20.1"), Allow: true}, Pending, "[10.147.20.1]", ""},
		"not allowed":       {Offer{Domain: "corp.internal", Servers: addrs("10.147.20.1")}, Ignored, "[10.147.20.1]", "may not change"},
		"not allowed, all":  {Offer{Domain: "corp.internal", Servers: addrs("10.147.20.1"), All: true}, Ignored, "[10.147.20.1]", "may not change"},
		"bad domain":        {Offer{Domain: "com", Servers: addrs("10.147.20.1"), Allow: true}, Refused, "[]", `"com" is a public suffix`},
		"bad domain, all":   {Offer{Domain: "onion", Servers: addrs("10.147.20.1"), Allow: true, All: true}, Refused, "[]", "onion"},
		"single label, all": {Offer{Domain: "zt", Servers: addrs("10.147.20.1"), Allow: true, All: true}, Pending, "[10.147.20.1]", ""},
		"no domain":         {Offer{Servers: addrs("10.147.20.1"), Allow: true}, Ignored, "[10.147.20.1]", "but no domain"},
		"no domain, all":    {Offer{Servers: addrs("10.147.20.1"), Allow: true, All: true}, Pending, "[10.147.20.1]", ""},
		"no servers":        {Offer{Domain: "corp.internal", Allow: true, All: true}, Ignored, "[]", "no servers"},
		"public server":     {Offer{Domain: "corp.internal", Servers: addrs("8.8.8.8"), Allow: true}, Refused, "[]", "8.8.8.8 is not inside"},
		"server of the LAN": {Offer{Domain: "corp.internal", Servers: addrs("192.168.1.1"), Allow: true}, Refused, "[]", "192.168.1.1 is not inside"},
		"one of each":       {Offer{Domain: "corp.internal", Servers: addrs("8.8.8.8", "10.147.20.1"), Allow: true}, Pending, "[10.147.20.1]", "8.8.8.8 is not inside"},
		"no addresses": {
			Offer{Domain: "corp.internal", Servers: addrs("127.0.0.1", "::1", "0.0.0.0", "224.0.0.251", "fe80::1", "255.255.255.255"), Allow: true},
			Refused, "[]", "127.0.0.1 is not an address that can be asked",
		},
	} {
		c.o.Network, c.o.Inside = "8056c2e21c000001", inside
		s := Judge(c.o)
		if s.State != c.state || fmt.Sprint(s.Servers) != c.servers || !strings.Contains(s.Reason, c.says) || c.says == "" && s.Reason != "" {
			t.Errorf("%s: %+v", name, s)
		}
		if (s.State == Ignored || s.State == Refused) && (s.Reason == "" || s.Advice == "") {
			t.Errorf("%s: says too little: %+v", name, s)
		}
	}
	all := netip.MustParsePrefix("0.0.0.0/0")
	if s := Judge(Offer{Domain: "corp.internal", Servers: addrs("8.8.8.8"), Allow: true, Inside: []netip.Prefix{all}}); s.State != Pending {
		t.Errorf("a server behind a default route that is in use: %+v", s)
	}
}
