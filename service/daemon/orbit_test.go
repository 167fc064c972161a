package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// worldKey is a signing key that follows from a number.
func worldKey(n byte) *world.SigningKey {
	return world.GenerateSigningKey(func(b []byte) { b[0], b[40] = n, n })
}

// makeWorld makes a planet or moon of a root.
func makeWorld(t *testing.T, kind world.Kind, id uint64, age time.Duration, root identity.Identity, signer, next *world.SigningKey) *world.World {
	t.Helper()
	made := world.NewPlanet
	if kind == world.Moon {
		made = world.NewMoon
	}
	roots := []world.Root{{Identity: root, Endpoints: []netip.AddrPort{netip.MustParseAddrPort("10.99.0.9:9993")}}}
	w, err := made(id, clock.Wall(time.Now().Add(-age).UnixMilli()), roots, next.Public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return &w
}

func hexKey(k *world.SigningKey) string { return fmt.Sprintf("%x", k.Public[:]) }

func (r *running) use(w *world.World, key string) (*ipc.World, error) {
	return r.client.UseWorld(r.t.Context(), ipc.UseWorld{World: w.AppendBinary(nil), Key: key})
}

// file is a file of the home, nil if it is not there.
func (r *running) file(name string) []byte {
	b, err := os.ReadFile(filepath.Join(r.home, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Error(err)
	}
	return b
}

// TestUseWorld takes planets and moons from files: verified, or refused with
// the reason and nothing changed; what was taken is there after a restart.
func TestUseWorld(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	k2, k3 := worldKey(2), worldKey(3)
	root := secret(t, 1).Identity
	planet := r.file("planet")
	changed := makeWorld(t, world.Planet, 88, 0, root, k2, k2)
	changed.Roots[0].Endpoints[0] = netip.MustParseAddrPort("10.99.0.8:9993")
	forged := root
	forged.Address ^= 1
	for name, c := range map[string]struct {
		w    *world.World
		key  string
		says string
	}{
		"changed":                    {changed, "", "not signed by the key that it names. Nothing was changed"},
		"other key":                  {makeWorld(t, world.Planet, 88, 0, root, k2, k2), hexKey(k3), "not signed by the given key"},
		"change of keys":             {makeWorld(t, world.Moon, 9, 0, root, k2, k3), "", "not signed by the key that it names"},
		"change of keys and new key": {makeWorld(t, world.Moon, 9, 0, root, k2, k3), hexKey(k3), "not signed by the given key"},
		"no identity":                {makeWorld(t, world.Moon, 9, 0, forged, k2, k2), "", "does not follow from its key"},
		"older":                      {makeWorld(t, world.Planet, 77, time.Hour, root, k2, k2), "", "not a newer revision"},
	} {
		_, err := r.use(c.w, c.key)
		wantError(t, name, err, ipc.CodeConflict)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if string(r.file("planet")) != string(planet) || r.file("moons.d/0000000000000009.moon") != nil {
		t.Error("a refused world changed a file")
	}
	// A planet after a change of keys, with the key before.
	next := makeWorld(t, world.Planet, 88, 0, root, k2, k3)
	if w, err := r.use(next, hexKey(k2)); err != nil || w.ID != 88 {
		t.Fatalf("%+v, %v", w, err)
	}
	moon := makeWorld(t, world.Moon, 0x99, 0, root, k2, k3)
	if w, err := r.use(moon, hexKey(k2)); err != nil || w.Waiting || len(w.Roots) != 1 {
		t.Fatalf("%+v, %v", w, err)
	}
	if string(r.file("planet")) != string(next.AppendBinary(nil)) {
		t.Error("the planet is not in its file")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = start(t, home, self)
	if w, err := r.client.Planet(t.Context()); err != nil || w.ID != 88 {
		t.Errorf("after a restart: %+v, %v", w, err)
	}
	if m, err := r.client.Moons(t.Context()); err != nil || len(m) != 1 || m[0].ID != 0x99 {
		t.Errorf("after a restart: %+v, %v", m, err)
	}
	for id := range r.alerts() {
		if strings.HasPrefix(id, "file.") || strings.HasPrefix(id, "world.") {
			t.Errorf("alert %s", id)
		}
	}
}

// TestUnvouchedFiles starts with files that do not verify: they are set aside
// with the reason, and can be taken with the key.
func TestUnvouchedFiles(t *testing.T) {
	home, self := newHome(t)
	k2, k3 := worldKey(2), worldKey(3)
	root := secret(t, 1).Identity
	planet := makeWorld(t, world.Planet, 88, 0, root, k2, k3)
	moon := makeWorld(t, world.Moon, 0x99, 0, root, k2, k3)
	put(t, home, "planet", planet.AppendBinary(nil))
	put(t, home, "moons.d/0000000000000099.moon", moon.AppendBinary(nil))
	put(t, home, "moons.d/0000000000000098.moon", moon.AppendBinary(nil))
	put(t, home, "orbits.json", []byte(`{"version":1,"wanted":[{"id":"x"}]}`))
	r := start(t, home, self)
	alerts := r.alerts()
	for id, says := range map[string]string{
		"file.planet":                        "orreryctl planet use",
		"file.moons.d/0000000000000099.moon": "orreryctl moon use",
		"file.moons.d/0000000000000098.moon": "Repair",
		"file.orbits.json":                   "Repair",
	} {
		if a, ok := alerts[id]; !ok || !strings.Contains(a.Advice, says) {
			t.Errorf("%s: %+v", id, a)
		}
	}
	if m, err := r.client.Moons(t.Context()); err != nil || len(m) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	aside, err := filepath.Glob(filepath.Join(home, "planet.damaged-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v, %v", aside, err)
	}
	if b, err := os.ReadFile(aside[0]); err != nil || string(b) != string(planet.AppendBinary(nil)) {
		t.Errorf("the planet was lost: %v", err)
	}
	if _, err := r.use(planet, hexKey(k2)); err != nil {
		t.Error(err)
	}
	if _, err := r.use(moon, hexKey(k2)); err != nil {
		t.Error(err)
	}
	alerts = r.alerts()
	if alerts["file.planet"].ID != "" || alerts["file.moons.d/0000000000000099.moon"].ID != "" {
		t.Errorf("the alerts stay: %v", alerts)
	}
}

// TestOrbitAndDeorbit asks for moons, with a restart between, uses one whose
// file is put into moons.d while the service runs, and leaves them.
func TestOrbitAndDeorbit(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	root := secret(t, 1).Identity
	k := worldKey(2)
	m, err := r.client.Orbit(t.Context(), "0000001234567890", ipc.Orbit{Seed: "1234567890", Key: hexKey(k)})
	if err != nil || !m.Waiting || m.Seed != "1234567890" || m.SignedBy != hexKey(k) || m.Problem == "" || m.Refused {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = start(t, home, self)
	list, err := r.client.Moons(t.Context())
	if err != nil || len(list) != 1 || !list[0].Waiting || list[0].SignedBy != hexKey(k) {
		t.Fatalf("after a restart: %+v, %v", list, err)
	}
	_, err = r.client.Orbit(t.Context(), "0000000099", ipc.Orbit{})
	wantError(t, "no file and no seed", err, ipc.CodeNotFound)
	_, err = r.client.Orbit(t.Context(), "0000000099", ipc.Orbit{Seed: self.Address.String()})
	wantError(t, "ourselves as the seed", err, ipc.CodeBadRequest)
	moon := makeWorld(t, world.Moon, 0x99, 0, root, k, k)
	name := "moons.d/0000000000000099.moon"
	put(t, home, name, moon.AppendBinary(nil)[:40])
	_, err = r.client.Orbit(t.Context(), "0000000099", ipc.Orbit{})
	wantError(t, "a file that is cut off", err, ipc.CodeConflict)
	put(t, home, name, moon.AppendBinary(nil))
	if m, err := r.client.Orbit(t.Context(), "0000000099", ipc.Orbit{}); err != nil || m.Waiting || m.Roots[0].Health == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	_, err = r.client.Orbit(t.Context(), "0000000099", ipc.Orbit{Seed: "1234567890", Key: hexKey(worldKey(7))})
	wantError(t, "held, and another key is demanded", err, ipc.CodeConflict)
	put(t, home, "moons.d/0000000000000098.moon", []byte("was refused at the start"))
	for _, id := range []string{"0000000098", "0000000099", "0000001234567890", "0000001234567890"} {
		if err := r.client.Deorbit(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if list, err := r.client.Moons(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if r.file(name) != nil || r.file("moons.d/0000000000000098.moon") != nil {
		t.Error("the moon's file is still there")
	}
	if text := string(r.file("orbits.json")); strings.Contains(text, "1234567890") {
		t.Errorf("still wanted: %s", text)
	}
}

// TestWorldAlerts tells of moons that were refused, and of a planet whose roots
// are silent while a moon serves.
func TestWorldAlerts(t *testing.T) {
	m := vl1.WantedMoon{Wanted: world.Wanted{ID: 5, Seed: 6}, Refused: true, Problem: fmt.Errorf("moon 5: %w", vl1.ErrWorldUnsigned)}
	if a := moonAlert(&m); !strings.Contains(a.Advice, "--key") || !strings.HasSuffix(a.Advice, ".") || !strings.Contains(a.Text, "not signed") {
		t.Errorf("%+v", a)
	}
	at := clock.Instant{Mono: clock.Hour}
	d := &Daemon{started: time.Now().Add(-time.Hour)}
	roots := []vl1.RootInfo{
		{Identity: identity.Identity{Address: 1}, Planet: true, LastAnswer: at.Mono - 10*clock.Minute},
		{Identity: identity.Identity{Address: 2}, Moons: []uint64{5}, Answers: true, LastAnswer: at.Mono, Best: true},
	}
	a, ok := d.planetAlert(roots, at)
	if !ok || a.Severity != severityInfo || !strings.Contains(a.Text, "0000000000000005") || time.Since(a.Since).Round(time.Minute) != 10*time.Minute {
		t.Errorf("%v, %+v", ok, a)
	}
	roots[0].LastAnswer = clock.Never
	if a, ok = d.planetAlert(roots, at); !ok || time.Since(a.Since).Round(time.Minute) != time.Hour {
		t.Errorf("never answered: %v, %+v", ok, a)
	}
	roots[0].LastAnswer = at.Mono - clock.Second
	if _, ok = d.planetAlert(roots, at); ok {
		t.Error("an alert although the planet's root answers")
	}
	roots[0].LastAnswer, roots[1].Answers = clock.Never, false
	if _, ok = d.planetAlert(roots, at); ok {
		t.Error("a moon serves that does not answer")
	}
}
