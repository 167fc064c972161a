package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

// The commands of this file manage networks of one's own, on the controller of
// the node that answers.

// NewNetwork says which network to create.
type NewNetwork struct {
	Name string
	// Public lets everybody in who knows the ID.
	Public bool
	// Subnet is the IPv4 network from which members get addresses, "ip/bits";
	// "" draws a 10.x.y.0/24, "none" gives none.
	Subnet string
	// IPv6 has schemes of IPv6 addresses: "rfc4193", "6plane".
	IPv6 []string
	// Routes are further routes, "target" or "target=gateway".
	Routes []string
	// ID is the wanted network ID; "" lets the controller choose.
	ID string
}

// control makes a call of the controller's API. A node without a controller
// answers 404 to everything under /controller.
func (t *Tool) control(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	status, raw, err := t.API.Do(ctx, method, path, body)
	switch {
	case err != nil:
		return nil, explain(err)
	case status == http.StatusOK:
		return raw, nil
	case status == http.StatusUnauthorized:
		return nil, failf("the token is wrong: the service refused it")
	case status == http.StatusNotFound:
		if status, _, err := t.API.Do(ctx, http.MethodGet, "/controller", nil); err == nil && status == http.StatusNotFound {
			return nil, failf("this node has no network controller")
		}
		return nil, &Exit{Failed, errUnknown}
	}
	var e struct{ Description string }
	if json.Unmarshal(raw, &e) == nil && e.Description != "" {
		return nil, failf("the controller refused: %s", printable(e.Description))
	}
	return nil, failf("the controller answered with status %d", status)
}

// errUnknown is a 404 for a network or a member.
var errUnknown = errors.New("the controller does not know it")

// ownID parses the ID of a network of one's own.
func ownID(s string) (identity.NetworkID, error) {
	n, err := identity.ParseNetworkID(s)
	if err != nil || n == 0 {
		return 0, usagef("%q is not a network ID: want 16 hex digits; \"orreryctl network list\" shows them", clipArg(s))
	}
	return n, nil
}

// memberID parses the address of a member.
func memberID(s string) (identity.Address, error) {
	a, err := identity.ParseAddress(s)
	if err != nil || a.Reserved() {
		return 0, usagef("%q is not the address of a node: want 10 hex digits, as \"orreryctl info\" shows on it", clipArg(s))
	}
	return a, nil
}

// NetworkCreate creates a network and prints its ID.
func (t *Tool) NetworkCreate(ctx context.Context, n NewNetwork) error {
	if err := checkName(n.Name); err != nil {
		return err
	}
	body, err := t.networkBody(&n)
	if err != nil {
		return err
	}
	path := "/controller/network"
	if n.ID != "" {
		id, err := ownID(n.ID)
		if err != nil {
			return err
		}
		status, _, err := t.API.Do(ctx, http.MethodGet, "/controller/network/"+id.String(), nil)
		if err == nil && status == http.StatusOK {
			return failf("network %s exists already; \"orreryctl network show %s\" shows it", id, id)
		}
		path += "/" + id.String()
	}
	raw, err := t.control(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.show("network create", raw)
	}
	var o struct{ ID string }
	if err := json.Unmarshal(raw, &o); err != nil {
		return t.badJSON("network create", err)
	}
	t.printf("%s\n", printable(o.ID))
	return nil
}

// networkBody is what the controller is asked for, in the reference's fields.
func (t *Tool) networkBody(n *NewNetwork) ([]byte, error) {
	o := map[string]any{"name": n.Name, "private": !n.Public}
	six := map[string]bool{"rfc4193": false, "6plane": false, "zt": false}
	for _, scheme := range n.IPv6 {
		if scheme != "rfc4193" && scheme != "6plane" {
			return nil, usagef("--ipv6 %s: it can be rfc4193 or 6plane", clipArg(scheme))
		}
		six[scheme] = true
	}
	o["v6AssignMode"] = six
	var routes []any
	if n.Subnet != "none" {
		subnet, err := t.subnet(n.Subnet)
		if err != nil {
			return nil, err
		}
		first, last := hosts(subnet)
		o["v4AssignMode"] = map[string]bool{"zt": true}
		o["ipAssignmentPools"] = []any{map[string]string{"ipRangeStart": first.String(), "ipRangeEnd": last.String()}}
		routes = append(routes, map[string]any{"target": subnet.String(), "via": nil})
	}
	for _, r := range n.Routes {
		target, via, hasVia := strings.Cut(r, "=")
		p, err := netip.ParsePrefix(target)
		if err != nil {
			return nil, usagef("--route %s: want NETWORK/BITS or NETWORK/BITS=GATEWAY", clipArg(r))
		}
		if scope := unfit(p); scope != "" {
			return nil, usagef("--route %s: %s addresses are never routed, so that members would refuse it", clipArg(r), scope)
		}
		route := map[string]any{"target": p.Masked().String(), "via": nil}
		if hasVia {
			gateway, err := netip.ParseAddr(via)
			if err != nil || gateway.Is4() != p.Addr().Is4() {
				return nil, usagef("--route %s: the gateway is not an address of the same kind", clipArg(r))
			}
			route["via"] = gateway.String()
		}
		routes = append(routes, route)
	}
	if routes != nil {
		o["routes"] = routes
	}
	return json.Marshal(o)
}

