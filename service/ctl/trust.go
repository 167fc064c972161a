package ctl

import (
	"context"
	"strings"
	"time"

	"orrery/engine/identity"
	"orrery/service/ipc"
	"orrery/service/verify"
)

// TrustList prints all trust records.
func (t *Tool) TrustList(ctx context.Context) error {
	if err := t.needService(); err != nil {
		return err
	}
	list, err := t.Service.Trust(ctx)
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(list)
	}
	rows := [][]string{{"ADDRESS", "STATE", "SINCE", "HOW", "NAME"}}
	for i := range list {
		r := &list[i]
		state := string(r.State)
		if r.Conflict != "" {
			state += " (CONFLICT)"
		}
		rows = append(rows, []string{r.Address, state, day(r.Changed), r.How, r.Name})
	}
	t.columns(rows)
	return nil
}

func day(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02")
}

// TrustShow prints what is remembered of an address.
func (t *Tool) TrustShow(ctx context.Context, address string) error {
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	r, err := t.Service.TrustRecord(ctx, a.String())
	if err != nil {
		return explain(err)
	}
	return t.showRecord(r)
}

// showRecord prints a trust record.
func (t *Tool) showRecord(r *ipc.TrustRecord) error {
	if t.JSON {
		return t.showValue(r)
	}
	t.printf("%s\n", strings.TrimRight(printable(r.Address+" "+r.Name), " "))
	t.printf("  state        %s (%s, since %s)\n", printable(string(r.State)), printable(r.How), day(r.Changed))
	t.printf("  first seen   %s\n  identity     %s\n", day(r.FirstSeen), printable(r.Identity))
	if id, err := identity.Parse(r.Identity); err == nil {
		t.printf("  fingerprint  %s\n", verify.Fingerprint(id))
	}
	if r.Note != "" {
		t.printf("  note         %s\n", printable(r.Note))
	}
	if r.Conflict != "" {
		t.printf("  CONFLICT     on %s another key turned up for this address (%s) and was refused:\n               %s\n",
			day(r.ConflictAt), printable(r.ConflictFrom), printable(r.Conflict))
		t.printf("               Ask the owner. If the recorded identity is right: orreryctl trust settle %s\n", printable(r.Address))
	}
	return nil
}

// trustAddress parses an address for a command that needs the service.
func (t *Tool) trustAddress(s string) (identity.Address, error) {
	a, err := memberID(s)
	if err != nil {
		return 0, err
	}
	return a, t.needService()
}

// Verify prints what to compare with the owner of an address.
func (t *Tool) Verify(ctx context.Context, address string) error {
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	v, err := t.Service.Verification(ctx, a.String())
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(v)
	}
	t.showVerification(v)
	t.printf("\nCompare digits or words with the owner of %s over a way that you trust: in person, or by\n", a)
	t.printf("a call in which you know the voice. Both sides see the same. If they match:\n    orreryctl trust verify %s --matches\n", a)
	t.printf("If they do not:\n    orreryctl trust block %s\n", a)
	return nil
}

// showVerification prints safety number and words in rows.
func (t *Tool) showVerification(v *ipc.Verification) {
	t.printf("Safety number with %s (%s):\n\n", printable(v.Address), printable(string(v.State)))
	for i := 0; i < len(v.Groups); i += 4 {
		t.printf("    %s\n", printable(strings.Join(v.Groups[i:min(i+4, len(v.Groups))], " ")))
	}
	t.printf("\nThe same in words:\n\n")
	for i := 0; i < len(v.Words); i += 4 {
		t.printf("    %s\n", printable(strings.Join(v.Words[i:min(i+4, len(v.Words))], " ")))
	}
}

// Proof is how the user knows an identity. At most one field is set.
type Proof struct {
	// Matches: the safety number was compared and is the same.
	Matches bool
	// Identity is the full identity, from a place that the user trusts.
	Identity string
	// Contact is a contact link from such a place.
	Contact string
}

