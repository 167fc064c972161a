package api

import (
	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// orbiter is the backend where moons can be changed.
func (s *Server) orbiter() (Orbiter, error) {
	o, can := s.backend.(Orbiter)
	if !can {
		return nil, errNoOrbiter
	}
	return o, nil
}

func (s *Server) orbit(c *call) error {
	id, ok := moonID(c.args["moon"])
	if !ok || id == 0 {
		return errMoonID
	}
	var asked ipc.Orbit
	if err := c.decode(&asked); err != nil {
		return err
	}
	want := world.Wanted{ID: id}
	var err error
	if asked.Seed != "" {
		if want.Seed, err = identity.ParseAddress(asked.Seed); err != nil {
			return ipc.Errorf(ipc.CodeBadRequest, "the seed is not an address: want 10 hex digits")
		}
	}
	if want.Key, err = worldKey(asked.Key); err != nil {
		return err
	}
	o, err := s.orbiter()
	if err != nil {
		return err
	}
	m, err := o.Orbit(c.ctx(), want)
	if err != nil {
		return err
	}
	return c.reply(m)
}

func (s *Server) deorbit(c *call) error {
	id, ok := moonID(c.args["moon"])
	if !ok {
		return errMoonID
	}
	o, err := s.orbiter()
	if err != nil {
		return err
	}
	if err := o.Deorbit(c.ctx(), id); err != nil {
		return err
	}
	return c.done()
}

func (s *Server) useWorld(c *call) error {
	var u ipc.UseWorld
	if err := c.decode(&u); err != nil {
		return err
	}
	w, _, err := world.Parse(u.World)
	switch {
	case err != nil:
		return ipc.Errorf(ipc.CodeBadRequest, "not the content of a planet's or moon's file: %v", err).
			Advise("Get the file again from whoever runs the roots")
	case w.Kind != world.Planet && w.Kind != world.Moon:
		return ipc.Errorf(ipc.CodeBadRequest, "neither a planet nor a moon")
	}
	key, err := worldKey(u.Key)
	if err != nil {
		return err
	}
	o, err := s.orbiter()
	if err != nil {
		return err
	}
	v, err := o.UseWorld(c.ctx(), &w, key)
	if err != nil {
		return err
	}
	return c.reply(v)
}

var errMoonID = ipc.Errorf(ipc.CodeBadRequest, "the ID of a moon has 16 hex digits, or the last 10 of them")

// worldKey parses the public key of a world, nil if there is none.
func worldKey(text string) (*identity.PublicKey, error) {
	if text == "" {
		return nil, nil
	}
	k, err := world.ParseKey(text)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "the key is %v", err).Advise("\"orreryctl moon show FILE\" prints the key of a revision as its update key")
	}
	return &k, nil
}
