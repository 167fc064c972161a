package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

func (f *Reference) moons(c *call) error {
	moons, err := f.backend.Moons(c.ctx())
	if err != nil {
		return err
	}
	objects := make([]any, 0, len(moons))
	for i := range moons {
		if !moons[i].Waiting { // those are not listed, only shown one by one
			objects = append(objects, moonObject(&moons[i]))
		}
	}
	return f.send(c, http.StatusOK, objects)
}

// moonID takes 10 hex digits as the reference does, and also the 16 that are
// printed everywhere.
func moonID(s string) (uint64, bool) {
	if len(s) != 10 && len(s) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(s, 16, 64)
	return id, err == nil
}

func (f *Reference) moon(c *call) error {
	id, ok := moonID(c.args["moon"])
	if !ok {
		return errNothing
	}
	m, err := f.findMoon(c, id)
	if err != nil {
		return err
	}
	if m == nil || m.Waiting {
		return f.send(c, http.StatusOK, empty)
	}
	return f.send(c, http.StatusOK, moonObject(m))
}

func (f *Reference) findMoon(c *call, id uint64) (*ipc.World, error) {
	moons, err := f.backend.Moons(c.ctx())
	if err != nil {
		return nil, err
	}
	for i := range moons {
		if moons[i].ID == id {
			return &moons[i], nil
		}
	}
	return nil, nil
}

// orbit starts to use a moon, for which the body must name a root to ask unless
// the moon is known.
func (f *Reference) orbit(c *call) error {
	id, ok := moonID(c.args["moon"])
	if !ok {
		return errNothing
	}
	b, err := c.body()
	if err != nil {
		return err
	}
	var fields struct{ Seed string }
	_ = json.Unmarshal(b, &fields) // spec 06 §5.7: invalid JSON is ignored
	seed, _ := identity.ParseAddress(fields.Seed)
	m, err := f.findMoon(c, id)
	if err != nil {
		return err
	}
	if m != nil && (!m.Waiting || seed == 0) {
		return f.send(c, http.StatusOK, moonObject(m))
	}
	o, can := f.backend.(Orbiter)
	if !can {
		return errNoOrbiter
	}
	var missing *ipc.Error
	m, err = o.Orbit(c.ctx(), world.Wanted{ID: id, Seed: seed})
	switch {
	case seed == 0 && errors.As(err, &missing) && missing.Code == ipc.CodeNotFound:
		return f.send(c, http.StatusOK, empty)
	case err != nil:
		return err
	}
	return f.send(c, http.StatusOK, moonObject(m))
}

// errNoOrbiter is for a backend that only uses the moons of its home.
var errNoOrbiter = ipc.Errorf(ipc.CodeUnsupported, "this service cannot change its moons while it runs").
	Advise("Change moons.d of its home and restart the service")

func (f *Reference) deorbit(c *call) error {
	id, ok := moonID(c.args["moon"])
	if !ok {
		return errNothing
	}
	m, err := f.findMoon(c, id)
	if err != nil {
		return err
	}
	switch o, can := f.backend.(Orbiter); {
	case can:
		if err := o.Deorbit(c.ctx(), id); err != nil {
			return err
		}
	case m != nil:
		return errNoOrbiter
	}
	return f.send(c, http.StatusOK, object{"result": true})
}
