package identity

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"testing"
)

type nameVectors struct {
	MAC []struct {
		Name      string
		NetworkID NetworkID `json:"network_id"`
		Address   Address
		MAC       string
		Multicast bool
		Local     bool `json:"locally_administered"`
	}
	MACToAddress []struct {
		Name, MAC string
		NetworkID NetworkID `json:"network_id"`
		Address   Address
	} `json:"mac_to_address"`
	MulticastGroup []struct {
		Name, MAC string
		IP        octets `json:"ip_bytes"`
		ADI       uint32
	} `json:"multicast_group"`
	Derived []struct {
		Name           string
		NetworkID      NetworkID `json:"network_id"`
		Address        Address
		MAC            string
		RFC4193        string
		SixPlane       string `json:"6plane"`
		LinkLocal      string `json:"link_local_from_mac"`
		RFC4193Bytes   octets `json:"rfc4193_bytes"`
		SixPlaneBytes  octets `json:"6plane_bytes"`
		LinkLocalBytes octets `json:"link_local_bytes"`
	} `json:"ipv6_derived"`
	AddressText []struct {
		Name, Text, Out string
		Bytes           octets
		Int             uint64
		Reserved        bool
	} `json:"address_text"`
}

func TestNameVectors(t *testing.T) {
	t.Parallel()
	var v nameVectors
	load(t, "primitives.json", &v)
	if len(v.MAC) == 0 || len(v.MACToAddress) == 0 || len(v.MulticastGroup) == 0 || len(v.Derived) == 0 || len(v.AddressText) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range v.MAC {
		m := MACOf(c.NetworkID, c.Address)
		if m.String() != c.MAC || m.Multicast() != c.Multicast || m>>41&1 == 1 != c.Local {
			t.Errorf("%s: %v, want %s", c.Name, m, c.MAC)
		}
		if m.Address(c.NetworkID) != c.Address || !m.InNetwork(c.NetworkID) {
			t.Errorf("%s: %v belongs to %v", c.Name, m, m.Address(c.NetworkID))
		}
		if p, err := ParseMAC(c.MAC); p != m || err != nil {
			t.Errorf("%s: parsed %v, %v", c.Name, p, err)
		}
	}
	for _, c := range v.MACToAddress {
		m, err := ParseMAC(c.MAC)
		if err != nil || m.Address(c.NetworkID) != c.Address {
			t.Errorf("%s: %v, %v, want %v", c.Name, m.Address(c.NetworkID), err, c.Address)
		}
	}
	for _, c := range v.MulticastGroup {
		ip, _ := netip.AddrFromSlice(c.IP)
		if g := ResolutionGroup(ip); g.MAC.String() != c.MAC || g.ADI != c.ADI {
			t.Errorf("%s: %v, want %s/%d", c.Name, g, c.MAC, c.ADI)
		}
	}
	for _, c := range v.Derived {
		r, s := RFC4193(c.NetworkID, c.Address), SixPlane(c.NetworkID, c.Address)
		m := MACOf(c.NetworkID, c.Address)
		l := LinkLocal(m)
		// Text differs in which run of zeroes is shortened, so compare bytes.
		if !bytes.Equal(r.Addr().AsSlice(), c.RFC4193Bytes) || r != netip.MustParsePrefix(c.RFC4193) {
			t.Errorf("%s: RFC 4193 address %v, want %s", c.Name, r, c.RFC4193)
		}
		if !bytes.Equal(s.Addr().AsSlice(), c.SixPlaneBytes) || s != netip.MustParsePrefix(c.SixPlane) {
			t.Errorf("%s: 6PLANE address %v, want %s", c.Name, s, c.SixPlane)
		}
		if !bytes.Equal(l.AsSlice(), c.LinkLocalBytes) || fmt.Sprintf("%v/64", l) != netip.MustParsePrefix(c.LinkLocal).String() || m.String() != c.MAC {
			t.Errorf("%s: link-local address %v, want %s", c.Name, l, c.LinkLocal)
		}
	}
	for _, c := range v.AddressText {
		a, err := ParseAddress(c.Text)
		if err != nil || uint64(a) != c.Int || a.String() != c.Out || a.Reserved() != c.Reserved {
			t.Errorf("%s: %v, %v", c.Name, a, err)
		}
		if !bytes.Equal(a.Append(nil), c.Bytes) || AddressFrom(c.Bytes) != a {
			t.Errorf("%s: bytes %x", c.Name, a.Append(nil))
		}
	}
}

