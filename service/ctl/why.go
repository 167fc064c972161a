package ctl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"orrery/service/ipc"
)

// PeersWhy prints how each peer is reached and, of those that are not reached
// directly, why and what can be done. Empty address means all.
func (t *Tool) PeersWhy(ctx context.Context, address string) error {
	if err := t.needService(); err != nil {
		return err
	}
	var list []ipc.Peer
	if address == "" {
		all, err := t.Service.Peers(ctx)
		if err != nil {
			return explain(err)
		}
		list = all
	} else {
		a, err := memberID(address)
		if err != nil {
			return err
		}
		p, err := t.Service.Peer(ctx, a.String())
		if err != nil {
			return explain(err)
		}
		list = []ipc.Peer{*p}
	}
	if t.JSON {
		return t.showValue(list)
	}
	slices.SortStableFunc(list, func(a, b ipc.Peer) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Address, b.Address))
	})
	rows := [][]string{{"ADDRESS", "NAME", "ROLE", "LINK", "LATENCY", "PATH", "REASON"}}
	for i := range list {
		p := &list[i]
		link, path := linkOf(p)
		latency := "-"
		if p.LatencyMs >= 0 {
			latency = fmt.Sprintf("%d ms", p.LatencyMs)
		}
		rows = append(rows, []string{p.Address, p.Name, strings.ToLower(p.Role), link, latency, path, p.Reason})
	}
	t.columns(rows)
	for i := range list {
		t.explainPeer(&list[i], address != "")
	}
	return nil
}

// explainPeer prints the reason of a peer in sentences; what passes by itself
// only if it was asked for.
func (t *Tool) explainPeer(p *ipc.Peer, asked bool) {
	if p.Reason == "" || p.Passing && !asked {
		return
	}
	who := p.Address
	if p.Name != "" {
		who += " (" + p.Name + ")"
	}
	t.printf("\n%s\n    %s\n", printable(who), printable(p.ReasonText))
	if p.Advice != "" {
		t.printf("    %s\n", printable(p.Advice))
	}
}

// rank puts devices before roots, those that something is the matter with
// first.
func rank(p *ipc.Peer) int {
	n := 0
	if p.Role != "LEAF" {
		n = 10
	}
	switch {
	case p.Reason != "" && !p.Passing:
		return n
	case p.Reason != "":
		return n + 2
	}
	return n + 1
}

// linkOf says how a peer is reached, and by which address or root.
func linkOf(p *ipc.Peer) (link, path string) {
	for i := range p.Paths {
		if x := &p.Paths[i]; x.Preferred {
			path = x.Address
		}
	}
	switch {
	case p.Direct:
		return "direct", path
	case p.Tunnelled:
		return "tcp", path
	case p.Relay != "":
		return "relayed", "root " + p.Relay
	}
	return "none", ""
}
