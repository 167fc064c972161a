package identity

import (
	"bytes"
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