func TestTextForms(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "123456789", "12345678901", "123456789g", "0x12345678"} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("address %q parses to %v", s, a)
		}
		var a Address
		if a.UnmarshalText([]byte(s)) == nil {
			t.Errorf("address %q unmarshals", s)
		}
	}
	for _, s := range []string{"", "8056c2e21c00000", "8056c2e21c0000011", "8056c2e21c00000x"} {
		if n, err := ParseNetworkID(s); err == nil {
			t.Errorf("network ID %q parses to %v", s, n)
		}
	}
	for _, s := range []string{"", "02:00:00:00:00", "02:00:00:00:00:0x", "02-00-00-00-00-00", "0:2:00:00:00:00:0", "002:0:00:00:00:00"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("MAC %q parses to %v", s, m)
		}
	}
	if m, err := ParseMAC("020000ABCDEF"); m != 0x020000abcdef || err != nil {
		t.Errorf("bare MAC parses to %v, %v", m, err)
	}
	n, err := ParseNetworkID("8056C2E21C000001")
	if err != nil || n.Controller() != 0x8056c2e21c || n.AdHoc() || NetworkIDFrom(n.Append(nil)) != n {
		t.Errorf("network ID %v, %v", n, err)
	}
	var m [6]byte
	MAC(0x0123456789ab).Put(m[:])
	if MACFrom(m[:]) != 0x0123456789ab || !bytes.Equal(MAC(0x0123456789ab).Append(nil), m[:]) {
		t.Errorf("MAC bytes %x", m)
	}
}

// TestDerivedMember finds the members whose addresses the derivations make, and
// none in addresses that only look alike (spec 04 §13.2).
func TestDerivedMember(t *testing.T) {
	t.Parallel()
	const n, self, peer = NetworkID(0xb10ca2393e1a2b3c), Address(0x803348d73a), Address(0xc872fe451a)
	for _, derive := range []func(NetworkID, Address) netip.Prefix{SixPlane, RFC4193} {
		own := derive(n, self)
		for _, a := range []Address{peer, self, 0} {
			if got, ok := DerivedMember(n, own, derive(n, a).Addr()); !ok || got != a {
				t.Errorf("%s holds %s: %s, %v", derive(n, a), a, got, ok)
			}
		}
		for _, c := range []struct {
			own netip.Prefix
			ip  netip.Addr
		}{
			{own, derive(n+1<<8, peer).Addr()},
			{own, netip.MustParseAddr("10.0.0.1")},
			{own, netip.Addr{}},
			{netip.PrefixFrom(own.Addr(), own.Bits()-1), derive(n, peer).Addr()},
			{netip.MustParsePrefix("10.0.0.1/8"), netip.MustParseAddr("10.0.0.2")},
			{netip.Prefix{}, derive(n, peer).Addr()},
		} {
			if a, ok := DerivedMember(n, c.own, c.ip); ok {
				t.Errorf("%s holds %s beside %s", c.ip, a, c.own)
			}
		}
	}
	// The prefix of another network is no 6PLANE prefix here.
	if _, ok := DerivedMember(n+1<<8, SixPlane(n, self), SixPlane(n, peer).Addr()); ok {
		t.Error("the prefix of another network counts")
	}
}

func TestGroupOrder(t *testing.T) {
	t.Parallel()
	sorted := []MulticastGroup{{0x01005e000001, 9}, {0x3333ff000005, 0}, {Broadcast, 0}, {Broadcast, 1}, {Broadcast, 1 << 31}}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := a.Compare(b); got != cmp.Compare(i, j) {
				t.Errorf("%v and %v: %d", a, b, got)
			}
		}
	}
}
