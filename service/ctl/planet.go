package ctl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// PlanetPlan says which planet to make.
type PlanetPlan struct {
	// Roots are "IDENTITY=IP/PORT[,IP/PORT…]", IDENTITY as text or file name.
	Roots []string
	// Out is the planet's file, KeyFile the signing key's. A key file that does
	// not exist is made.
	Out, KeyFile string
	// ID is the planet's ID in hex; "" keeps that of Out, or draws a new one.
	ID string
}

// PlanetMake makes a planet of one's own, or the next revision of the one in
// the output file: signed by the key in the key file, which must be the same
// from one revision to the next and must be kept, because nodes take no other.
func (t *Tool) PlanetMake(p PlanetPlan) error {
	if len(p.Roots) == 0 {
		return usagef("a planet needs a root: --root IDENTITY=IP/PORT, for example --root identity.public=203.0.113.5/9993")
	}
	roots := make([]world.Root, 0, len(p.Roots))
	for _, text := range p.Roots {
		r, err := parseRoot(text)
		if err != nil {
			return err
		}
		roots = append(roots, r)
	}
	old, err := readPlanet(p.Out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return failf("%s exists and is not a planet (%w): move it away or name another file with --out", p.Out, err)
	}
	id, err := t.planetID(p.ID, old)
	if err != nil {
		return err
	}
	key, made, err := t.signingKey(p.KeyFile, old)
	if err != nil {
		return err
	}
	defer key.Destroy()
	at := clock.Wall(t.Now().UnixMilli())
	if old != nil && at <= old.Timestamp { // the clock may have been ahead
		at = old.Timestamp + 1
	}
	w, err := world.NewPlanet(id, at, roots, key.Public, key)
	if err != nil {
		return usagef("planet: %w", err)
	}
	if old != nil && id == old.ID {
		if err := old.CheckUpdate(&w); err != nil {
			return failf("nodes would refuse this planet after the one in %s: %w", p.Out, err)
		}
	}
	for _, r := range w.Roots { // last, because it is slow
		if !r.Identity.Validate() {
			return usagef("--root: the address of %s does not follow from its key", r.Identity)
		}
	}
	if made {
		if err := createFile(p.KeyFile, key.AppendBinary(nil), 0o600); err != nil {
			return failf("signing key: %w", err)
		}
		t.printf("wrote %s (signing key: keep it, only it can sign the next revision)\n", p.KeyFile)
	}
	if err := writeFile(p.Out, w.AppendBinary(nil), 0o644); err != nil {
		return failf("planet: %w", err)
	}
	t.printf("wrote %s (planet %x, timestamp %d, %d root(s))\n", p.Out, w.ID, w.Timestamp, len(w.Roots))
	return nil
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

// planetID parses the ID asked for, keeps that of the revision before, or draws
// one of 40 bits: with more, some tools would lose digits.
func (t *Tool) planetID(asked string, old *world.World) (uint64, error) {
	if asked == "" && old != nil {
		return old.ID, nil
	}
	if asked == "" {
		var b [identity.AddressLen]byte
		for {
			t.Random(b[:])
			id := uint64(identity.AddressFrom(b[:]))
			if id != 0 && id != world.Earth && id != world.Mars {
				return id, nil
			}
		}
	}
	id, err := strconv.ParseUint(asked, 16, 64)
	if err != nil || id == 0 {
		return 0, usagef("--id %s: want a hex number of at most 16 digits, not 0", clipArg(asked))
	}
	if id == world.Earth || id == world.Mars {
		return 0, usagef("--id %s is that of a public planet: nodes would replace yours by it", asked)
	}
	return id, nil
}

// signingKey reads the key, or makes one if there is no file.
func (t *Tool) signingKey(path string, old *world.World) (key *world.SigningKey, made bool, err error) {
	b, err := readFile(path, world.SigningKeyLen)
	if errors.Is(err, os.ErrNotExist) {
		if old != nil {
			return nil, false, failf("%s: the next revision of a planet must be signed by the key of the one before; name it with --key", path)
		}
		return world.GenerateSigningKey(t.Random), true, nil
	}
	if err != nil {
		return nil, false, failf("signing key: %w", err)
	}
	defer clear(b)
	if key, err = world.ParseSigningKey(b); err != nil {
		return nil, false, failf("%s: %w", path, err)
	}
	return key, false, nil
}

// readPlanet reads a planet's file.
func readPlanet(path string) (*world.World, error) {
	b, err := readFile(path, world.MaxLen)
	if err != nil {
		return nil, err
	}
	w, _, err := world.Parse(b)
	if err != nil {
		return nil, err
	}
	if w.Kind != world.Planet && w.Kind != world.Moon {
		return nil, fmt.Errorf("%w: it is of kind %s", world.ErrFormat, w.Kind)
	}
	return &w, nil
}

// PlanetShow prints a planet or moon from a file, or with no file the planet
// that the service uses.
func (t *Tool) PlanetShow(ctx context.Context, path string) error {
	if path == "" {
		if err := t.needService(); err != nil {
			return err
		}
		w, err := t.Service.Planet(ctx)
		if err != nil {
			return explain(err)
		}
		return t.showWorld(w, "")
	}
	w, err := readPlanet(path)
	if err != nil {
		return failf("%s: %w", path, err)
	}
	note := "signed by its own key"
	if !w.SelfSigned() {
		note = "not signed by its own key: only the revision before can tell whether it is genuine"
	}
	return t.showWorld(describeWorld(w), note)
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
	}
	return nil
}