// subnet parses the subnet, or draws one: networks of different people should
// rarely collide.
func (t *Tool) subnet(s string) (netip.Prefix, error) {
	if s == "" {
		var b [2]byte
		t.Random(b[:])
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, b[0], b[1], 0}), 24), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() || p.Bits() > 30 || p.Bits() < 8 {
		return p, usagef("--subnet %s: want an IPv4 network of 8 to 30 bits such as 10.147.17.0/24, or \"none\"", clipArg(s))
	}
	if scope := unfit(p); scope != "" {
		return p, usagef("--subnet %s: members never take %s addresses; choose a private network such as 10.147.17.0/24", clipArg(s), scope)
	}
	return p.Masked(), nil
}

// unfit names the scope of a network that no member takes from a controller,
// whatever its settings; "" if there is nothing against it.
func unfit(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "" // the default route
	}
	switch scope := wire.ScopeOf(p.Masked().Addr()); scope {
	case wire.ScopeNone:
		return "reserved"
	case wire.ScopeLoopback, wire.ScopeMulticast, wire.ScopeLinkLocal:
		return scope.String()
	}
	return ""
}

// checkName refuses a name that screens or members do not show as it is.
func checkName(name string) error {
	if len(name) > netconf.MaxName || printable(name) != name {
		return usagef("--name: want at most %d bytes, and no characters that do not show", netconf.MaxName)
	}
	return nil
}

// hosts returns the first and the last address that a host can have.
func hosts(p netip.Prefix) (first, last netip.Addr) {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return p.Addr().Next(), netip.AddrFrom4(b).Prev()
}

// ownNetwork has the fields of the controller's network object that are shown.
type ownNetwork struct {
	ID, Name string
	Private  bool
	Revision uint64
	MTU      int
	Pools    []struct {
		Start string `json:"ipRangeStart"`
		End   string `json:"ipRangeEnd"`
	} `json:"ipAssignmentPools"`
	Routes []struct {
		Target string
		Via    *string
	}
	V6   map[string]bool `json:"v6AssignMode"`
	DNS  ownNames
	Meta struct{ AuthorizedMemberCount, TotalMemberCount int }
}

// ownNames are the name servers of a network: an object, or an empty list where
// there are none.
type ownNames struct {
	Domain  string
	Servers []string
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *ownNames) UnmarshalJSON(b []byte) error {
	type object ownNames
	var o object
	if json.Unmarshal(b, &o) == nil {
		*d = ownNames(o)
	}
	return nil
}

func (n *ownNetwork) access() string {
	if n.Private {
		return "private"
	}
	return "public"
}

// NetworkList prints the controller's networks.
func (t *Tool) NetworkList(ctx context.Context) error {
	raw, err := t.control(ctx, http.MethodGet, "/unstable/controller/network", nil)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.show("network list", raw)
	}
	var all struct{ Data []ownNetwork }
	if err := json.Unmarshal(raw, &all); err != nil {
		return t.badJSON("network list", err)
	}
	rows := [][]string{{"ID", "ACCESS", "MEMBERS", "NAME"}}
	for i := range all.Data {
		n := &all.Data[i]
		rows = append(rows, []string{n.ID, n.access(), fmt.Sprintf("%d/%d", n.Meta.AuthorizedMemberCount, n.Meta.TotalMemberCount), n.Name})
	}
	t.columns(rows)
	return nil
}

// NetworkShow prints one of the controller's networks.
func (t *Tool) NetworkShow(ctx context.Context, id string) error {
	nwid, err := ownID(id)
	if err != nil {
		return err
	}
	raw, err := t.control(ctx, http.MethodGet, "/controller/network/"+nwid.String(), nil)
	if err != nil {
		return unknownNetwork(err, nwid)
	}
	if t.JSON {
		return t.show("network show", raw)
	}
	var n ownNetwork
	if err := json.Unmarshal(raw, &n); err != nil {
		return t.badJSON("network show", err)
	}
	t.printf("%s\n", strings.TrimRight(printable(n.ID+" "+n.Name), " "))
	t.printf("  access     %s\n  mtu        %d\n  revision   %d\n", n.access(), n.MTU, n.Revision)
	for _, p := range n.Pools {
		t.printf("  addresses  %s to %s\n", printable(p.Start), printable(p.End))
	}
	for _, scheme := range []string{"rfc4193", "6plane"} {
		if n.V6[scheme] {
			t.printf("  addresses  %s\n", scheme)
		}
	}
	for _, r := range n.Routes {
		if r.Via != nil {
			t.printf("  route      %s via %s\n", printable(r.Target), printable(*r.Via))
			continue
		}
		t.printf("  route      %s\n", printable(r.Target))
	}
	for _, s := range n.DNS.Servers {
		t.printf("  names      %s of %s\n", printable(n.DNS.Domain), printable(s))
	}
	return nil
}

