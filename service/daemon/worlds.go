package daemon

import (
	"errors"
	"fmt"
	"time"

	"orrery/assets"
	"orrery/engine/vl1"
	"orrery/engine/world"
)

// parseWorld reads a planet or moon file whole.
func parseWorld(b []byte, kind world.Kind) (world.World, error) {
	w, _, err := world.Parse(b)
	if err != nil {
		return w, err
	}
	if w.Kind != kind || w.ID == 0 {
		return w, fmt.Errorf("not a %s", kind)
	}
	return w, nil
}

// loadWorlds chooses the planet, that of the home or the built-in one, which
// wins only as a newer revision of the same (spec 03 §2.1), and loads moons.
// What is in the home was put there by somebody who may do so; but it must be
// whole: signed by the key that it names, by one that it was verified with
// before, or by that of the built-in planet. Anything else is set aside.
func (d *Daemon) loadWorlds(l *loaded, now time.Time) error {
	_, notices, err := d.home.LoadOrbits(now, func(b []byte) (err error) {
		l.orbits, err = world.ParseOrbits(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("orbits: %w", err)
	}
	d.notices(notices)
	planet, err := parseWorld(assets.Planet(), world.Planet)
	if err != nil {
		return fmt.Errorf("built-in planet: %w", err)
	}
	_, notices, err = d.home.LoadPlanet(now, func(b []byte) error {
		own, err := parseWorld(b, world.Planet)
		switch {
		case err != nil:
			return err
		case !l.orbits.Vouched(&own) && !planet.ReplacedBy(&own):
			return vl1.ErrWorldUnsigned
		case !own.ReplacedBy(&planet):
			planet = own
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("planet: %w", err)
	}
	d.notices(notices)
	l.worlds = append(l.worlds, planet)
	notices, err = d.home.LoadMoons(now, func(id uint64, b []byte) error {
		w, err := parseWorld(b, world.Moon)
		switch {
		case err != nil:
			return err
		case w.ID != id:
			return errors.New("not the moon that its name says")
		case !l.orbits.Vouched(&w):
			return vl1.ErrWorldUnsigned
		}
		l.worlds = append(l.worlds, w)
		return nil
	})
	if err != nil {
		return fmt.Errorf("moons: %w", err)
	}
	d.notices(notices)
	return nil
}
