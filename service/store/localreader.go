package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"orrery/engine/identity"
)

// reader takes values out of local.conf with its leniency (spec 06 §4.1) and
// collects warnings about what it could not use.
type reader struct{ warnings []string }

func (r *reader) warn(path, format string, args ...any) {
	r.warnings = append(r.warnings, path+": "+fmt.Sprintf(format, args...))
}

// object returns a member that is an object, nil if there is none.
func (r *reader) object(m map[string]any, key string) map[string]any {
	v, ok := m[key]
	if !ok || v == nil {
		return nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		r.warn(key, "want an object")
	}
	return o
}

func (r *reader) flag(m map[string]any, path, key string, def bool) bool {
	switch v := m[key].(type) {
	case nil:
		return def
	case bool:
		return v
	case json.Number:
		f, _ := v.Float64()
		return f >= 1
	case string:
		on := v != "" && (v[0] == 't' || v[0] == 'T' || v[0] == '1')
		switch strings.ToLower(v) {
		case "", "0", "f", "n", "false", "no", "off":
		default:
			if !on {
				r.warn(path+key, "want true or false: %q counts as false", clipText(v))
			}
		}
		return on
	}
	r.warn(path+key, "want true or false")
	return def
}

// integer reads a number from 0 to most.
func (r *reader) integer(m map[string]any, path, key string, def int64, most uint64) int64 {
	var f float64
	switch v := m[key].(type) {
	case nil:
		return def
	case bool:
		if v {
			return 1
		}
		return 0
	case json.Number:
		if u, err := strconv.ParseUint(string(v), 10, 64); err == nil && u <= most {
			return int64(u)
		}
		f, _ = v.Float64()
	case string:
		u, err := strconv.ParseUint(strings.TrimSpace(v), 10, 64)
		if err != nil {
			r.warn(path+key, "want a number, not %q", clipText(v))
			return def
		}
		f = float64(u)
	default:
		r.warn(path+key, "want a number")
		return def
	}
	f = math.Trunc(f)
	if f < 0 || f >= 1<<63 || uint64(f) > most {
		r.warn(path+key, "want a number from 0 to %d", most)
		return def
	}
	return int64(f)
}

