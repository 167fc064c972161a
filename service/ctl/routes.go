package ctl

import (
	"context"
	"encoding/json"
	"strings"

	"orrery/service/ipc"
)

// routesReport is the answer of "routes" as JSON.
type routesReport struct {
	ID            string             `json:"id"`
	Device        string             `json:"device"`
	Addresses     []string           `json:"addresses"`
	AddressStates []ipc.AddressState `json:"addressStates"`
	Routes        []ipc.Route        `json:"routes"`
}

// Routes prints what became of a network's addresses and routes, and why.
func (t *Tool) Routes(ctx context.Context, id string) error {
	n, err := t.network(ctx, id)
	if err != nil {
		return err
	}
	if t.JSON {
		r := routesReport{n.ID, n.Device, n.Addresses, n.AddressStates, n.Routes}
		if r.AddressStates == nil {
			r.AddressStates = []ipc.AddressState{}
		}
		return t.showValue(r)
	}
	states := make(map[string]*ipc.AddressState, len(n.AddressStates))
	for i := range n.AddressStates {
		states[n.AddressStates[i].Address] = &n.AddressStates[i]
	}
	rows := [][]string{{"WHAT", "TARGET", "VIA", "STATE"}}
	for _, a := range n.Addresses {
		if states[a] == nil {
			rows = append(rows, []string{"address", a, "-", string(ipc.RouteApplied)})
		}
	}
	for i := range n.AddressStates {
		rows = append(rows, []string{"address", n.AddressStates[i].Address, "-", string(n.AddressStates[i].State)})
	}
	for i := range n.Routes {
		r := &n.Routes[i]
		via := r.Via
		if via == "" {
			via = "-"
		}
		rows = append(rows, []string{"route", r.Target, via, string(r.State)})
	}
	if len(rows) == 1 {
		t.printf("the network gives no addresses or routes\n")
		return nil
	}
	t.columns(rows)
	for i := range n.AddressStates {
		a := &n.AddressStates[i]
		t.explainRoute(a.Address, a.Reason, a.Advice)
	}
	for i := range n.Routes {
		r := &n.Routes[i]
		what := r.Target
		if r.Via != "" {
			what += " via " + r.Via
		}
		t.explainRoute(what, r.Reason, r.Advice)
	}
	return nil
}

// explainRoute prints why an address or route is not plainly applied.
func (t *Tool) explainRoute(what, reason, advice string) {
	if reason == "" {
		return
	}
	t.printf("\n%s\n    %s\n", printable(what), printable(reason))
	if advice = strings.TrimSpace(advice); advice != "" {
		t.printf("    %s\n", printable(advice))
	}
}

// addStates adds what became of routes and addresses to a network as the
// reference's API answers it.
func addStates(n *ipc.Network, o map[string]json.RawMessage) {
	var routes []map[string]json.RawMessage
	if json.Unmarshal(o["routes"], &routes) != nil || len(routes) != len(n.Routes) {
		return
	}
	for i, r := range routes {
		for key, value := range map[string]string{"state": string(n.Routes[i].State), "reason": n.Routes[i].Reason, "advice": n.Routes[i].Advice} {
			if b, err := json.Marshal(value); err == nil && value != "" {
				r[key] = b
			}
		}
	}
	if b, err := json.Marshal(routes); err == nil && len(routes) > 0 {
		o["routes"] = b
	}
	if b, err := json.Marshal(n.AddressStates); err == nil && len(n.AddressStates) > 0 {
		o["addressStates"] = b
	}
}
