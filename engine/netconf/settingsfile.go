package netconf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/wire"
)

// Keys of a settings file. The first four are the reference's, which writes
// nothing else and overwrites a list of networks with "1".
const (
	setManaged  = "allowManaged"
	setGlobal   = "allowGlobal"
	setDefault  = "allowDefault"
	setDNS      = "allowDNS"
	setList     = "allowManagedPrefixes" // the list while setManaged is off
	setPort     = "port"
	setVerified = "verifiedOnly"
)

const (
	// settingsCapacity is the reference's buffer for a settings file.
	settingsCapacity = 4096
	// maxBoolean is the length up to which a value of setManaged is a boolean
	// and not a list.
	maxBoolean = 5
)

// ParseSettings reads a file networks.d/<id>.local.conf (spec 06 §1.3). Missing
// values are the defaults. An entry of the list that is no network gives
// ErrSetting with the settings that remain, of which none allows more than the
// file says.
func ParseSettings(text []byte) (Settings, error) {
	d := wire.ParseDictionary(text, settingsCapacity)
	s := Settings{
		AllowManaged: true,
		AllowGlobal:  d.Bool(setGlobal, false),
		AllowDefault: d.Bool(setDefault, false),
		AllowDNS:     d.Bool(setDNS, false),
		Port:         d.Text(setPort, ""),
		VerifiedOnly: d.Bool(setVerified, false),
		unknown:      unknownEntries(&d),
	}
	var err error
	switch v := d.Text(setManaged, ""); {
	case v == "":
	case len(v) > maxBoolean:
		s.ManagedOnly, err = parseList(v)
		// A list of nothing but rubbish must not become the absence of a list.
		s.AllowManaged = len(s.ManagedOnly) > 0
		return s, err
	default:
		s.AllowManaged = d.Bool(setManaged, true)
	}
	if v := d.Text(setList, ""); v != "" {
		if s.ManagedOnly, err = parseList(v); len(s.ManagedOnly) == 0 {
			s.AllowManaged = false
		}
	}
	return s, err
}

// unknownEntries are those with keys that are none of ours, each key once.
func unknownEntries(d *wire.Dictionary) (out []entry) {
	for i := range d.Len() {
		key, value := d.At(i)
		switch key {
		case "", setManaged, setGlobal, setDefault, setDNS, setList, setPort, setVerified:
			continue
		}
		if !slices.ContainsFunc(out, func(e entry) bool { return e.key == key }) {
			out = append(out, entry{key, string(value)})
		}
	}
	return out
}

// parseList reads networks separated by commas. One without a length is a
// single address.
func parseList(v string) (list []netip.Prefix, err error) {
	for _, e := range strings.Split(v, ",") {
		e = strings.TrimSpace(e)
		if e == "" {
			continue
		}
		p, perr := netip.ParsePrefix(e)
		if perr != nil {
			a, aerr := netip.ParseAddr(e)
			if aerr != nil || a.Zone() != "" {
				err = fmt.Errorf("%w: %s has %q, which is no network", ErrSetting, setManaged, clip(e, 64))
				continue
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p)
	}
	return list, err
}

// Append appends the file: for settings that the reference knows, exactly its
// four lines. Entries that this version does not know follow unchanged.
func (s *Settings) Append(dst []byte) []byte {
	line := func(key, value string) {
		var d wire.DictionaryWriter
		d.AddText(key, value)
		dst = append(append(dst, d.Bytes()...), '\n')
	}
	boolean := func(key string, v bool) {
		if v {
			line(key, "1")
		} else {
			line(key, "0")
		}
	}
	if s.AllowManaged && len(s.ManagedOnly) > 0 {
		line(setManaged, formatList(s.ManagedOnly))
	} else {
		boolean(setManaged, s.AllowManaged)
	}
	boolean(setGlobal, s.AllowGlobal)
	boolean(setDefault, s.AllowDefault)
	boolean(setDNS, s.AllowDNS)
	if !s.AllowManaged && len(s.ManagedOnly) > 0 {
		line(setList, formatList(s.ManagedOnly))
	}
	if s.Port != "" {
		line(setPort, s.Port)
	}
	if s.VerifiedOnly {
		boolean(setVerified, true)
	}
	for _, e := range s.unknown {
		line(e.key, e.value)
	}
	return dst
}

// formatList writes networks so that no reader takes them for a boolean.
func formatList(list []netip.Prefix) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = p.String()
	}
	v := strings.Join(parts, ",")
	if len(v) <= maxBoolean {
		v += "," + v
	}
	return v
}
