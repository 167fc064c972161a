package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"orrery/service/ipc"
)

// object is a JSON object whose keys come out in byte order.
type object = map[string]any

// healthObject is the subset of the status that needs no token (spec 06 §5.4).
func healthObject(s *ipc.Status, now time.Time) object {
	return object{
		"online": s.Online, "clock": now.UnixMilli(),
		"version": refVersion, "versionMajor": refMajor, "versionMinor": refMinor, "versionRev": refRevision, "versionBuild": 0,
	}
}

// statusObject is the answer to GET /status (spec 06 §5.4).
func statusObject(s *ipc.Status, c *ipc.Config, now time.Time) object {
	o := healthObject(s, now)
	o["address"] = s.Address
	o["publicIdentity"] = s.Identity
	o["tcpFallbackActive"] = c.TCPFallbackActive
	o["planetWorldId"] = s.PlanetID
	o["planetWorldTimestamp"] = millis(s.PlanetTime)
	o["orreryVersion"] = s.Version
	conf, _ := sortedJSON(c.LocalConf)
	root, ok := conf.(map[string]any)
	if !ok {
		root = object{}
	}
	settings, ok := root["settings"].(map[string]any)
	if !ok {
		settings = object{}
		root["settings"] = settings
	}
	settings["allowTcpFallbackRelay"] = c.AllowTCPFallback
	settings["forceTcpRelay"] = c.ForceTCPRelay
	settings["homeDir"] = c.HomeDir
	settings["listeningOn"] = orEmpty(c.ListeningOn)
	settings["surfaceAddresses"] = slashedAll(s.Surface)
	settings["portMappingEnabled"] = c.PortMapping
	settings["primaryPort"] = c.PrimaryPort
	settings["secondaryPort"] = c.SecondaryPort
	settings["tertiaryPort"] = c.TertiaryPort
	textOr(settings, "softwareUpdate", "disable")
	textOr(settings, "softwareUpdateChannel", "release")
	o["config"] = root
	return o
}

// textOr keeps a text or puts in the default.
func textOr(o object, key, value string) {
	if _, ok := o[key].(string); !ok {
		o[key] = value
	}
}

// sortedJSON decodes JSON into values that encode with sorted keys and keep
// their numbers as they were written.
func sortedJSON(raw json.RawMessage) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return object{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return v, nil
}

// networkObject is an element of GET /network (spec 06 §5.6).
func networkObject(n *ipc.Network) object {
	routes := make([]any, len(n.Routes))
	for i, r := range n.Routes {
		o := object{"target": r.Target, "via": nil, "flags": r.Flags, "metric": r.Metric}
		if r.Via != "" {
			o["via"] = r.Via
		}
		routes[i] = o
	}
	groups := make([]any, 0, len(n.Multicast))
	for _, g := range n.Multicast {
		mac, adi, _ := strings.Cut(g, "/")
		number, err := strconv.ParseUint(adi, 16, 32)
		if adi != "" && err != nil {
			continue
		}
		groups = append(groups, object{"mac": mac, "adi": number})
	}
	mtu := n.MTU
	if mtu == 0 {
		mtu = 2800
	}
	portError := 0
	if n.Status == ipc.PortError {
		portError = -999
	}
	kind := n.Type
	if kind == "" {
		kind = "PRIVATE"
	}
	o := object{
		"id": n.ID, "nwid": n.ID, "mac": n.MAC, "name": n.Name, "status": n.Status, "type": kind, "mtu": mtu,
		"dhcp": false, "bridge": n.Bridge, "broadcastEnabled": n.Broadcast, "portError": portError,
		"netconfRevision": n.Revision, "portDeviceName": n.Device,
		"allowManaged": isTrue(n.Settings.AllowManaged, true), "allowGlobal": isTrue(n.Settings.AllowGlobal, false),
		"allowDefault": isTrue(n.Settings.AllowDefault, false), "allowDNS": isTrue(n.Settings.AllowDNS, false),
		"assignedAddresses": orEmpty(n.Addresses), "routes": routes, "multicastSubscriptions": groups,
		"dns": object{"domain": n.DNS.Domain, "servers": orEmpty(n.DNS.Servers)},
	}
	if l := n.Login; l != nil || n.AuthURL != "" {
		o["ssoEnabled"], o["authenticationURL"], o["authenticationExpiryTime"] = true, n.AuthURL, int64(0)
		if l != nil && !l.Expires.IsZero() {
			o["authenticationExpiryTime"] = l.Expires.UnixMilli()
		}
	}
	return o
}

// peerObject is an element of GET /peer (spec 06 §5.5): only live paths.
func peerObject(p *ipc.Peer, tunneled bool) object {
	version, parts := "-1.-1.-1", [3]int{-1, -1, -1}
	if v, ok := versionParts(p.Version); ok {
		version, parts = p.Version, v
	}
	paths := make([]any, 0, len(p.Paths))
	for i := range p.Paths {
		h := &p.Paths[i]
		if h.Expired {
			continue
		}
		paths = append(paths, object{
			"address": slashed(h.Address), "lastSend": millis(h.LastSend), "lastReceive": millis(h.LastReceive),
			"trustedPathId": 0, "active": true, "expired": false, "preferred": h.Preferred,
			"localSocket": h.LocalPort, "localPort": h.LocalPort,
		})
	}
	return object{
		"address": p.Address, "versionMajor": parts[0], "versionMinor": parts[1], "versionRev": parts[2], "version": version,
		"latency": p.LatencyMs, "role": p.Role, "isBonded": false, "tunneled": tunneled, "paths": paths,
	}
}

// moonObject is an element of GET /moon (spec 06 §5.7).
func moonObject(w *ipc.World) object {
	o := object{"id": fmt.Sprintf("%016x", w.ID), "waiting": w.Waiting, "roots": []any{}, "timestamp": 0, "signature": nil, "updatesMustBeSignedBy": nil}
	if w.Waiting {
		return o
	}
	roots := make([]any, len(w.Roots))
	for i, r := range w.Roots {
		roots[i] = object{"identity": r.Identity, "stableEndpoints": orEmpty(r.Endpoints)}
	}
	o["roots"], o["timestamp"], o["signature"], o["updatesMustBeSignedBy"] = roots, millis(w.Timestamp), w.Signature, w.UpdateKey
	return o
}

func versionParts(s string) (parts [3]int, ok bool) {
	fields := strings.Split(s, ".")
	if len(fields) != 3 {
		return parts, false
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 16)
		if err != nil {
			return parts, false
		}
		parts[i] = int(n)
	}
	return parts, true
}

// slashed turns "ip:port" into the reference's "ip/port". Anything else stays.
func slashed(s string) string {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return s
	}
	return fmt.Sprintf("%s/%d", a.Addr(), a.Port())
}

func slashedAll(l []string) []string {
	out := make([]string, 0, len(l))
	for _, s := range l {
		if s = slashed(s); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// millis is a time as the reference has it; never is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func isTrue(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func orEmpty(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
