package ctl

import (
	"context"
	"encoding/json"
	"strings"

	"orrery/engine/identity"
	"orrery/service/diag"
	"orrery/service/ipc"
)

// getNames prints what a network says of name servers, and what became of it.
func (t *Tool) getNames(ctx context.Context, n identity.NetworkID) error {
	list, err := t.Service.Networks(ctx)
	if err != nil {
		return explain(err)
	}
	for i := range list {
		if list[i].ID == n.String() {
			if t.JSON {
				return t.showValue(&list[i].DNS)
			}
			t.printNames(&list[i].DNS)
			return nil
		}
	}
	return unknownID(n)
}

// printNames prints the domain and the servers, and a line each about what
// became of them and what can be done.
func (t *Tool) printNames(d *ipc.DNS) {
	if d.Domain == "" && len(d.Servers) == 0 {
		t.printf("the network names no name servers\n")
		return
	}
	domain, servers := d.Domain, strings.Join(d.Servers, ",")
	if domain == "" {
		domain = "-"
	}
	if servers == "" {
		servers = "-"
	}
	t.printf("%s %s %s\n", printable(domain), printable(servers), printable(d.State))
	text := d.Reason
	if d.State == "applied" {
		text = diag.NamesApplied(d)
	}
	for _, line := range []string{text, d.Advice} {
		if line != "" {
			t.printf("    %s\n", printable(line))
		}
	}
}

// namesStatus prints what became of name servers that were allowed, in a line.
func namesStatus(d *ipc.DNS, line func(format string, args ...any)) {
	switch d.State {
	case "", "ignored":
	case "applied":
		line("%s", diag.NamesApplied(d))
	case "pending":
		line("Its name servers are being set.")
	default:
		line("Name servers are %s: %s", d.State, d.Reason)
	}
}

// addNames completes the name servers of a network that the reference's API has
// answered with what became of them.
func addNames(d *ipc.DNS, o map[string]json.RawMessage) {
	var names map[string]json.RawMessage
	if d.State == "" || json.Unmarshal(o["dns"], &names) != nil || names == nil {
		return
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return
	}
	var more map[string]json.RawMessage
	if json.Unmarshal(raw, &more) != nil {
		return
	}
	for k, v := range more {
		if _, there := names[k]; !there {
			names[k] = v
		}
	}
	if raw, err = json.Marshal(names); err == nil {
		o["dns"] = raw
	}
}
