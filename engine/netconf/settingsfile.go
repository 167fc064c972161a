package netconf

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
	setLAN      = "lanDiscovery"
	setDNSAll   = "dnsDefault"
	setMTU      = "mtu" // decimal, unlike numbers from the network
	setAccept   = "acceptRoutes"
	setIgnore   = "ignoreRoutes"
	setToken    = "token"
	setTrace    = "remoteTrace"
)

const (
	// settingsCapacity holds the longest settings. The reference reads the first
	// 4095 bytes, where its own are.
	settingsCapacity = 16384
	// maxBoolean is the length up to which a value of setManaged is a boolean
	// and not a list.
	maxBoolean = 5
)

// ParseSettings reads a file networks.d/<id>.local.conf (spec 06 §1.3). Missing
// values are the defaults. A value that cannot be used gives ErrSetting with the
// settings that remain, of which no address, route or member is let in that the
// file does not let in.
func ParseSettings(text []byte) (Settings, error) {
	d := wire.ParseDictionary(text, settingsCapacity)
	s := Settings{
		AllowManaged: true,
		AllowGlobal:  d.Bool(setGlobal, false),
		AllowDefault: d.Bool(setDefault, false),
		AllowDNS:     d.Bool(setDNS, false),
		unknown:      unknownEntries(&d),
	}
	return s, errors.Join(s.parseSwitches(&d), s.parseManaged(&d), s.parsePort(&d), s.parseMTU(&d), s.parseRoutes(&d), s.parseToken(&d))
}

// parseSwitches reads what is on or off and no other program writes. Of a word
// that is neither the careful side is taken.
func (s *Settings) parseSwitches(d *wire.Dictionary) (err error) {
	for _, w := range []struct {
		key     string
		to      *bool
		careful bool
	}{{setVerified, &s.VerifiedOnly, true}, {setLAN, &s.LANDiscovery, false}, {setTrace, &s.RemoteTrace, false}, {setDNSAll, &s.DNSDefault, false}} {
		switch v := d.Text(w.key, ""); strings.ToLower(v) {
		case "1", "t", "true", "on", "yes":
			*w.to = true
		case "", "0", "f", "false", "off", "no":
		default:
			*w.to = w.careful
			err = errors.Join(err, fmt.Errorf("%w: %s is %q, want 1 or 0", ErrSetting, w.key, clip(v, 64)))
		}
	}
	return err
}

// parseManaged reads what the network may assign.
func (s *Settings) parseManaged(d *wire.Dictionary) (err error) {
	switch v := d.Text(setManaged, ""); {
	case v == "":
	case len(v) > maxBoolean:
		s.ManagedOnly, err = parseList(setManaged, v)
		// A list of nothing but rubbish must not become the absence of a list.
		s.AllowManaged = len(s.ManagedOnly) > 0
		return err
	default:
		s.AllowManaged = d.Bool(setManaged, true)
	}
	if v := d.Text(setList, ""); v != "" {
		if s.ManagedOnly, err = parseList(setList, v); len(s.ManagedOnly) == 0 {
			s.AllowManaged = false
		}
	}
	return err
}

func (s *Settings) parsePort(d *wire.Dictionary) error {
	switch v := d.Text(setPort, ""); v {
	case "", PortTUN, PortTAP:
		s.Port = v
	default:
		return fmt.Errorf("%w: %s is %q, want %s or %s", ErrSetting, setPort, clip(v, 64), PortTUN, PortTAP)
	}
	return nil
}

func (s *Settings) parseMTU(d *wire.Dictionary) error {
	v := d.Text(setMTU, "")
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || !ValidMTU(n) {
		return fmt.Errorf("%w: %s is %q, want %d to %d, or 0 for the network's own", ErrSetting, setMTU, clip(v, 64), MinMTU, MaxMTU)
	}
	s.MTU = n
	return nil
}

// ValidMTU reports whether n may be [Settings.MTU].
func ValidMTU(n int) bool { return n == 0 || n >= MinMTU && n <= MaxMTU }

// parseRoutes reads which routes to accept and to ignore. If it is not clear
// which are to be ignored none is accepted beyond the ordinary.
func (s *Settings) parseRoutes(d *wire.Dictionary) error {
	accept, err := parseList(setAccept, d.Text(setAccept, ""))
	ignore, bad := parseList(setIgnore, d.Text(setIgnore, ""))
	s.IgnoreRoutes = ignore
	if bad == nil {
		s.AcceptRoutes = accept
	}
	return errors.Join(err, bad)
}

func (s *Settings) parseToken(d *wire.Dictionary) error {
	v := d.Text(setToken, "")
	if !ValidToken(v) {
		return fmt.Errorf("%w: %s has %d bytes, or characters that do not show; want at most %d printable ones", ErrSetting, setToken, len(v), MaxToken)
	}
	s.Token = v
	return nil
}

// ValidToken reports whether v may be [Settings.Token]: at most MaxToken bytes of
// printable text.
func ValidToken(v string) bool {
	return len(v) <= MaxToken && utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) })
}

// unknownEntries are those with keys that are none of ours, each key once.
func unknownEntries(d *wire.Dictionary) (out []entry) {
	for i := range d.Len() {
		key, value := d.At(i)
		switch key {
		case "", setManaged, setGlobal, setDefault, setDNS, setList, setPort, setVerified, setLAN, setDNSAll, setMTU, setAccept, setIgnore, setToken, setTrace:
			continue
		}
		if !slices.ContainsFunc(out, func(e entry) bool { return e.key == key }) {
			out = append(out, entry{key, string(value)})
		}
	}
	return out
}

// parseList reads the networks of key, separated by commas. One without a length
// is a single address.
func parseList(key, v string) (list []netip.Prefix, err error) {
	for _, e := range strings.Split(v, ",") {
		e = strings.TrimSpace(e)
		if e == "" {
			continue
		}
		p, perr := netip.ParsePrefix(e)
		if perr != nil {
			a, aerr := netip.ParseAddr(e)
			if aerr != nil || a.Zone() != "" {
				err = fmt.Errorf("%w: %s has %q, which is no network", ErrSetting, key, clip(e, 64))
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
	if s.LANDiscovery {
		boolean(setLAN, true)
	}
	if s.DNSDefault {
		boolean(setDNSAll, true)
	}
	if s.RemoteTrace {
		boolean(setTrace, true)
	}
	if s.MTU != 0 {
		line(setMTU, strconv.Itoa(s.MTU))
	}
	if len(s.AcceptRoutes) > 0 {
		line(setAccept, joinPrefixes(s.AcceptRoutes))
	}
	if len(s.IgnoreRoutes) > 0 {
		line(setIgnore, joinPrefixes(s.IgnoreRoutes))
	}
	if s.Token != "" {
		line(setToken, s.Token)
	}
	for _, e := range s.unknown {
		line(e.key, e.value)
	}
	return dst
}

// formatList writes networks so that no reader takes them for a boolean.
func formatList(list []netip.Prefix) string {
	v := joinPrefixes(list)
	if len(v) <= maxBoolean {
		v += "," + v
	}
	return v
}

func joinPrefixes(list []netip.Prefix) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = p.String()
	}
	return strings.Join(parts, ",")
}
