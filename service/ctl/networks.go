package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// network has the fields of a network object that are printed.
type network struct {
	ID, Name, MAC, Status, Type string
	Device                      string   `json:"portDeviceName"`
	Addresses                   []string `json:"assignedAddresses"`
	SSO                         bool     `json:"ssoEnabled"`
	AuthURL                     string   `json:"authenticationURL"`
	AuthExpiry                  int64    `json:"authenticationExpiryTime"`
}

// ListNetworks prints the joined networks in the form that scripts parse.
func (t *Tool) ListNetworks(ctx context.Context) error {
	const command = "listnetworks"
	raw, err := t.ask(ctx, command, http.MethodGet, "/network", nil)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.show(command, t.withSettings(ctx, raw))
	}
	var list []network
	if err := json.Unmarshal(raw, &list); err != nil {
		return t.badJSON(command, err)
	}
	t.printf("200 listnetworks <nwid> <name> <mac> <status> <type> <dev> <ZT assigned ips>\n")
	for i := range list {
		n := &list[i]
		ips := "-"
		if len(n.Addresses) > 0 {
			ips = strings.Join(n.Addresses, ",")
		}
		t.printf("200 listnetworks %s\n", printable(strings.Join([]string{n.ID, n.Name, n.MAC, n.Status, n.Type, n.Device, ips}, " ")))
		switch {
		case !n.SSO:
		case n.Status == "AUTHENTICATION_REQUIRED":
			t.printf("    AUTH EXPIRED, URL: %s\n", printable(n.AuthURL))
		case n.Status == "OK":
			t.printf("    AUTH OK, expires in: %d seconds\n", max(n.AuthExpiry-t.Now().UnixMilli(), 0)/1000)
		}
	}
	return nil
}

// networkID parses a network ID before it gets anywhere else. The message on
// Out is the reference's.
func (t *Tool) networkID(s string) (identity.NetworkID, error) {
	n, err := identity.ParseNetworkID(s)
	if err != nil || n == 0 {
		t.printf("invalid network id\n")
		return 0, usagef("a network ID has 16 hex digits, for example 8056c2e21c000001; ask the network's owner for it")
	}
	return n, nil
}

// network asks the service, not the compatible API, for a network.
func (t *Tool) network(ctx context.Context, id string) (*ipc.Network, error) {
	nwid, err := t.networkID(id)
	if err != nil {
		return nil, err
	}
	if err := t.needService(); err != nil {
		return nil, err
	}
	n, err := t.Service.Network(ctx, nwid.String())
	if err != nil {
		return nil, explain(err)
	}
	return n, nil
}

// Join joins a network.
func (t *Tool) Join(ctx context.Context, id string) error {
	n, err := t.networkID(id)
	if err != nil {
		return err
	}
	raw, err := t.ask(ctx, "join", http.MethodPost, "/network/"+n.String(), []byte("{}"))
	if err != nil {
		return err
	}
	return t.ok("join", raw)
}

// join joins a network with a join token, empty for none.
func (t *Tool) join(ctx context.Context, id, token string) error {
	if token == "" {
		return t.Join(ctx, id)
	}
	n, err := t.networkID(id)
	if err != nil {
		return err
	}
	if err := t.needService(); err != nil {
		return err
	}
	joined, err := t.Service.Join(ctx, n.String(), tokenSetting(token))
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(joined)
	}
	return t.ok("join", nil)
}

// tokenSetting is the setting of a join token, nothing for an empty one.
func tokenSetting(token string) (s ipc.NetworkSettings) {
	if token != "" {
		s.Token = &token
	}
	return s
}

// Leave leaves a network. It is no error if it was not joined.
func (t *Tool) Leave(ctx context.Context, id string) error {
	n, err := t.networkID(id)
	if err != nil {
		return err
	}
	raw, err := t.ask(ctx, "leave", http.MethodDelete, "/network/"+n.String(), nil)
	if err != nil {
		return err
	}
	return t.ok("leave", raw)
}

// ok says that a command was carried out; with JSON it prints the answer as it
// is, without a line end.
func (t *Tool) ok(command string, raw []byte) error {
	if t.JSON {
		t.pass(raw)
		return nil
	}
	t.printf("200 %s OK\n", command)
	return nil
}

// NetworkIDs lists the joined networks, for completion on the command line.
func (t *Tool) NetworkIDs(ctx context.Context) ([]string, error) {
	status, raw, err := t.API.Do(ctx, http.MethodGet, "/network", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("list networks: status %d: %w", status, err)
	}
	var list []network
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = printable(list[i].ID) + "\t" + printable(list[i].Name) // cobra's separator of a description
	}
	return ids, nil
}
