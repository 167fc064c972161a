package ctl

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"orrery/engine/wire"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// parseRoots reads "IDENTITY=IP/PORT,…" for each root.
func parseRoots(texts []string) ([]world.Root, error) {
	roots := make([]world.Root, 0, len(texts))
	for _, text := range texts {
		r, err := parseRoot(text)
		if err != nil {
			return nil, err
		}
		roots = append(roots, r)
	}
	return roots, nil
}

// parseRoot reads "IDENTITY=IP/PORT,…".
func parseRoot(text string) (world.Root, error) {
	i := strings.LastIndex(text, "=")
	if i < 0 {
		return world.Root{}, usagef("--root %s: want IDENTITY=IP/PORT, for example identity.public=203.0.113.5/9993", clipArg(text))
	}
	g, err := readIdentity(text[:i])
	if err != nil {
		return world.Root{}, usagef("--root: identity argument invalid or file unreadable: %s", g.label)
	}
	r := world.Root{Identity: g.id}
	for _, e := range strings.Split(text[i+1:], ",") {
		a, err := parseEndpoint(e)
		if err != nil {
			return world.Root{}, err
		}
		r.Endpoints = append(r.Endpoints, a)
	}
	return r, nil
}

// parseEndpoint takes "ip/port" as the reference writes it and "ip:port" as
// everybody else does.
func parseEndpoint(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if ip, port, ok := strings.Cut(s, "/"); ok {
		a, err = netip.ParseAddrPort(net.JoinHostPort(ip, port))
	}
	if err == nil && a.Port() != 0 && a.Addr().Zone() == "" {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
	}
	return netip.AddrPort{}, usagef("--root: endpoint %q is not IP/PORT, for example 203.0.113.5/9993 or 2001:db8::5/9993", clipArg(s))
}

func clipArg(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// WorldShow prints a planet or moon from a file, or with no file the planet or
// the moons that the service uses.
func (t *Tool) WorldShow(ctx context.Context, kind world.Kind, path string) error {
	if path != "" {
		w, err := readWorld(path, world.Null)
		if err != nil {
			return failf("%s: %w", path, err)
		}
		note := "signed by its own key"
		if !w.SelfSigned() {
			note = "not signed by its own key: only with the key of the revision before can be told whether it is genuine"
		}
		return t.showWorld(describeWorld(w), note)
	}
	if err := t.needService(); err != nil {
		return err
	}
	if kind == world.Planet {
		w, err := t.Service.Planet(ctx)
		if err != nil {
			return explain(err)
		}
		return t.showWorld(w, "")
	}
	moons, err := t.Service.Moons(ctx)
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(moons)
	}
	if len(moons) == 0 {
		t.printf("No moon is used. \"orreryctl orbit ID SEED\" asks for one.\n")
	}
	for i := range moons {
		if m := &moons[i]; m.Waiting {
			t.printf("moon %x\n  waiting     %s\n", m.ID, printable(m.Problem))
		} else if err := t.showWorld(m, ""); err != nil {
			return err
		}
	}
	return nil
}

// rootState says how a root does.
func rootState(h *ipc.RootHealth, now time.Time) string {
	switch {
	case h.Refused:
		return "refused: another key is recorded for its address"
	case h.LastAnswer == nil:
		return "has not answered yet"
	case !h.Answers:
		return "silent for " + now.Sub(*h.LastAnswer).Round(time.Second).String()
	}
	s := "answers"
	if h.LatencyMs >= 0 {
		s += fmt.Sprintf(" in %d ms", h.LatencyMs)
	}
	if h.InUse {
		s += ", in use"
	}
	return s
}

// describeWorld is the world as the service describes it.
func describeWorld(w *world.World) *ipc.World {
	d := &ipc.World{
		Kind: w.Kind.String(), ID: w.ID, Timestamp: time.UnixMilli(int64(w.Timestamp)).UTC(),
		UpdateKey: hex.EncodeToString(w.UpdateKey[:]), Signature: hex.EncodeToString(w.Signature[:]),
		Roots: make([]ipc.WorldRoot, len(w.Roots)),
	}
	for i, r := range w.Roots {
		d.Roots[i] = ipc.WorldRoot{Identity: r.Identity.String(), Endpoints: make([]string, len(r.Endpoints))}
		for j, e := range r.Endpoints {
			d.Roots[i].Endpoints[j] = wire.FormatInet(e)
		}
	}
	return d
}

func (t *Tool) showWorld(w *ipc.World, note string) error {
	if t.JSON {
		return t.showValue(w)
	}
	t.printf("%s %x\n", printable(w.Kind), w.ID)
	t.printf("  signed      %s (%d)\n", w.Timestamp.UTC().Format("2006-01-02 15:04:05 MST"), w.Timestamp.UnixMilli())
	t.printf("  update key  %s\n", printable(w.UpdateKey))
	if note != "" {
		t.printf("  signature   %s\n", note)
	}
	for _, r := range w.Roots {
		t.printf("  root        %s\n", printable(r.Identity))
		for _, e := range r.Endpoints {
			t.printf("    endpoint  %s\n", printable(e))
		}
		if r.Health != nil {
			t.printf("    state     %s\n", rootState(r.Health, t.Now()))
		}
	}
	return nil
}