// TrustVerify marks an identity as verified. Without a proof it shows the safety
// number and asks. In place of an address it takes a contact card, as a link or in
// a file, which is proof enough.
func (t *Tool) TrustVerify(ctx context.Context, address string, p Proof) error {
	if !isAddress(address) {
		if p != (Proof{}) {
			return usagef("a contact card says all: leave out the flags")
		}
		return t.TrustCard(ctx, address)
	}
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	u := ipc.TrustUpdate{State: ipc.Verified}
	switch {
	case p.Identity != "":
		g, err := readIdentity(p.Identity)
		if err != nil {
			return usagef("--identity: identity argument invalid or file unreadable: %s", g.label)
		}
		if !g.id.Validate() {
			return usagef("--identity: the address of %s does not follow from its key", g.label)
		}
		u.Identity, u.How = g.id.String(), "full identity"
	case p.Contact != "":
		c, found, err := t.readContact(p.Contact)
		switch {
		case err != nil:
			return usagef("--contact: %w", err)
		case !found:
			return usagef("--contact: %s is neither a contact card nor a file with one", printable(p.Contact))
		}
		u.Identity, u.How = c.Identity.String(), "contact card"
	default:
		v, err := t.Service.Verification(ctx, a.String())
		if err != nil {
			return explain(err)
		}
		if !p.Matches {
			t.showVerification(v)
			t.printf("\n")
			matches, err := t.confirm("Have you compared it with the owner, and is it the same?", "--matches")
			if err != nil {
				return err
			}
			if !matches {
				return failf("nothing was changed; if they do not match: orreryctl trust block %s", a)
			}
		}
		u.Identity, u.How = v.Identity, "safety number"
	}
	return t.updateTrust(ctx, a, u)
}

// updateTrust makes a change and prints the record after it.
func (t *Tool) updateTrust(ctx context.Context, a identity.Address, u ipc.TrustUpdate) error {
	r, err := t.Service.UpdateTrust(ctx, a.String(), u)
	if err != nil {
		return explain(err)
	}
	return t.showRecord(r)
}

// TrustBlock drops everything from and to a node from now on. It is given by its
// address or, if it was never met, by its public identity or a file with that.
func (t *Tool) TrustBlock(ctx context.Context, who string) error {
	u := ipc.TrustUpdate{State: ipc.Blocked, How: "blocked by the user"}
	if g, err := readIdentity(who); err == nil && !isAddress(who) {
		if err := t.needService(); err != nil {
			return err
		}
		u.Identity = g.id.String()
		return t.updateTrust(ctx, g.id.Address, u)
	}
	a, err := t.trustAddress(who)
	if err != nil {
		return err
	}
	return t.updateTrust(ctx, a, u)
}

// TrustName gives a peer a name of one's own; "" takes it away.
func (t *Tool) TrustName(ctx context.Context, address, name string) error {
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	return t.updateTrust(ctx, a, ipc.TrustUpdate{Name: &name})
}

// TrustSettle settles a conflict: the recorded identity is the right one.
func (t *Tool) TrustSettle(ctx context.Context, address string) error {
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	return t.updateTrust(ctx, a, ipc.TrustUpdate{SettleConflict: true})
}

// TrustForget removes a trust record: the next identity that turns up for the
// address is taken as its first. yes must be true, or a person must agree.
func (t *Tool) TrustForget(ctx context.Context, address string, yes bool) error {
	a, err := t.trustAddress(address)
	if err != nil {
		return err
	}
	if !yes {
		agreed, err := t.confirm("Forget "+a.String()+"? The next identity seen for this address will be believed.", "--yes")
		if err != nil {
			return err
		}
		if !agreed {
			return failf("nothing was changed")
		}
	}
	if err := t.Service.ForgetTrust(ctx, a.String()); err != nil {
		return explain(err)
	}
	t.printf("%s is forgotten\n", a)
	return nil
}
