package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"time"
	"unicode/utf8"

	"orrery/engine/identity"
)

// LocalConf is the administrator's configuration: local.conf (spec 06 §4). It
// is immutable.
type LocalConf struct {
	// Physical has what is said of underlying networks, in the reference's
	// order: by family, prefix length ascending, address. At most 32.
	Physical []PhysicalNetwork
	// Virtual has what is said of single peers, by address.
	Virtual []VirtualPeer
	// Settings are the service's settings.
	Settings Settings
	// Warnings name every value that was ignored or changed, with its path.
	Warnings []string

	doc map[string]any // everything, unknown keys included
}

// PhysicalNetwork is a network that carries our packets.
type PhysicalNetwork struct {
	Prefix netip.Prefix // without host bits
	// Blacklist: neither bind to addresses in it nor send to it.
	Blacklist bool
	// TrustedPathID, if not 0, sends packets to it unencrypted with this ID.
	TrustedPathID uint64
	// MTU is the payload MTU in bytes, 1400 to 10324, 0 for the default.
	MTU int
}

// VirtualPeer is advice on one peer.
type VirtualPeer struct {
	Address   identity.Address
	Try       []netip.AddrPort // endpoints to try
	Blacklist []netip.Prefix   // networks not to use for this peer
}

// PeerBond names the bonding policy for one peer.
type PeerBond struct {
	Peer   identity.Address
	Policy string
}

// Settings are the members of "settings" that the service knows, with their
// defaults filled in (spec 06 §4.4).
type Settings struct {
	PrimaryPort        int // 0 for random, -1 if not set
	SecondaryPort      int // 0 for random
	TertiaryPort       int // 0 for random
	AllowSecondaryPort bool
	PortMapping        bool

	Bind                     []netip.Addr // exactly these local addresses, if any
	InterfacePrefixBlacklist []string
	AllowManagementFrom      []netip.Prefix

	AllowTCPFallbackRelay bool
	ForceTCPRelay         bool
	TCPFallbackRelay      netip.AddrPort

	LowBandwidthMode bool
	// StrictCredentials refuses what the reference takes of members' credentials
	// although it may not be theirs. It is ours.
	StrictCredentials bool
	ControllerDBPath  string // of controller.d, empty for the one in the home
	SSORedirectURL    string

	DefaultBondingPolicy string
	Policies             json.RawMessage // an object, {} if not set
	PeerSpecificBonds    []PeerBond      // by peer

	// CompatAPI serves the reference's API on 127.0.0.1. It is ours.
	CompatAPI bool
}

// defaultRelay is the relay that the reference's users have by default.
var defaultRelay = netip.AddrPortFrom(netip.AddrFrom4([4]byte{204, 80, 128, 1}), 443)

// maxPhysical is how many physical networks the reference keeps.
const maxPhysical = 32

// SettingError is returned for a setting that is not what it has to be.
type SettingError struct{ Reason string }

// Error names the setting and what is wrong with it.
func (e *SettingError) Error() string { return e.Reason }

// ParseLocalConf reads the content of local.conf. Empty content is an empty
// configuration. Only content that is no JSON object is an error; a single
// value that cannot be used takes its default and leaves a warning.
func ParseLocalConf(b []byte) (*LocalConf, error) {
	doc := map[string]any{}
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // editors of Windows write it
	if len(bytes.TrimSpace(b)) > 0 {
		v, err := parseJSON(b)
		if err != nil {
			return nil, fmt.Errorf("parse local.conf: %w", err)
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errors.New("parse local.conf: not a JSON object")
		}
		doc = m
	}
	c := &LocalConf{doc: doc}
	r := reader{}
	c.Physical = r.physical(r.object(doc, "physical"))
	c.Virtual = r.virtual(r.object(doc, "virtual"))
	settings := r.object(doc, "settings")
	c.Settings = r.settings(settings)
	r.unknown(settings)
	c.Warnings = r.warnings
	return c, nil
}

// JSON is the configuration as an object, compact, keys in byte order.
func (c *LocalConf) JSON() json.RawMessage { return encodeJSON(c.doc, "") }

// File is the content of local.conf, indented as the reference does.
func (c *LocalConf) File() []byte { return encodeJSON(c.doc, "    ") }

// With returns the configuration with members of its settings replaced; JSON
// null is stored as null. A value that would be ignored is refused with a
// *[SettingError].
func (c *LocalConf) With(settings map[string]json.RawMessage) (*LocalConf, error) {
	doc := maps.Clone(c.doc)
	old, _ := doc["settings"].(map[string]any)
	changed, only := map[string]any{}, map[string]any{}
	maps.Copy(changed, old)
	for key, raw := range settings {
		v, err := parseJSON(raw)
		if err != nil {
			return nil, &SettingError{fmt.Sprintf("settings.%s: %v", key, err)}
		}
		changed[key], only[key] = v, v
	}
	r := reader{}
	if r.settings(only); len(r.warnings) > 0 {
		return nil, &SettingError{r.warnings[0]}
	}
	doc["settings"] = changed
	return ParseLocalConf(encodeJSON(doc, ""))
}

// LoadLocalConf reads local.conf at the start. If there is none, or if it is
// damaged and was set aside, the configuration is empty.
func (h *Home) LoadLocalConf(now time.Time) (*LocalConf, []Notice, error) {
	var c *LocalConf
	_, notices, err := h.load(now, maxLocalConf, func(b []byte) (err error) {
		c, err = ParseLocalConf(b)
		return err
	}, localConfFile)
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		c, err = ParseLocalConf(nil)
	}
	return c, notices, err
}

// ReloadLocalConf reads local.conf again while the service runs. A file that
// is damaged is left to whoever is editing it: keep the last configuration and
// report the error.
func (h *Home) ReloadLocalConf() (*LocalConf, error) {
	b, err := read(h.path(localConfFile), maxLocalConf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return ParseLocalConf(b)
}

// LocalConfPath is the path of local.conf, to watch for changes.
func (h *Home) LocalConfPath() string { return h.path(localConfFile) }

// SaveLocalConf replaces local.conf.
func (h *Home) SaveLocalConf(c *LocalConf) error {
	return Write(h.path(localConfFile), c.File(), 0o644)
}

// parseJSON reads one JSON value with nothing after it. Numbers stay as they
// are written.
func parseJSON(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8 text")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// encodeJSON renders what parseJSON returned.
func encodeJSON(v any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic("store: cannot encode JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
