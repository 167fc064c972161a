package ctl

import (
	"context"
	"fmt"
	"strings"

	"orrery/engine/identity"
	"orrery/service/ipc"
	"orrery/service/verify"
)

// contactCard is a contact card as JSON.
type contactCard struct {
	Link     string `json:"link"`
	Identity string `json:"identity"`
	Name     string `json:"name"` // "" for none
}

// Contact prints this computer's contact card, and makes its picture and file.
func (t *Tool) Contact(ctx context.Context, v Invitation) error {
	if err := t.needService(); err != nil {
		return err
	}
	s, err := t.Service.Status(ctx)
	if err != nil {
		return explain(err)
	}
	id, err := identity.Parse(s.Identity)
	if err != nil {
		return failf("the service's identity cannot be read: %w", err)
	}
	card := verify.Contact{Identity: id, Name: v.Name}
	if _, err := verify.ParseContact(card.String()); err != nil {
		return usagef("the name is longer than 128 bytes or has characters that do not show")
	}
	file := "# The contact card of " + id.Address.String() + ". Open it with Orrery, or: orreryctl trust verify FILE\r\n" + card.String() + "\r\n"
	if t.JSON {
		if err := writeLink(card.String(), []byte(file), v); err != nil {
			return err
		}
		return t.showValue(contactCard{Link: card.String(), Identity: id.String(), Name: v.Name})
	}
	if err := t.publish(card.String(), []byte(file), v); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(t.Err, "Whoever opens it takes this computer's key as verified. Send it by a way that nobody can change on the way.")
	return nil
}

// readContact reads a contact card from a link or a file. found is false for what
// is neither.
func (t *Tool) readContact(what string) (c verify.Contact, found bool, err error) {
	link, found, err := t.readLink(what)
	if err != nil || !found {
		return c, false, err
	}
	if c, err = verify.ParseContact(link); err != nil {
		return c, false, failf("%s: %w", named(what), err)
	}
	if !c.Identity.Validate() {
		return c, false, failf("%s: the address in it does not follow from its key", named(what))
	}
	return c, true, nil
}

// TrustCard marks the identity of a contact card as verified, and gives it the
// name on the card unless it has one.
func (t *Tool) TrustCard(ctx context.Context, what string) error {
	c, found, err := t.readContact(what)
	switch {
	case err != nil:
		return err
	case !found:
		return usagef("%s is neither an address, a contact card nor a file with one", printable(what))
	}
	if err := t.needService(); err != nil {
		return err
	}
	u := ipc.TrustUpdate{Identity: c.Identity.String(), State: ipc.Verified, How: "contact card"}
	a := c.Identity.Address
	if r, err := t.Service.TrustRecord(ctx, a.String()); c.Name != "" && (err != nil || r.Name == "") {
		u.Name = &c.Name
	}
	return t.updateTrust(ctx, a, u)
}

// isAddress reports whether an argument can only be meant as a node's address.
func isAddress(s string) bool {
	return len(s) <= 16 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
