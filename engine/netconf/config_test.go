package netconf

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

func TestConfigVectors(t *testing.T) {
	t.Parallel()
	for _, v := range load(t).Configs {
		c, err := Parse(v.DictHex)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		compare(t, v.Name, c, v.Parsed)
		unsort(t, c, v.DictHex)
		if v.Name == "sso-v2-nothing-written" {
			c.SSO.Version = 2 // of which the text says nothing
		}
		if got := c.Append([]byte("head")); !bytes.Equal(got[4:], v.DictHex) {
			t.Errorf("%s:\n got %q\nwant %q", v.Name, got[4:], []byte(v.DictHex))
		}
	}
}

// unsort puts credentials back into the order of the text, which Parse sorts.
func unsort(t *testing.T, c *Config, text []byte) {
	t.Helper()
	d := wire.ParseDictionary(text, 0)
	c.Capabilities, c.Tags = nil, nil
	for b, _ := d.Get(keyCapabilities); len(b) > 0; {
		v, n, err := credential.ParseCapability(b)
		if err != nil {
			t.Fatal(err)
		}
		c.Capabilities, b = append(c.Capabilities, v), b[n:]
	}
	for b, _ := d.Get(keyTags); len(b) > 0; {
		v, n, err := credential.ParseTag(b)
		if err != nil {
			t.Fatal(err)
		}
		c.Tags, b = append(c.Tags, v), b[n:]
	}
}