func (r *reader) text(m map[string]any, path, key, def string) string {
	switch v := m[key].(type) {
	case nil:
		return def
	case string:
		return v
	case json.Number:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	r.warn(path+key, "want text")
	return def
}

// list hands the texts of an array to add, which says whether it could use
// them.
func (r *reader) list(m map[string]any, path, key, want string, add func(s string) bool) {
	v, ok := m[key]
	if !ok || v == nil {
		return
	}
	items, ok := v.([]any)
	if !ok {
		r.warn(path+key, "want an array")
		return
	}
	for i, e := range items {
		s, ok := e.(string)
		if !ok || !add(s) {
			r.warn(fmt.Sprintf("%s%s[%d]", path, key, i), "want %s, not %q", want, clipText(fmt.Sprint(e)))
		}
	}
}

const (
	wantPrefix   = `text such as "10.0.0.0/8"`
	wantEndpoint = `text such as "192.0.2.1/9993"`
)

func (r *reader) prefixes(m map[string]any, path, key string) (out []netip.Prefix) {
	r.list(m, path, key, wantPrefix, func(s string) bool {
		p, ok := parseNetwork(s)
		if ok && !slices.Contains(out, p) {
			out = append(out, p)
		}
		return ok
	})
	return out
}

func (r *reader) physical(m map[string]any) []PhysicalNetwork {
	var out []PhysicalNetwork
	for _, key := range slices.Sorted(maps.Keys(m)) {
		path := "physical." + key + "."
		p, ok := parseNetwork(key)
		if a, err := netip.ParseAddr(key); err == nil && a.Zone() == "" && !a.Is4In6() {
			p, ok = netip.PrefixFrom(a, a.BitLen()), true // one address, where the reference takes all
		}
		if !ok {
			r.warn("physical", "want networks %s, not %q", wantPrefix, clipText(key))
			continue
		}
		e, ok := m[key].(map[string]any)
		if !ok {
			r.warn(strings.TrimSuffix(path, "."), "want an object")
			continue
		}
		n := PhysicalNetwork{
			Prefix:        p,
			Blacklist:     r.flag(e, path, "blacklist", false),
			TrustedPathID: uint64(r.integer(e, path, "trustedPathId", 0, math.MaxInt64)),
			MTU:           int(r.integer(e, path, "mtu", 0, math.MaxInt32)),
		}
		if id, there := e["trustedPathId"]; there && n.TrustedPathID == 0 && fmt.Sprint(id) == "0" {
			r.warn(path+"trustedPathId", "0 is no trusted path: want the number, from 1, that both ends have")
		}
		if n.Blacklist && p.Bits() == 0 {
			r.warn(path+"blacklist", "a whole address family cannot be blacklisted")
			n.Blacklist = false
		}
		if n.MTU > 0 && (n.MTU < 1400 || n.MTU > 10324) {
			r.warn(path+"mtu", "want 1400 to 10324")
			n.MTU = min(max(n.MTU, 1400), 10324)
		}
		if slices.ContainsFunc(out, func(o PhysicalNetwork) bool { return o.Prefix == p }) {
			r.warn(strings.TrimSuffix(path, "."), "the same network as another entry")
			continue
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b PhysicalNetwork) int {
		return cmp.Or(
			cmp.Compare(a.Prefix.Addr().BitLen(), b.Prefix.Addr().BitLen()),
			cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
			a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
	if len(out) > maxPhysical {
		r.warn("physical", "only %d networks are used", maxPhysical)
		out = out[:maxPhysical]
	}
	return out
}

func (r *reader) virtual(m map[string]any) []VirtualPeer {
	var out []VirtualPeer
	for _, key := range slices.Sorted(maps.Keys(m)) {
		path := "virtual." + key
		a, err := identity.ParseAddress(key)
		if err != nil || a.Reserved() {
			r.warn("virtual", "want addresses of 10 hex digits, not %q", clipText(key))
			continue
		}
		e, ok := m[key].(map[string]any)
		if !ok {
			r.warn(path, "want an object")
			continue
		}
		p := VirtualPeer{Address: a, Blacklist: r.prefixes(e, path+".", "blacklist")}
		r.list(e, path+".", "try", wantEndpoint, func(s string) bool {
			ep, ok := parseEndpoint(s)
			if ok && !slices.Contains(p.Try, ep) {
				p.Try = append(p.Try, ep)
			}
			return ok
		})
		out = append(out, p)
	}
	// Both cases of a hex digit are accepted, so that keys may be out of order.
	slices.SortStableFunc(out, func(a, b VirtualPeer) int { return cmp.Compare(a.Address, b.Address) })
	return slices.CompactFunc(out, func(a, b VirtualPeer) bool { return a.Address == b.Address })
}

func (r *reader) settings(m map[string]any) Settings {
	const path = "settings."
	s := Settings{
		PrimaryPort:           int(r.integer(m, path, "primaryPort", -1, 65535)),
		SecondaryPort:         int(r.integer(m, path, "secondaryPort", 0, 65535)),
		TertiaryPort:          int(r.integer(m, path, "tertiaryPort", 0, 65535)),
		AllowSecondaryPort:    r.flag(m, path, "allowSecondaryPort", true),
		PortMapping:           r.flag(m, path, "portMappingEnabled", true),
		AllowManagementFrom:   r.prefixes(m, path, "allowManagementFrom"),
		AllowTCPFallbackRelay: r.flag(m, path, "allowTcpFallbackRelay", true),
		ForceTCPRelay:         r.flag(m, path, "forceTcpRelay", false),
		TCPFallbackRelay:      defaultRelay,
		LowBandwidthMode:      r.flag(m, path, "lowBandwidthMode", false),
		StrictCredentials:     r.flag(m, path, "strictCredentials", false),
		ControllerDBPath:      r.text(m, path, "controllerDbPath", ""),
		SSORedirectURL:        r.text(m, path, "ssoRedirectURL", ""),
		DefaultBondingPolicy:  r.text(m, path, "defaultBondingPolicy", ""),
		Policies:              json.RawMessage("{}"),
		CompatAPI:             r.flag(m, path, "compatApi", false),
	}
	r.list(m, path, "bind", `an IP address`, func(t string) bool {
		host, _, _ := strings.Cut(t, "/")
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			return false
		}
		if a = a.Unmap(); !slices.Contains(s.Bind, a) {
			s.Bind = append(s.Bind, a)
		}
		return true
	})
	r.list(m, path, "interfacePrefixBlacklist", "text", func(t string) bool {
		if t != "" { // would match every interface
			s.InterfacePrefixBlacklist = append(s.InterfacePrefixBlacklist, t)
		}
		return t != ""
	})
	if t := r.text(m, path, "tcpFallbackRelay", ""); t != "" {
		if ep, ok := parseEndpoint(t); ok {
			s.TCPFallbackRelay = ep
		} else {
			r.warn(path+"tcpFallbackRelay", "want %s", wantEndpoint)
		}
	}
	r.bonds(m, &s)
	return s
}

// known are the settings that are followed, and those of the reference of which
// everybody expects that nothing comes of them here: updates, and what is long
// obsolete.
var known = []string{
	"primaryPort", "secondaryPort", "tertiaryPort", "allowSecondaryPort", "portMappingEnabled", "allowManagementFrom", "allowTcpFallbackRelay",
	"forceTcpRelay", "tcpFallbackRelay", "lowBandwidthMode", "strictCredentials", "controllerDbPath", "ssoRedirectURL", "defaultBondingPolicy",
	"policies", "peerSpecificBonds", "compatApi", "bind", "interfacePrefixBlacklist",
	"softwareUpdate", "softwareUpdateChannel", "softwareUpdateDist", "multipathMode",
}

// unknown names the settings that nothing comes of: a typing error should not
// look as if it had worked. They are kept all the same.
func (r *reader) unknown(m map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(known, key) {
			r.warn("settings."+clipText(key), "there is no such setting here")
		}
	}
}

func (r *reader) bonds(m map[string]any, s *Settings) {
	if v, ok := m["policies"]; ok && v != nil {
		if _, ok := v.(map[string]any); ok {
			s.Policies = encodeJSON(v, "")
		} else {
			r.warn("settings.policies", "want an object")
		}
	}
	v, ok := m["peerSpecificBonds"]
	if !ok || v == nil {
		return
	}
	bonds, ok := v.(map[string]any)
	if !ok {
		r.warn("settings.peerSpecificBonds", "want an object")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(bonds)) {
		a, err := identity.ParseAddress(key)
		policy, ok := bonds[key].(string)
		if err != nil || !ok {
			r.warn("settings.peerSpecificBonds", "want a policy's name for an address, not %q", clipText(key))
			continue
		}
		s.PeerSpecificBonds = append(s.PeerSpecificBonds, PeerBond{a, policy})
	}
}

// parseNetwork reads "ip/bits" and clears host bits.
func parseNetwork(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

// parseEndpoint reads "ip/port".
func parseEndpoint(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || err2 != nil || n == 0 || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

// clipText shortens text for a warning.
func clipText(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