// unknownNetwork says which network is not there.
func unknownNetwork(err error, n identity.NetworkID) error {
	if errors.Is(err, errUnknown) {
		return failf("this node's controller has no network %s; \"orreryctl network list\" shows those it has", n)
	}
	return err
}

// ownMember has the fields of the controller's member object that are shown.
type ownMember struct {
	ID, Name             string
	Authorized           bool
	Addresses            []string `json:"ipAssignments"`
	VMajor, VMinor, VRev int
}

func (m *ownMember) version() string {
	if m.VMajor < 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d.%d", m.VMajor, m.VMinor, m.VRev)
}

// NetworkMembers prints the members of one of the controller's networks, those
// who wait for authorisation first.
func (t *Tool) NetworkMembers(ctx context.Context, id string) error {
	nwid, err := ownID(id)
	if err != nil {
		return err
	}
	raw, err := t.control(ctx, http.MethodGet, "/unstable/controller/network/"+nwid.String()+"/member", nil)
	if err != nil {
		return unknownNetwork(err, nwid)
	}
	if t.JSON {
		return t.show("network members", raw)
	}
	var all struct{ Data []ownMember }
	if err := json.Unmarshal(raw, &all); err != nil {
		return t.badJSON("network members", err)
	}
	slices.SortStableFunc(all.Data, func(a, b ownMember) int {
		switch {
		case a.Authorized == b.Authorized:
			return strings.Compare(a.ID, b.ID)
		case b.Authorized:
			return -1
		}
		return 1
	})
	rows := [][]string{{"ADDRESS", "AUTHORIZED", "VERSION", "ADDRESSES", "NAME"}}
	for i := range all.Data {
		m := &all.Data[i]
		state, ips := "no", "-"
		if m.Authorized {
			state = "yes"
		}
		if len(m.Addresses) > 0 {
			ips = strings.Join(m.Addresses, ",")
		}
		rows = append(rows, []string{m.ID, state, m.version(), ips, m.Name})
	}
	t.columns(rows)
	return nil
}

// NetworkAuthorize lets a member in or out. A member that has never asked may be
// authorised in advance. name is stored with the member unless it is "".
func (t *Tool) NetworkAuthorize(ctx context.Context, id, address string, authorized bool, name string) error {
	nwid, err := ownID(id)
	if err != nil {
		return err
	}
	a, err := memberID(address)
	if err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	if !authorized {
		if err := t.knownMember(ctx, nwid, a); err != nil {
			return err
		}
	}
	o := map[string]any{"authorized": authorized}
	if name != "" {
		o["name"] = name
	}
	body, err := json.Marshal(o)
	if err != nil {
		return failf("encode: %w", err)
	}
	raw, err := t.control(ctx, http.MethodPost, fmt.Sprintf("/controller/network/%s/member/%s", nwid, a), body)
	if err != nil {
		return unknownNetwork(err, nwid)
	}
	if t.JSON {
		return t.show("network authorize", raw)
	}
	if authorized {
		t.printf("%s is a member of %s\n", a, nwid)
	} else {
		t.printf("%s is no longer a member of %s\n", a, nwid)
	}
	return nil
}

// knownMember makes sure that the controller knows a member: it makes a record of
// whomever it is told about, and of a mistyped address there should be none.
func (t *Tool) knownMember(ctx context.Context, n identity.NetworkID, a identity.Address) error {
	path := "/controller/network/" + n.String()
	if _, err := t.control(ctx, http.MethodGet, path, nil); err != nil {
		return unknownNetwork(err, n)
	}
	_, err := t.control(ctx, http.MethodGet, path+"/member/"+a.String(), nil)
	if errors.Is(err, errUnknown) {
		return failf("%s is no member of %s, and nothing was changed; \"orreryctl network members %s\" shows who is", a, n, n)
	}
	return err
}

// NetworkDelete deletes a network with all its members, which cannot be undone:
// yes must be true, or a person must agree.
func (t *Tool) NetworkDelete(ctx context.Context, id string, yes bool) error {
	nwid, err := ownID(id)
	if err != nil {
		return err
	}
	if !yes {
		agreed, err := t.confirm(fmt.Sprintf("Delete network %s and all its members? This cannot be undone.", nwid), "--yes")
		if err != nil {
			return err
		}
		if !agreed {
			return failf("nothing was deleted")
		}
	}
	raw, err := t.control(ctx, http.MethodDelete, "/controller/network/"+nwid.String(), nil)
	if err != nil {
		return unknownNetwork(err, nwid)
	}
	if t.JSON {
		return t.show("network delete", raw)
	}
	t.printf("%s is deleted\n", nwid)
	return nil
}
