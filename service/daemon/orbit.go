package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/engine/wire"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// Planet implements api.Backend.
func (d *Daemon) Planet(context.Context) (*ipc.World, error) {
	var v *ipc.World
	d.host.View(func(c *node.Core, at clock.Instant) {
		w := c.Planet()
		v = worldView(&w, c.Roots(at.Mono), at)
	})
	return v, nil
}

// Moons implements api.Backend.
func (d *Daemon) Moons(context.Context) ([]ipc.World, error) {
	var v []ipc.World
	d.host.View(func(c *node.Core, at clock.Instant) {
		roots := c.Roots(at.Mono)
		for _, w := range c.Moons() {
			v = append(v, *worldView(&w, roots, at))
		}
		for _, m := range c.Wanted() {
			v = append(v, wantedView(&m))
		}
	})
	return v, nil
}

// Orbit implements api.Orbiter. A file in moons.d that was put there while we
// run is used; otherwise the seed is asked.
func (d *Daemon) Orbit(ctx context.Context, want world.Wanted) (*ipc.World, error) {
	if m := d.moon(ctx, want.ID); m == nil || m.Waiting {
		switch w, err := d.moonFile(want.ID); {
		case err != nil:
			return nil, worldError(err)
		case w != nil:
			return d.UseWorld(ctx, w, want.Key)
		case want.Seed == 0:
			return nil, ipc.Errorf(ipc.CodeNotFound, "There is no file of the moon %016x in moons.d, and no seed to ask for it", want.ID).
				Advise("Name the address of one of the moon's roots as seed")
		}
	}
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = c.OrbitSigned(at, want, out) })
	if err != nil {
		return nil, worldError(err)
	}
	if err := d.storageError(d.host.Sync(ctx)); err != nil {
		return nil, err
	}
	return d.moon(ctx, want.ID), nil
}

// moonFile reads a moon from moons.d, nil if it is not there.
func (d *Daemon) moonFile(id uint64) (*world.World, error) {
	b, err := d.home.ReadMoon(id)
	if b == nil || err != nil {
		return nil, err
	}
	w, err := parseWorld(b, world.Moon)
	if err == nil && w.ID != id {
		err = errors.New("not the moon that its name says")
	}
	if err != nil {
		return nil, fmt.Errorf("the file %016x.moon in moons.d: %w", id, err)
	}
	return &w, nil
}

// moon describes one moon, nil if it is neither used nor wanted.
func (d *Daemon) moon(ctx context.Context, id uint64) *ipc.World {
	moons, _ := d.Moons(ctx) // never fails
	for i := range moons {
		if moons[i].ID == id {
			return &moons[i]
		}
	}
	return nil
}

// Deorbit implements api.Orbiter. The file of a moon that was refused goes too.
func (d *Daemon) Deorbit(ctx context.Context, id uint64) error {
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Deorbit(at, id, out) })
	if err := d.host.Sync(ctx); err != nil {
		return d.storageError(err)
	}
	d.alerts.clear(fmt.Sprintf("world.refused.%016x", id))
	return d.storageError(d.home.DeleteMoon(id))
}

// UseWorld implements api.Orbiter. The roots' addresses are checked here, off
// the core, because that takes long.
func (d *Daemon) UseWorld(ctx context.Context, w *world.World, key *identity.PublicKey) (*ipc.World, error) {
	for _, r := range w.Roots {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !r.Identity.Validate() {
			return nil, worldError(fmt.Errorf("root %s: %w", r.Identity.Address, vl1.ErrWorldIdentity))
		}
	}
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = c.UseWorld(at, w, key, out) })
	if err != nil {
		return nil, worldError(err)
	}
	if err := d.storageError(d.host.Sync(ctx)); err != nil {
		return nil, err
	}
	d.alerts.clear(fmt.Sprintf("world.refused.%016x", w.ID))
	if w.Kind == world.Planet {
		d.alerts.clear("file.planet")
		return d.Planet(ctx)
	}
	d.alerts.clear(fmt.Sprintf("file.moons.d/%016x.moon", w.ID))
	return d.moon(ctx, w.ID), nil
}

