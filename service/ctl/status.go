package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Info prints the node's address, version and state. command is the word the
// user typed, "info" or "status".
func (t *Tool) Info(ctx context.Context, command string) error {
	raw, err := t.ask(ctx, command, http.MethodGet, "/status", nil)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.show(command, raw)
	}
	var s struct {
		Address, Version  string
		Online            bool
		TCPFallbackActive bool `json:"tcpFallbackActive"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return t.badJSON(command, err)
	}
	state := "OFFLINE"
	switch {
	case s.TCPFallbackActive:
		state = "TUNNELED"
	case s.Online:
		state = "ONLINE"
	}
	t.printf("200 info %s %s %s\n", printable(s.Address), printable(s.Version), state)
	return nil
}

// peer has the fields of a peer object that are printed.
type peer struct {
	Address, Role, Version string
	Latency                int
	Tunneled               bool
	Paths                  []struct {
		Address               string
		LastSend, LastReceive int64
		Preferred             bool
	}
}

// path returns the address of the preferred path and the times since it last
// carried a packet out and in, in ms, -1 for never.
func (p *peer) path(now time.Time) (address string, sent, received int64, ok bool) {
	for _, h := range p.Paths {
		if h.Preferred {
			return printable(h.Address), since(now, h.LastSend), since(now, h.LastReceive), true
		}
	}
	return "", 0, 0, false
}

func since(now time.Time, ms int64) int64 {
	if ms <= 0 {
		return -1
	}
	return max(now.UnixMilli()-ms, 0)
}

// version is "-" while unknown.
func (p *peer) version() string {
	if p.Version == "" || strings.HasPrefix(p.Version, "-") {
		return "-"
	}
	return printable(p.Version)
}

// peers gets the peer list. If JSON was asked for it has printed it already and
// done is true.
func (t *Tool) peers(ctx context.Context, command string) (list []peer, done bool, err error) {
	raw, err := t.ask(ctx, command, http.MethodGet, "/peer", nil)
	if err != nil {
		return nil, true, err
	}
	if t.JSON {
		return nil, true, t.show(command, raw)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, true, t.badJSON(command, err)
	}
	return list, false, nil
}

// ListPeers prints peers in the form that scripts parse.
func (t *Tool) ListPeers(ctx context.Context) error {
	list, done, err := t.peers(ctx, "listpeers")
	if done {
		return err
	}
	t.printf("200 listpeers <ztaddr> <path> <latency> <version> <role>\n")
	now := t.Now()
	for i := range list {
		p := &list[i]
		path := "-"
		if a, sent, received, ok := p.path(now); ok {
			path = fmt.Sprintf("%s;%d;%d", a, sent, received)
		}
		t.printf("200 listpeers %s %s %d %s %s\n", printable(p.Address), path, p.Latency, p.version(), printable(p.Role))
	}
	return nil
}

// Peers prints peers as a table (spec 06 §7.3).
func (t *Tool) Peers(ctx context.Context) error {
	list, done, err := t.peers(ctx, "peers")
	if done {
		return err
	}
	t.printf("200 peers\n<ztaddr>   <ver>  <role> <lat> <link>   <lastTX> <lastRX> <path>\n")
	now, tunneled := t.Now(), false
	for i := range list {
		p := &list[i]
		link := "RELAY"
		if a, sent, received, ok := p.path(now); ok {
			way := "DIRECT  "
			if p.Tunneled {
				way = "RELAY"
			}
			link = fmt.Sprintf("%s %-8d %-8d %s", way, sent, received, a)
		}
		tunneled = tunneled || p.Tunneled
		t.printf("%s %-6s %-6s %5d %s\n", printable(p.Address), p.version(), printable(p.Role), p.Latency, link)
	}
	if tunneled {
		t.printf("NOTE: Currently tunneling through a TCP relay. Ensure that UDP is not blocked.\n")
	}
	return nil
}

// ListMoons prints the moons, always as JSON.
func (t *Tool) ListMoons(ctx context.Context) error {
	raw, err := t.ask(ctx, "listmoons", http.MethodGet, "/moon", nil)
	if err != nil {
		return err
	}
	return t.show("listmoons", raw)
}

// Raw prints the answer to GET path as it is.
func (t *Tool) Raw(ctx context.Context, path string) error {
	raw, err := t.ask(ctx, path, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	t.pass(raw)
	return nil
}
