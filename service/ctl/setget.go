package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"orrery/engine/identity"
)

// settings are the four that the reference's API can change.
var settings = []string{"allowManaged", "allowGlobal", "allowDefault", "allowDNS"}

// propertyID parses the network ID of set and get.
func propertyID(s string) (identity.NetworkID, error) {
	n, err := identity.ParseNetworkID(s)
	if err != nil || n == 0 {
		return 0, usagef("invalid format: must be a 16-digit (network) ID")
	}
	return n, nil
}

// Set changes one setting of a joined network, given as "name=value", and
// prints the network as the service answers it.
func (t *Tool) Set(ctx context.Context, id, assignment string) error {
	n, err := propertyID(id)
	if err != nil {
		return err
	}
	if assignment == "" {
		return usagef("invalid format: include a property name to set")
	}
	name, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return usagef("invalid format: write the setting as %s=VALUE", name)
	}
	own, native, err := ownSetting(name, value)
	switch {
	case err != nil:
		return err
	case !native && !slices.Contains(settings, name):
		all := slices.Concat(settings, ownSettings)
		last := len(all) - 1
		return usagef("unknown setting %q: it can be %s or %s", clipArg(name), strings.Join(all[:last], ", "), all[last])
	}
	if err := t.joined(ctx, "set", n); err != nil {
		return err
	}
	if native {
		return t.setNative(ctx, n, own)
	}
	on, err := truth(name, value)
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"%s":%t}`, name, on)
	status, raw, err := t.API.Do(ctx, http.MethodPost, "/network/"+n.String(), body)
	if raw, err = t.answered("set", http.MethodPost, status, raw, err); err != nil {
		return err
	}
	t.pass(raw)
	return nil
}

// truth reads the value of a setting that is on or off.
func truth(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "t", "true", "on", "yes":
		return true, nil
	case "0", "f", "false", "off", "no":
		return false, nil
	}
	choice := "1 or 0"
	if name == "allowManaged" {
		choice = "1, 0 or networks such as 10.1.2.0/24"
	}
	return false, usagef("invalid format: %s can be %s, not %q", name, choice, clipArg(value))
}

// joined makes sure that a network is joined: the API would join it, and a
// mistyped ID must not let a stranger's network in.
func (t *Tool) joined(ctx context.Context, command string, n identity.NetworkID) error {
	status, _, err := t.API.Do(ctx, http.MethodGet, "/network/"+n.String(), nil)
	if err == nil && status == http.StatusNotFound {
		return unknownID(n)
	}
	return nil // whatever else is wrong, the call that follows says it in its own words
}

// Get prints one property of a joined network.
func (t *Tool) Get(ctx context.Context, id, property string) error {
	n, err := propertyID(id)
	if err != nil {
		return err
	}
	if property == "" {
		return usagef("invalid format: include a property name to get")
	}
	if property == "dns" && t.Service != nil { // otherwise an object, as of the reference
		return t.getNames(ctx, n)
	}
	// Every network has an mtu: the cap of it is settings.mtu.
	if property != "mtu" && slices.Contains(ownSettings, property) || strings.HasPrefix(property, settingsPrefix) {
		return t.getNative(ctx, n, property)
	}
	raw, err := t.ask(ctx, "get", http.MethodGet, "/network", nil)
	if err != nil {
		return err
	}
	if t.JSON { // with all that -j listnetworks shows
		raw = t.withSettings(ctx, raw)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return t.badJSON("get", err)
	}
	for _, o := range list {
		if text(o["id"]) == n.String() {
			return t.property(o, property)
		}
	}
	return unknownID(n)
}

// unknownID is the reference's message for a network that is not joined, and
// what to do about it.
func unknownID(n identity.NetworkID) error {
	return failf("unknown network ID, check that you are a member of the network\nJoin it first: orreryctl join %s", n)
}

// unknownProperty is the reference's message, and what to do about it.
func (t *Tool) unknownProperty(text string) error {
	t.printf("error, unknown property name\n")
	return failf("%s", text)
}

// propertyNames says where the names of properties are.
const propertyNames = "\"orreryctl -j listnetworks\" shows the names, \"orreryctl get --help\" some more"

// property prints a top-level text, number or bool, or one of the special
// properties made of the assigned addresses.
func (t *Tool) property(o map[string]json.RawMessage, name string) error {
	var addresses []string
	_ = json.Unmarshal(o["assignedAddresses"], &addresses) // missing: none
	var keep func(ip string) (string, bool)
	six := func(ip string) bool { return strings.Contains(ip, ":") }
	plane := func(ip string) bool { return strings.HasPrefix(ip, "fc") }
	switch name {
	case "ip":
		keep = func(ip string) (string, bool) { return ip, true }
	case "ip4":
		keep = func(ip string) (string, bool) { return ip, !six(ip) }
	case "ip6":
		keep = func(ip string) (string, bool) { return ip, six(ip) }
	case "ip6plane":
		keep = func(ip string) (string, bool) { return ip, six(ip) && plane(ip) }
	case "ip6prefix":
		keep = func(ip string) (string, bool) { return ip[:min(len(ip), 24)], six(ip) && plane(ip) }
	default:
		if t.JSON && o[name] != nil {
			return t.show("get", o[name])
		}
		value, ok := scalar(o[name])
		switch {
		case ok:
		case o[name] != nil:
			return t.unknownProperty(fmt.Sprintf("%s has several values: orreryctl -j get NETWORK %s", name, name))
		default:
			return t.unknownProperty(propertyNames)
		}
		t.printf("%s\n", printable(value))
		return nil
	}
	found := []string{}
	for _, a := range addresses {
		ip, _, _ := strings.Cut(a, "/")
		if s, ok := keep(ip); ok {
			found = append(found, s)
		}
	}
	if len(found) == 0 && !t.JSON {
		t.printf("\n") // as the reference does, for who reads a line
		return nil
	}
	return t.values(found)
}

// values prints texts, one a line.
func (t *Tool) values(all []string) error {
	if t.JSON {
		return t.showValue(all)
	}
	for _, s := range all {
		t.printf("%s\n", printable(s))
	}
	return nil
}

// scalar is the text of a JSON text, number or bool; bools are 1 and 0.
func scalar(raw json.RawMessage) (string, bool) {
	switch s := string(raw); {
	case s == "true":
		return "1", true
	case s == "false":
		return "0", true
	case s == "" || s == "null" || s[0] == '{' || s[0] == '[':
		return "", false
	case s[0] == '"':
		return text(raw), true
	default:
		return s, true
	}
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // not a text: empty
	return s
}
