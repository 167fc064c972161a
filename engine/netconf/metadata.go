package netconf

import (
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// Keys of the metadata of a request, besides keyVersion and keyFlags (spec 04
// §4.1).
const (
	metaVendor          = "vend"
	metaProtocol        = "pv"
	metaMajor           = "majv"
	metaMinor           = "minv"
	metaRevision        = "revv"
	metaMaxRules        = "mr"
	metaMaxCapabilities = "mc"
	metaMaxCapRules     = "mcr"
	metaMaxTags         = "mt"
	metaRulesEngine     = "revr"
	metaPlatform        = "o"
	metaAuth            = "a"
)

// tokenPrefix precedes a join token in metaAuth; maxAuth is its length with it.
const (
	tokenPrefix = "token:"
	maxAuth     = 511
)

// RulesEngine is the revision of the rules engine of this implementation. To
// members that do not state one, controllers give no rules but "accept".
const RulesEngine = 1

// Metadata is what a member tells the controller about itself with a request.
type Metadata struct {
	// Version is the highest version of configurations understood.
	Version uint64
	// Vendor is 0 if unspecified, 1 for the reference.
	Vendor uint64
	// Protocol is the VL1 protocol version.
	Protocol uint64
	// Major, Minor and Revision are the software's version.
	Major, Minor, Revision uint64

	MaxRules, MaxCapabilities, MaxCapabilityRules, MaxTags uint64

	Flags       uint64
	RulesEngine uint64
	// Platform is "system/architecture", as in "linux/x86_64".
	Platform string
	// Token is a join token, empty for none.
	Token string
}

// OwnMetadata is what this implementation says of itself.
func OwnMetadata(platform string, major, minor, revision uint64) Metadata {
	return Metadata{
		Version: Version, Protocol: wire.ProtocolVersion,
		Major: major, Minor: minor, Revision: revision,
		MaxRules: rule.MaxRules, MaxCapabilities: MaxCapabilities,
		MaxCapabilityRules: rule.MaxCapabilityRules, MaxTags: MaxTags,
		RulesEngine: RulesEngine, Platform: platform,
	}
}

// Append appends the dictionary, at most 1023 bytes.
func (m *Metadata) Append(dst []byte) []byte {
	d := wire.NewDictionaryWriter(dst[len(dst):], wire.MetadataCapacity)
	d.AddUint64(keyVersion, m.Version)
	d.AddUint64(metaVendor, m.Vendor)
	d.AddUint64(metaProtocol, m.Protocol)
	d.AddUint64(metaMajor, m.Major)
	d.AddUint64(metaMinor, m.Minor)
	d.AddUint64(metaRevision, m.Revision)
	d.AddUint64(metaMaxRules, m.MaxRules)
	d.AddUint64(metaMaxCapabilities, m.MaxCapabilities)
	d.AddUint64(metaMaxCapRules, m.MaxCapabilityRules)
	d.AddUint64(metaMaxTags, m.MaxTags)
	d.AddUint64(keyFlags, m.Flags)
	d.AddUint64(metaRulesEngine, m.RulesEngine)
	if m.Platform != "" {
		d.AddText(metaPlatform, m.Platform)
	}
	if m.Token != "" && len(tokenPrefix)+len(m.Token) <= maxAuth {
		d.AddText(metaAuth, tokenPrefix+m.Token)
	}
	return append(dst, d.Bytes()...)
}

// ParseMetadata reads what a controller was told. Missing numbers are 0.
func ParseMetadata(d wire.Dictionary) Metadata {
	m := Metadata{
		Version: d.Uint64(keyVersion, 0), Vendor: d.Uint64(metaVendor, 0), Protocol: d.Uint64(metaProtocol, 0),
		Major: d.Uint64(metaMajor, 0), Minor: d.Uint64(metaMinor, 0), Revision: d.Uint64(metaRevision, 0),
		MaxRules: d.Uint64(metaMaxRules, 0), MaxCapabilities: d.Uint64(metaMaxCapabilities, 0),
		MaxCapabilityRules: d.Uint64(metaMaxCapRules, 0), MaxTags: d.Uint64(metaMaxTags, 0),
		Flags: d.Uint64(keyFlags, 0), RulesEngine: d.Uint64(metaRulesEngine, 0),
		Platform: d.Text(metaPlatform, ""),
	}
	// Longer values are not looked at, rather than cut.
	if a := d.Text(metaAuth, ""); len(a) <= maxAuth {
		m.Token, _ = strings.CutPrefix(a, tokenPrefix)
		if m.Token == a {
			m.Token = ""
		}
	}
	return m
}

// Request is the payload of a NETWORK_CONFIG_REQUEST by a member that holds
// held, which may be nil.
func Request(n identity.NetworkID, metadata []byte, held *Config) wire.NetworkConfigRequest {
	r := wire.NetworkConfigRequest{Network: n, Metadata: metadata}
	if held != nil {
		r.Revision, r.Time = held.Revision, clock.Wall(held.Timestamp)
	}
	return r
}
