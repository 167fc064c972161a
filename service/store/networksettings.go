package store

import (
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/wire"
)

// NetworkSettings are the user's own settings of a network: the content of
// networks.d/<id>.local.conf (spec 06 §1.3, spec 04 §14.5).
type NetworkSettings struct {
	// AllowManaged takes over addresses and routes of the controller. If
	// AllowOnly is not empty it is true, and only what lies in these prefixes
	// is taken over.
	AllowManaged bool
	AllowOnly    []netip.Prefix
	AllowGlobal  bool
	AllowDefault bool
	AllowDNS     bool
	// Port is "tun", "tap" or empty for the default. It is ours: the reference
	// ignores it, and drops it when it writes the file.
	Port string
	// VerifiedOnly drops frames of members whose identity was not verified. It
	// is ours too.
	VerifiedOnly bool
	// Other has the lines with keys that are not known, in order.
	Other []Line
}

// Line is one entry of a settings file.
type Line struct{ Key, Value string }

// Keys of the file, in the order in which they are written.
const (
	keyManaged  = "allowManaged"
	keyGlobal   = "allowGlobal"
	keyDefault  = "allowDefault"
	keyDNS      = "allowDNS"
	keyPort     = "port"
	keyVerified = "verifiedOnly"
)

// maxAllowList is the room that the reference has for the list.
const maxAllowList = 1024

// DefaultNetworkSettings is what a network has without a file.
func DefaultNetworkSettings() NetworkSettings { return NetworkSettings{AllowManaged: true} }

// ParseNetworkSettings reads the content of a settings file. It takes anything:
// what it does not understand is the default.
func ParseNetworkSettings(b []byte) NetworkSettings {
	d := wire.ParseDictionary(b, 0)
	s := NetworkSettings{
		AllowGlobal:  d.Bool(keyGlobal, false),
		AllowDefault: d.Bool(keyDefault, false),
		AllowDNS:     d.Bool(keyDNS, false),
		VerifiedOnly: d.Bool(keyVerified, false),
	}
	if p := d.Text(keyPort, ""); p == "tun" || p == "tap" {
		s.Port = p
	}
	// A value too long for a truth value is a list (spec 06 §1.3).
	switch v, _ := d.Limited(keyManaged, maxAllowList); {
	case len(v) == 0:
		s.AllowManaged = true
	case len(v) <= 5:
		s.AllowManaged = d.Bool(keyManaged, true)
	default:
		s.AllowOnly = parseAllowList(string(v))
		s.AllowManaged = len(s.AllowOnly) > 0
	}
	known := []string{keyManaged, keyGlobal, keyDefault, keyDNS, keyPort, keyVerified}
	for i := range d.Len() {
		if key, value := d.At(i); !slices.Contains(known, key) {
			known = append(known, key) // the first of several counts
			s.Other = append(s.Other, Line{key, string(value)})
		}
	}
	return s
}

// parseAllowList reads networks separated by commas. What is no network is left
// out; if nothing is left the list allows nothing, not everything.
func parseAllowList(list string) (out []netip.Prefix) {
	for _, text := range strings.Split(list, ",") {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err == nil && !slices.Contains(out, p.Masked()) {
			out = append(out, p.Masked())
		}
	}
	return out
}

// Append appends the content of the file.
func (s *NetworkSettings) Append(b []byte) []byte {
	var d wire.DictionaryWriter
	if s.AllowManaged && len(s.AllowOnly) > 0 {
		d.AddText(keyManaged, s.allowList())
	} else {
		d.AddBool(keyManaged, s.AllowManaged)
	}
	d.AddBool(keyGlobal, s.AllowGlobal)
	d.AddBool(keyDefault, s.AllowDefault)
	d.AddBool(keyDNS, s.AllowDNS)
	if s.Port != "" {
		d.AddText(keyPort, s.Port)
	}
	if s.VerifiedOnly {
		d.AddBool(keyVerified, true)
	}
	for _, l := range s.Other {
		d.AddText(l.Key, l.Value)
	}
	return append(append(b, d.Bytes()...), '\n')
}

// allowList renders the list, longer than a truth value in any case.
func (s *NetworkSettings) allowList() string {
	list := make([]string, 0, len(s.AllowOnly)+1)
	for _, p := range s.AllowOnly {
		list = append(list, p.String())
	}
	text := strings.Join(list, ",")
	if len(text) <= 5 {
		text += "," + text
	}
	return text
}
