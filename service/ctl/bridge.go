package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"orrery/service/ipc"
)

// bridgeReport is the answer of "bridge" as JSON.
type bridgeReport struct {
	ID       string            `json:"id"`
	Bridging *ipc.Bridging     `json:"bridging"` // null on a network without bridges
	Hosts    []ipc.BridgedHost `json:"hosts"`
}

// Bridge prints the bridges of a network and who was seen behind them.
func (t *Tool) Bridge(ctx context.Context, id string) error {
	n, err := t.network(ctx, id)
	if err != nil {
		return err
	}
	hosts, err := t.Service.BridgedHosts(ctx, n.ID)
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(bridgeReport{n.ID, n.Bridging, hosts})
	}
	b := n.Bridging
	if b == nil {
		t.printf("the network has no bridges\n")
		return nil
	}
	t.printf("this computer: %s\n", printable(bridgeRole(b)))
	if len(b.Bridges) > 0 {
		t.printf("bridges: %s\n", printable(strings.Join(b.Bridges, " ")))
	}
	if b.Refused > 0 {
		t.printf("frames refused: %d, from or to computers behind who may not bridge\n", b.Refused)
	}
	if b.Looped > 0 {
		t.printf("frames that came back: %d, and were dropped\n", b.Looped)
	}
	t.printf("behind this computer: %d, behind other bridges: %d, of %d that are remembered\n", b.Local, b.Remote, b.Limit)
	if len(hosts) == 0 {
		return nil
	}
	t.printf("\n")
	rows := [][]string{{"MAC", "BEHIND", "SEEN"}}
	for _, h := range hosts {
		via := h.Via
		if h.Local {
			via += " (this computer)"
		}
		seen := ""
		if !h.Seen.IsZero() {
			seen = fmt.Sprintf("%d s ago", max(t.Now().Unix()-h.Seen.Unix(), 0))
		}
		rows = append(rows, []string{h.MAC, via, seen})
	}
	t.columns(rows)
	return nil
}

// bridgeRole says what part this computer has.
func bridgeRole(b *ipc.Bridging) string {
	port := "its device is a port of no bridge"
	if b.Port != "" {
		port = "its device is a port of " + b.Port
	}
	switch {
	case b.Active:
		return "a bridge; " + port
	case b.Allowed:
		return "made a bridge by the network, but its device carries IP packets only (\"orreryctl set NETWORK port=tap\" on Linux)"
	case b.Port != "":
		return "not allowed to bridge, although " + port
	}
	return "no bridge"
}

// NetworkBridge makes a member of a network of one's own an active bridge, or
// takes the role away.
func (t *Tool) NetworkBridge(ctx context.Context, id, address string, on bool) error {
	nwid, err := ownID(id)
	if err != nil {
		return err
	}
	a, err := memberID(address)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]bool{"activeBridge": on})
	if err != nil {
		return failf("encode: %w", err)
	}
	raw, err := t.control(ctx, http.MethodPost, fmt.Sprintf("/controller/network/%s/member/%s", nwid, a), body)
	if err != nil {
		return unknownNetwork(err, nwid)
	}
	if t.JSON {
		return t.show("network bridge", raw)
	}
	if on {
		t.printf("%s may bridge computers behind it into %s\n", a, nwid)
		var m ownMember
		if json.Unmarshal(raw, &m) == nil && !m.Authorized {
			t.printf("It is not a member yet: orreryctl network authorize %s %s\n", nwid, a)
		}
	} else {
		t.printf("%s may no longer bridge into %s\n", a, nwid)
	}
	return nil
}