func TestParseVectors(t *testing.T) {
	t.Parallel()
	for _, v := range load(t).ConfigParse {
		c, err := Parse(v.DictHex)
		if (err == nil) != v.Parses {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err == nil && v.Parses {
			compare(t, v.Name, c, v.Parsed)
		}
		if err != nil && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrField) {
			t.Errorf("%s: unexpected kind of error: %v", v.Name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := load(t).Limits
	if l["ZT_NETWORKCONFIG_DICT_CAPACITY"] != wire.ConfigCapacity || l["ZT_NETWORK_MAX_UPDATE_CHUNKS"] != wire.MaxConfigChunks ||
		l["ZT_NETWORKCONFIG_METADATA_DICT_CAPACITY"] != wire.MetadataCapacity {
		t.Errorf("limits are %v", l)
	}
	v := load(t)
	c := &Config{Network: v.NetworkID, IssuedTo: 1, MTU: DefaultMTU, Name: strings.Repeat("n", 300)}
	for i := range 2000 {
		c.Rules = append(c.Rules, rule.Rule{Type: rule.ActionAccept})
		c.Specialists = append(c.Specialists, ActiveBridge|Specialist(i+1))
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 24)
		c.Addresses = append(c.Addresses, p)
		c.Routes = append(c.Routes, Route{Target: p})
		c.Tags = append(c.Tags, credential.Tag{ID: uint32(i)})
		c.Capabilities = append(c.Capabilities, credential.Capability{ID: uint32(i), MaxCustody: 1})
		c.Ownerships = append(c.Ownerships, credential.Ownership{ID: uint32(i)})
	}
	got, err := Parse(c.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rules) != rule.MaxRules || len(got.Specialists) != MaxSpecialists || len(got.Addresses) != MaxAddresses ||
		len(got.Routes) != MaxRoutes || len(got.Tags) != MaxTags || len(got.Capabilities) != MaxCapabilities ||
		len(got.Ownerships) != MaxOwnerships || len(got.Name) != MaxName {
		t.Error("a written list exceeds its limit")
	}

	// A reader cuts what a writer of another make did not.
	var d wire.DictionaryWriter
	d.AddUint64(keyVersion, Version)
	d.AddUint64(keyNetwork, uint64(v.NetworkID))
	d.AddText(keyIssuedTo, "0000000001")
	var tags, caps, owned, rules, ips, routes, specialists []byte
	for i := range 2000 {
		tags = c.Tags[i].Append(tags)
		caps = c.Capabilities[i].Append(caps)
		if i < 6 {
			owned = c.Ownerships[i].Append(owned)
		}
		rules = c.Rules[i].Append(rules)
		ips = wire.AppendInet(ips, wire.InetOf(c.Addresses[i]))
		routes = append(wire.AppendInet(routes, wire.InetOf(c.Addresses[i])), 0, 0, 0, 0, 0)
		specialists = append(specialists, 0, 0, 2, 0, 0, 0, 0, 1)
	}
	for key, b := range map[string][]byte{keyTags: tags[:200*135], keyCapabilities: caps[:200*30], keyOwnerships: owned,
		keyRules: rules, keyAddresses: ips, keyRoutes: routes, keySpecialists: specialists} {
		d.AddBytes(key, b)
	}
	got, err = Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rules) != rule.MaxRules || len(got.Specialists) != MaxSpecialists || len(got.Addresses) != MaxAddresses ||
		len(got.Routes) != MaxRoutes || len(got.Tags) != MaxTags || len(got.Capabilities) != MaxCapabilities ||
		len(got.Ownerships) != MaxOwnerships {
		t.Errorf("a read list exceeds its limit: %d %d %d %d %d %d %d", len(got.Rules), len(got.Specialists), len(got.Addresses),
			len(got.Routes), len(got.Tags), len(got.Capabilities), len(got.Ownerships))
	}
}

func TestImpossiblePrefixes(t *testing.T) {
	t.Parallel()
	var d wire.DictionaryWriter
	d.AddUint64(keyVersion, Version)
	d.AddUint64(keyNetwork, 1)
	d.AddText(keyIssuedTo, "0000000001")
	bad := []byte{4, 10, 0, 0, 1, 0, 33}
	d.AddBytes(keyAddresses, append(bad, 4, 10, 0, 0, 2, 0, 24))
	d.AddBytes(keyRoutes, append(append([]byte(nil), bad...), 0, 0, 0, 0, 0))
	c, err := Parse(d.Bytes())
	if err != nil || len(c.Routes) != 0 || len(c.Addresses) != 1 || c.Addresses[0].String() != "10.0.0.2/24" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	c := &Config{Specialists: []Specialist{ActiveBridge | 1, Anchor | 2, MulticastReplicator | ActiveBridge | 3, 4}}
	if got := c.WithRole(nil, ^Specialist(0)); !slices.Equal(got, []identity.Address{1, 2, 3}) {
		t.Errorf("members with any role %v", got)
	}
	if got := c.WithRole(nil, ActiveBridge); !slices.Equal(got, []identity.Address{1, 3}) {
		t.Errorf("bridges %v", got)
	}
	if got := c.AlwaysContact(nil); !slices.Equal(got, []identity.Address{2, 3}) {
		t.Errorf("contacts %v", got)
	}
	c.Network = 0xff0a803348d73a01
	if got := c.AlwaysContact(nil); !slices.Equal(got, []identity.Address{1, 2, 3, 4}) {
		t.Errorf("contacts of an ad-hoc network %v", got)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	const n, self = identity.NetworkID(0xb10ca2393e1a2b3c), identity.Address(0x803348d73a)
	c := &Config{
		Network: n, IssuedTo: self, Flags: FlagUnsupportedMatch,
		Tags:       []credential.Tag{{ID: 1, Value: 10}, {ID: 1, Value: 11}, {ID: 2, Value: 20}},
		Ownerships: []credential.Ownership{{Things: []credential.Thing{credential.ThingOf(netip.MustParseAddr("10.0.0.1"))}}},
		Addresses:  []netip.Prefix{identity.SixPlane(n, self), netip.MustParsePrefix("10.0.0.1/24")},
	}
	l := c.Local()
	if l.Self != self || !l.UnsupportedMatch || len(l.Tags) != 2 || len(l.IPs) != 1 || l.SixPlane.IsValid() {
		t.Errorf("%+v", l)
	}
	if v, ok := l.Tag(1); !ok || v != 10 {
		t.Errorf("tag 1 is %d, %v", v, ok)
	}
	c.Flags = FlagNDPEmulation | FlagBroadcast
	if l = c.Local(); l.UnsupportedMatch || l.SixPlane.String() != "fc8f:1689:500::/40" || l.RFC4193.IsValid() {
		t.Errorf("%+v", l)
	}
	c.Addresses = append(c.Addresses, identity.RFC4193(n, self))
	if l = c.Local(); l.RFC4193 != identity.RFC4193(n, self).Masked() {
		t.Errorf("%+v", l)
	}
	if !c.NDPEmulation() || !c.Broadcast() || c.NoCompressFrames() {
		t.Error("flags are wrong")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := &Config{Timestamp: 5, MaxDelta: 7}
	if b := c.Credentials(); !b.Empty() {
		t.Errorf("%+v", b)
	}
	c.Membership = credential.MembershipOf(credential.Qualifier{ID: 1, Value: 1})
	c.Capabilities = []credential.Capability{{Rules: AcceptRules()}, {Rules: portRules(1, 2)}}
	if b := c.Credentials(); len(b.Memberships) != 1 || len(b.Capabilities) != 2 {
		t.Errorf("%+v", b)
	}
	if s := c.CapabilitySets(); len(s) != 2 || s[1].Len() != 14 {
		t.Errorf("%d sets", len(s))
	}
	if w := c.Window(); w.Center != 5 || w.MaxDelta != 7 {
		t.Errorf("%+v", w)
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const n, self = identity.NetworkID(0xb10ca2393e1a2b3c), identity.Address(0x803348d73a)
	at := func(ts int64) *Config {
		return &Config{Network: n, IssuedTo: self, Timestamp: 1_700_000_000_000 + clock.Wall(1000*ts)}
	}
	other := at(0)
	other.IssuedTo++
	foreign := at(0)
	foreign.Network++
	cases := []struct {
		name       string
		held, next *Config
		answer     bool
		want       Decision
	}{
		{"first", nil, at(0), false, Replace},
		{"for another member", nil, other, true, Ignore},
		{"of another network", nil, foreign, true, Ignore},
		{"same", at(0), at(0), false, Unchanged},
		{"newer", at(0), at(1), false, Replace},
		{"a little older", at(1), at(0), false, Stale},
		{"much older", at(61), at(0), false, Stale},
		{"of the same time", at(0), &Config{Network: n, IssuedTo: self, Timestamp: at(0).Timestamp, Name: "b"}, false, Replace},
		{"much older but asked for", at(61), at(0), true, Replace},
	}
	for _, c := range cases {
		if got := Decide(c.held, c.next, n, self, c.answer); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// FuzzParse checks that what parses is within limits and, written, parses to
// the same.
func FuzzParse(f *testing.F) {
	v := load(f)
	for _, c := range v.Configs {
		f.Add([]byte(c.DictHex))
	}
	for _, c := range v.ConfigParse {
		f.Add([]byte(c.DictHex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		if c.MTU < MinMTU || c.MTU > MaxMTU || len(c.Rules) > rule.MaxRules || len(c.Tags) > MaxTags {
			t.Fatalf("beyond limits: %+v", c)
		}
		if c.SSO.Version > 1 {
			c.SSO = SSO{} // of an unknown version nothing is written, as by the reference
		}
		enc := c.Append(nil)
		again, err := Parse(enc)
		if err != nil || !bytes.Equal(again.Append(nil), enc) {
			t.Fatalf("%q does not round-trip: %v", enc, err)
		}
		c.Local()
		c.CapabilitySets()
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range load(b).Configs {
		if c.Name != "full-unsorted-caps-and-tags" {
			continue
		}
		b.SetBytes(int64(len(c.DictHex)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(c.DictHex); err != nil {
				b.Fatal(err)
			}
		}
	}
}
