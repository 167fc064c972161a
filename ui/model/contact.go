package model

import (
	"errors"
	"net/url"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// ContactInput is what the text in the contact dialog amounts to.
type ContactInput struct {
	Input
	Address, Identity, Name string
}

// Trust is the trust record that the contact makes.
func (c ContactInput) Trust() ipc.TrustUpdate {
	u := ipc.TrustUpdate{Identity: c.Identity, State: ipc.Verified, How: "contact card"}
	if c.Name != "" {
		u.Name = &c.Name
	}
	return u
}

// CheckContact reads the text of the contact dialog: a contact link
// (design §4) or a public identity as text.
func (s *State) CheckContact(field string) ContactInput {
	field = unwrapped(field)
	var c ContactInput
	wrong := func(id string, args ...string) ContactInput {
		return ContactInput{Input: Input{Wrong: true, Message: text.Get(id, args...)}}
	}
	switch {
	case field == "":
		c.Message = text.Get("contact.hint")
		return c
	case len(field) > fieldLimit:
		return wrong("join.toolong")
	case hasPrefixFold(field, inviteLink):
		return wrong("contact.invite")
	}
	if hasPrefixFold(field, contactLink) {
		id, query, _ := strings.Cut(field[len(contactLink):], "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			return wrong("join.damaged")
		}
		c.Name = clean(values.Get("n"), nameLimit)
		if field, err = url.PathUnescape(id); err != nil {
			return wrong("join.damaged")
		}
	}
	id, err := publicIdentity(field)
	switch {
	case errors.Is(err, errSecret):
		return wrong("contact.secret")
	case err != nil:
		return wrong("contact.bad")
	case id[:addressLen] == s.status.Address:
		return wrong("contact.self")
	}
	c.Identity, c.Address = id, id[:addressLen]
	if rec, ok := s.trust[c.Address]; ok && rec.Identity != "" && !strings.EqualFold(rec.Identity, id) {
		return wrong("contact.conflict", "address", c.Address)
	}
	c.Ready = true
	c.Message = text.Get("contact.ok", "name", orElse(c.Name, c.Address), "address", c.Address)
	return c
}

var (
	errIdentity = errors.New("not a public identity")
	errSecret   = errors.New("a private key")
)

// publicIdentity checks the form "address:0:public key" (spec 01 §4.6) and
// returns it in lower case. That the address follows from the key is for the
// service to check: it costs too much here.
func publicIdentity(s string) (string, error) {
	parts := strings.Split(strings.ToLower(strings.TrimSpace(s)), ":")
	if len(parts) == 4 && parts[3] != "" {
		return "", errSecret
	}
	if len(parts) < 3 || len(parts) > 4 || parts[1] != "0" || len(parts[0]) != addressLen || len(parts[2]) != publicKeyLen || !isHex(parts[0]+parts[2]) {
		return "", errIdentity
	}
	return strings.Join(parts[:3], ":"), nil
}
