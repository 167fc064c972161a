package rule_test

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// hexBytes is hex text in a vector file.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type mac identity.MAC

func (m *mac) UnmarshalText(b []byte) error {
	v, err := identity.ParseMAC(string(b))
	*m = mac(v)
	return err
}

// vectors is testdata/rules.json: outputs of the reference, frames pooled.
type vectors struct {
	NetworkID     identity.NetworkID
	SelfAddress   identity.Address
	Now           clock.Wall
	PRNGLow32     uint32
	Contexts      []*context
	Frames        []hexBytes
	RuleParse     []parseCase     `json:"rule_parse"`
	FilterCases   []filterCase    `json:"filter_cases"`
	NetworkFilter []networkFilter `json:"network_filter"`
}

type context struct {
	Name                   string
	Flags                  string
	ConfigTimestamp        clock.Wall
	CredentialTimeMaxDelta uint64
	LocalTags, RemoteTags  []tag
	LocalCoos, RemoteCoos  []coo
	StaticIPs              []netip.Prefix
	HaveMembership         bool
}

type tag struct {
	ID, Value uint32
	Timestamp clock.Wall
}

type coo struct {
	ID        uint32
	Timestamp clock.Wall
	Things    []struct {
		Type  int
		Value hexBytes
	}
}

type filterCase struct {
	Name, Ctx     string
	Frame         int
	Rules, Log    hexBytes
	Result        string
	In            bool
	Src, Dst      identity.Address
	SMAC, DMAC    mac
	Ether, VLAN   uint16
	CC, NewZTDest *identity.Address
	CCLength      int
	CCWatch       bool
}

type parseCase struct {
	Name         string
	Bin          hexBytes
	MaxRules     int
	Parse        string
	RuleCount    int
	Consumed     int
	Reserialized hexBytes
}

type networkFilter struct {
	Name                                  string
	Inbound, NoTee                        bool
	ZTSource, ZTDest                      identity.Address
	MACSource, MACDest                    mac
	EtherType                             uint16
	Frame                                 int
	Rules                                 hexBytes
	LocalCapabilities, RemoteCapabilities []hexBytes
	Returns                               int
	Emitted                               []struct {
		To      identity.Address
		Verb    int
		Payload hexBytes
	}
}

func load(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/rules.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// window is the span of usable credentials.
func (c *context) window() credential.Window {
	return credential.Window{Center: c.ConfigTimestamp, MaxDelta: c.CredentialTimeMaxDelta}
}

// side adds tags and things, those outside the window only if it is nil.
func side(tags []tag, coos []coo, w *credential.Window) (s rule.Side) {
	for _, t := range tags {
		if w == nil || w.Contains(t.Timestamp) {
			s.Tags = append(s.Tags, rule.Tag{ID: t.ID, Value: t.Value})
		}
	}
	for _, c := range coos {
		if w != nil && !w.Contains(c.Timestamp) {
			continue
		}
		for _, th := range c.Things {
			if th.Type == 1 {
				s.MACs = append(s.MACs, identity.MACFrom(th.Value))
				continue
			}
			ip, _ := netip.AddrFromSlice(th.Value)
			s.IPs = append(s.IPs, ip)
		}
	}
	return s
}

// fixed is a random source that always gives the same word.
type fixed uint64

func (f fixed) Uint64() uint64 { return uint64(f) }

// links builds what the evaluator is given for each context.
func (v *vectors) links() map[string]*link {
	out := map[string]*link{}
	for _, c := range v.Contexts {
		l := &link{random: fixed(v.PRNGLow32) | 0xdeadbeef<<32}
		l.local = rule.Local{
			Side: side(c.LocalTags, c.LocalCoos, nil), Self: v.SelfAddress,
			UnsupportedMatch: c.Flags == "0000000000000008",
		}
		if c.Flags == "0000000000000004" {
			for _, p := range c.StaticIPs {
				switch p {
				case identity.SixPlane(v.NetworkID, v.SelfAddress):
					l.local.SixPlane = p.Masked()
				case identity.RFC4193(v.NetworkID, v.SelfAddress):
					l.local.RFC4193 = p.Masked()
				}
			}
		}
		if c.HaveMembership {
			w := c.window()
			s := side(c.RemoteTags, c.RemoteCoos, &w)
			l.remote = &s
		}
		out[c.Name] = l
	}
	return out
}

type link struct {
	local  rule.Local
	remote *rule.Side
	random fixed
}

// input is the frame of a case on its link.
func (c *filterCase) input(v *vectors, l *link) *rule.Input {
	return &rule.Input{
		Inbound: c.In, Source: c.Src, Destination: c.Dst,
		SourceMAC: identity.MAC(c.SMAC), DestinationMAC: identity.MAC(c.DMAC),
		EtherType: c.Ether, VLAN: c.VLAN, Frame: v.Frames[c.Frame],
		Local: &l.local, Remote: l.remote, Random: l.random,
	}
}

// mustParse decodes a whole rule list.
func mustParse(t testing.TB, b []byte) []rule.Rule {
	t.Helper()
	r, n, err := rule.Parse(b, rule.MaxRules)
	if err != nil || n != len(b) {
		t.Fatalf("parse rules %x: read %d, %v", b, n, err)
	}
	return r
}
