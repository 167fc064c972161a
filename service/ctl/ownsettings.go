package ctl

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// ownSettings are those that the reference's API has no words for.
var ownSettings = []string{"port", "mtu", "verifiedOnly", "lanDiscovery", "dnsDefault", "acceptRoutes", "ignoreRoutes", "token", "remoteTrace"}

// ownSetting turns "name=value" into the service's own words. ok is false if
// the reference's API has a word for it, or nobody has.
func ownSetting(name, value string) (s ipc.NetworkSettings, ok bool, err error) {
	ok = true
	switch name {
	case "port":
		if s.Port = value; value != netconf.PortTUN && value != netconf.PortTAP {
			err = usagef("invalid format: port can be tun or tap, not %q", value)
		}
	case "allowManaged":
		if ok = strings.Contains(value, "/"); !ok {
			break
		}
		on := true
		s.AllowManaged = &on
		s.ManagedOnly, err = prefixes(name, value)
	case "acceptRoutes":
		s.AcceptRoutes, err = prefixes(name, value)
	case "ignoreRoutes":
		s.IgnoreRoutes, err = prefixes(name, value)
	case "verifiedOnly":
		s.VerifiedOnly, err = onOff(name, value)
	case "dnsDefault":
		s.DNSDefault, err = onOff(name, value)
	case "remoteTrace":
		s.RemoteTrace, err = onOff(name, value)
	case "lanDiscovery":
		s.LANDiscovery, err = onOff(name, value)
	case "mtu":
		n, bad := strconv.Atoi(value)
		if s.MTU = &n; bad != nil || !netconf.ValidMTU(n) {
			err = usagef("invalid format: mtu can be %d to %d, or 0 for the network's own, not %q", netconf.MinMTU, netconf.MaxMTU, value)
		}
	case "token":
		if s.Token = &value; !netconf.ValidToken(value) {
			err = usagef("invalid format: a token can have up to %d printable bytes", netconf.MaxToken)
		}
	default:
		ok = false
	}
	return s, ok, err
}

// prefixes reads networks separated by commas; an empty text is an empty list.
func prefixes(name, value string) ([]string, error) {
	list := []string{}
	for p := range strings.SplitSeq(value, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		if _, err := netip.ParsePrefix(p); err != nil {
			return nil, usagef("invalid format: %s: %q is not a network such as 10.1.2.0/24", name, clipArg(p))
		}
		list = append(list, p)
	}
	return list, nil
}

func onOff(name, value string) (*bool, error) {
	on, err := truth(name, value)
	return &on, err
}

// setNative changes what the reference's API has no words for, and prints the
// network as the reference's API would.
func (t *Tool) setNative(ctx context.Context, n identity.NetworkID, s ipc.NetworkSettings) error {
	if err := t.needService(); err != nil {
		return err
	}
	if _, err := t.Service.SetNetwork(ctx, n.String(), s); err != nil {
		return explain(err)
	}
	raw, err := t.ask(ctx, "set", http.MethodGet, "/network/"+n.String(), nil)
	if err != nil {
		return err
	}
	t.pass(t.withSettings(ctx, raw))
	return nil
}

// settingsPrefix names a setting where a property of the network has its name.
const settingsPrefix = "settings."

// getNative prints a setting, by its name with or without the prefix.
func (t *Tool) getNative(ctx context.Context, n identity.NetworkID, property string) error {
	if err := t.needService(); err != nil {
		return err
	}
	list, err := t.Service.Networks(ctx)
	if err != nil {
		return explain(err)
	}
	for i := range list {
		if list[i].ID != n.String() {
			continue
		}
		return t.printSetting(&list[i].Settings, strings.TrimPrefix(property, settingsPrefix))
	}
	return unknownID(n)
}

// printSetting prints a setting by its name in JSON: lists one entry a line,
// nothing for one that is not set.
func (t *Tool) printSetting(s *ipc.NetworkSettings, name string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return failf("read the settings: %w", err)
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		return failf("read the settings: %w", err)
	}
	var list []string
	switch value, ok := scalar(o[name]); {
	case t.JSON && o[name] != nil:
		return t.show("get", o[name])
	case ok:
		t.printf("%s\n", printable(value))
	case json.Unmarshal(o[name], &list) == nil:
		return t.values(list)
	case name == "mtu":
		t.printf("0\n")
	default:
		_, known, _ := ownSetting(name, "")
		switch {
		case !known && name != "allowManagedPrefixes":
			return t.unknownProperty("\"orreryctl set --help\" shows the names of settings")
		case name == "token" && t.JSON:
			return t.showValue("")
		default: // a list without entries
			return t.values([]string{})
		}
	}
	return nil
}

// withSettings adds the service's own settings, as "settings", and what became of
// name servers, routes and addresses, to a network or a list of networks that the
// reference's API has answered. If the service cannot be asked the answer stays
// as it is.
func (t *Tool) withSettings(ctx context.Context, raw []byte) []byte {
	if t.Service == nil {
		return raw
	}
	list, err := t.Service.Networks(ctx)
	if err != nil {
		return raw
	}
	byID := make(map[string]*ipc.Network, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	var out any
	var one map[string]json.RawMessage
	var many []map[string]json.RawMessage
	switch {
	case json.Unmarshal(raw, &one) == nil:
		addSettings(byID, one)
		out = one
	case json.Unmarshal(raw, &many) == nil:
		for _, o := range many {
			addSettings(byID, o)
		}
		out = many
	default:
		return raw
	}
	merged, err := json.Marshal(out)
	if err != nil {
		return raw
	}
	return merged
}

func addSettings(byID map[string]*ipc.Network, o map[string]json.RawMessage) {
	n := byID[text(o["id"])]
	if n == nil {
		return
	}
	if b, err := json.Marshal(&n.Settings); err == nil {
		o["settings"] = b
	}
	addStates(n, o)
	addNames(&n.DNS, o)
}