// worldError says why a planet or moon was refused, and what to do.
func worldError(err error) error {
	e := ipc.Errorf(ipc.CodeConflict, "%s. Nothing was changed", capital(err.Error()))
	switch {
	case errors.Is(err, vl1.ErrWorldUnsigned):
		return e.Advise("Get it again from whoever runs the roots. If they have changed their key with this revision, name the key before with --key")
	case errors.Is(err, vl1.ErrWorldKey):
		return e.Advise("Ask whoever runs the roots for the key that signed it: the update key of the revision before, or its own if the key never changed")
	case errors.Is(err, vl1.ErrWorldPinned):
		return e.Advise("Find out from whoever runs the roots which key is right. If it is this one, forget the trust record of the address first")
	case errors.Is(err, vl1.ErrWorldSelf), errors.Is(err, vl1.ErrWorldIdentity):
		return e.Advise("Get it again from whoever runs the roots")
	case errors.Is(err, vl1.ErrWorldOlder):
		return e.Advise("A newer revision is in use. Get the latest from whoever runs the roots")
	case errors.Is(err, vl1.ErrMoonSeed):
		return ipc.Errorf(ipc.CodeBadRequest, "The seed is %v", err).Advise("Name the address of one of the moon's roots")
	case errors.Is(err, vl1.ErrMoons):
		return e.Advise("Leave a moon that is not needed: orreryctl deorbit ID")
	}
	return e
}

func worldView(w *world.World, roots []vl1.RootInfo, at clock.Instant) *ipc.World {
	v := &ipc.World{
		Kind: w.Kind.String(), ID: w.ID, Timestamp: wallTime(w.Timestamp), UpdateKey: hex.EncodeToString(w.UpdateKey[:]),
		Signature: hex.EncodeToString(w.Signature[:]), Roots: []ipc.WorldRoot{},
	}
	for _, r := range w.Roots {
		root := ipc.WorldRoot{Identity: r.Identity.String(), Endpoints: []string{}}
		for _, e := range r.Endpoints {
			root.Endpoints = append(root.Endpoints, wire.FormatInet(e))
		}
		for _, i := range roots {
			if i.Identity == r.Identity {
				root.Health = rootHealth(&i, at)
			}
		}
		v.Roots = append(v.Roots, root)
	}
	return v
}

func rootHealth(r *vl1.RootInfo, at clock.Instant) *ipc.RootHealth {
	h := &ipc.RootHealth{Answers: r.Answers, InUse: r.Best, Refused: r.Refused, LatencyMs: r.LatencyMs}
	if r.LastAnswer != clock.Never {
		t := wallTime(at.Wall - clock.Wall((at.Mono-r.LastAnswer)/clock.Millisecond))
		h.LastAnswer = &t
	}
	return h
}

// wantedView is a moon that did not come yet.
func wantedView(m *vl1.WantedMoon) ipc.World {
	v := ipc.World{
		Kind: world.Moon.String(), ID: m.ID, Waiting: true, Seed: m.Seed.String(), Roots: []ipc.WorldRoot{}, Refused: m.Refused,
		Problem: fmt.Sprintf("%s (seed %s)", m.Problem, m.Seed),
	}
	if m.Key != nil {
		v.SignedBy = hex.EncodeToString(m.Key[:])
	}
	return v
}

// moonAlert tells that a moon came and was refused.
func moonAlert(m *vl1.WantedMoon) ipc.Alert {
	a := ipc.Alert{
		ID: fmt.Sprintf("moon.refused.%016x", m.ID), Severity: severityWarning, Title: fmt.Sprintf("The moon %016x is not used", m.ID),
		Text:   fmt.Sprintf("It was offered and refused: %v. Nothing was changed, and it is asked for again from time to time.", m.Problem),
		Advice: "Ask whoever runs the moon, or leave it with orreryctl deorbit.",
	}
	var e *ipc.Error
	if errors.As(worldError(m.Problem), &e) && e.Advice != "" {
		a.Advice = e.Advice + "."
	}
	return a
}

// silentFor is how long the planet's roots may be silent before it is told that
// a moon serves alone.
const silentFor = 2 * time.Minute

// planetAlert tells that no root of the planet answers while a moon does.
func (d *Daemon) planetAlert(roots []vl1.RootInfo, at clock.Instant) (ipc.Alert, bool) {
	last, planet, moon := clock.Never, 0, uint64(0)
	for i := range roots {
		r := &roots[i]
		if r.Planet {
			planet++
			last = max(last, r.LastAnswer)
		}
		if r.Answers && len(r.Moons) > 0 && (moon == 0 || r.Best) {
			moon = r.Moons[0]
		}
	}
	since := d.started
	if last != clock.Never {
		since = time.Now().Add(-time.Duration(at.Mono - last)).UTC()
	}
	if planet == 0 || moon == 0 || time.Since(since) < silentFor {
		return ipc.Alert{}, false
	}
	return ipc.Alert{
		ID: "planet.silent", Severity: severityInfo, Title: "The planet's roots do not answer; a moon serves", Since: since,
		Text: fmt.Sprintf("None of the planet's %d root(s) answers. The moon %016x finds and relays for this computer instead: "+
			"everybody who uses it too can be reached.", planet, moon),
		Advice: "Nothing needs to be done, if the planet's roots are meant to be away. Otherwise check the Internet connection.",
	}, true
}
