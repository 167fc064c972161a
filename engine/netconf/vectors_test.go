package netconf

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// hexBytes is hex text in a vector file; "@" stands for a pooled payload.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	if string(b) == "@" {
		return nil
	}
	*h, err = hex.DecodeString(string(b))
	return err
}

// hexNumber is a 64-bit number in hex.
type hexNumber uint64

func (n *hexNumber) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 64)
	*n = hexNumber(v)
	return err
}

// vectors is testdata/netconf.json, outputs of the reference.
type vectors struct {
	NetworkID  identity.NetworkID
	Now        clock.Wall
	Identities []struct{ Role, Secret string }
	Limits     map[string]int
	Configs    []struct {
		Name    string
		DictHex hexBytes
		Parsed  parsed
	}
	ConfigParse []struct {
		Name    string
		DictHex hexBytes
		Parses  bool
		Parsed  parsed
	} `json:"config_parse"`
	Requests []struct {
		Name string
		Sent []struct {
			To      identity.Address
			Payload hexBytes
		}
	}
	ChunkMessages []struct {
		Name     string
		Payloads []hexBytes
	} `json:"chunk_messages"`
	ChunkReception []struct {
		Name  string
		Steps []chunkStep
	} `json:"chunk_reception"`
	AdHoc []struct {
		NetworkID identity.NetworkID
		Address   identity.Address
		HasConfig bool
		Status    int
		Config    parsed
	}
	IPScope []struct {
		In       string
		Requires string `json:"managed_requires"`
	} `json:"ip_scope"`

	secrets map[string]*identity.Secret // by role
}

type chunkStep struct {
	From                 identity.Address
	Payload, PayloadFull hexBytes
	BigChunkIndex        *int
	ReturnsUpdateID      hexNumber
	Exception            bool
	HasConfigAfter       bool
	ConfigTimestampAfter clock.Wall
	RuleCountAfter       int
	Relayed              []struct{ Payload hexBytes }
}

// parsed are the fields of a configuration as the reference decoded them.
type parsed struct {
	NetworkID              identity.NetworkID
	Timestamp              clock.Wall
	CredentialTimeMaxDelta uint64
	Revision               uint64
	IssuedTo               identity.Address
	RemoteTraceTarget      identity.Address
	RemoteTraceLevel       uint64
	Flags                  hexNumber
	MTU                    int
	MulticastLimit         uint32
	Type                   int
	Name                   string
	Specialists            []hexNumber
	Routes                 []struct {
		Target, Via   string
		Flags, Metric uint16
	}
	StaticIPs               []string
	RuleCount               int
	Rules                   hexBytes
	Capabilities            []struct{ Bin hexBytes }
	Tags                    []struct{ Bin hexBytes }
	CertificatesOfOwnership []hexBytes
	COM                     hexBytes
	DNS                     struct {
		Domain  string
		Servers []string
	}
	SSOEnabled                bool
	SSOVersion                uint64
	AuthenticationURL         string
	AuthenticationExpiryTime  clock.Wall
	IssuerURL, CentralAuthURL string
	SSONonce, SSOState        string
	SSOClientID, SSOProvider  string
}

func load(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/netconf.json")
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{secrets: map[string]*identity.Secret{}}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	for _, id := range v.Identities {
		if v.secrets[id.Role], err = identity.ParseSecret(id.Secret); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// look knows every identity of the vectors.
func (v *vectors) look(a identity.Address) (identity.Identity, bool) {
	for _, s := range v.secrets {
		if s.Address == a {
			return s.Identity, true
		}
	}
	return identity.Identity{}, false
}

// describe puts a configuration into the form of the vectors.
func describe(c *Config) parsed {
	p := parsed{
		NetworkID: c.Network, Timestamp: c.Timestamp, CredentialTimeMaxDelta: c.MaxDelta, Revision: c.Revision,
		IssuedTo: c.IssuedTo, RemoteTraceTarget: c.TraceTarget, RemoteTraceLevel: c.TraceLevel,
		Flags: hexNumber(c.Flags), MTU: c.MTU, MulticastLimit: c.MulticastLimit, Type: int(c.kind()), Name: c.Name,
		RuleCount: len(c.Rules), Rules: rule.Append(nil, c.Rules),
		SSOEnabled: c.SSO.Enabled, SSOVersion: c.SSO.Version, AuthenticationURL: c.SSO.URL, AuthenticationExpiryTime: c.SSO.Expiry,
		IssuerURL: c.SSO.Issuer, CentralAuthURL: c.SSO.Central, SSONonce: c.SSO.Nonce, SSOState: c.SSO.State,
		SSOClientID: c.SSO.ClientID, SSOProvider: c.SSO.Provider,
	}
	for _, s := range c.Specialists {
		p.Specialists = append(p.Specialists, hexNumber(s))
	}
	for _, r := range c.Routes {
		via := ""
		if r.Via.IsValid() {
			via = r.Via.String() + "/0"
		}
		p.Routes = append(p.Routes, struct {
			Target, Via   string
			Flags, Metric uint16
		}{r.Target.String(), via, r.Flags, r.Metric})
	}
	for _, a := range c.Addresses {
		p.StaticIPs = append(p.StaticIPs, a.String())
	}
	for i := range c.Capabilities {
		p.Capabilities = append(p.Capabilities, struct{ Bin hexBytes }{c.Capabilities[i].Append(nil)})
	}
	for i := range c.Tags {
		p.Tags = append(p.Tags, struct{ Bin hexBytes }{c.Tags[i].Append(nil)})
	}
	for i := range c.Ownerships {
		p.CertificatesOfOwnership = append(p.CertificatesOfOwnership, c.Ownerships[i].Append(nil))
	}
	if !c.Membership.Empty() {
		p.COM = c.Membership.Append(nil)
	}
	p.DNS.Domain = c.DNS.Domain
	for _, s := range c.DNS.Servers {
		text := ""
		if s.IsValid() {
			text = netip.PrefixFrom(s, 0).String()
		}
		p.DNS.Servers = append(p.DNS.Servers, text)
	}
	return p
}

// text makes descriptions comparable.
func (p parsed) text(t testing.TB) string {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "null", "[]")
}

// compare fails unless c is as the reference decoded it; a null address, which
// that keeps as an empty slot, is left out (spec 04 §18.1).
func compare(t *testing.T, name string, c *Config, want parsed) {
	t.Helper()
	want.StaticIPs = slices.DeleteFunc(want.StaticIPs, func(s string) bool { return s == "" })
	if len(want.COM) == 0 {
		want.COM = nil
	}
	if len(want.Rules) == 0 {
		want.Rules = nil
	}
	if got, want := describe(c).text(t), want.text(t); got != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}
