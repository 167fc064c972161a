package model

import (
	"errors"
	"fmt"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// phase is where a verification stands.
type phase int

const (
	loading phase = iota
	ready
	failed
	saving
	matched
	mismatched
)

// Verification is the comparison of a safety number with the owner of an
// address, from opening the dialog to the answer.
type Verification struct {
	state   *State
	phase   phase
	address string
	data    ipc.Verification
	err     error
	match   bool // the answer that is being saved
}

// VerificationPage is what the verification dialog shows.
type VerificationPage struct {
	Title string
	// Lead says what to do, or what happened; a problem takes its place.
	Lead string
	// Busy is true while there is nothing but to wait.
	Busy    bool
	Problem *Problem
	Trust   Badge
	// Outcome stands large in the place of the numbers when they do not matter.
	Outcome Badge
	// Groups has 12 groups of 5 digits, Words 12 words; both nil while they
	// are not known, or no longer matter.
	Groups, Words []string
	// QR is the text of the picture that the other side can scan.
	QR       string
	Match    Button
	Mismatch Button
	// Later closes the dialog; its label says so when all is settled.
	Later Button
}

// Verification starts a comparison.
func (s *State) Verification(address string) *Verification {
	return &Verification{state: s, address: address}
}

var errVerification = errors.New("the service's answer makes no sense")

// Loaded takes over the service's answer.
func (v *Verification) Loaded(data *ipc.Verification, err error) {
	if err == nil {
		err = checkVerification(v.address, data)
	}
	if v.phase, v.err = failed, err; err == nil {
		v.phase, v.data = ready, *data
	}
}

// checkVerification makes sure that what people compare is whole: a short or
// empty number would match too easily.
func checkVerification(address string, d *ipc.Verification) error {
	if d == nil || d.Address != address || !strings.HasPrefix(d.Identity, address+":") || len(d.Groups) != 12 || len(d.Words) != 12 {
		return fmt.Errorf("%w: it has not 12 groups and 12 words for %s", errVerification, address)
	}
	for _, g := range d.Groups {
		if len(g) != 5 || strings.Trim(g, "0123456789") != "" {
			return fmt.Errorf("%w: a group is not 5 digits", errVerification)
		}
	}
	for _, w := range d.Words {
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			return fmt.Errorf("%w: a word is not one", errVerification)
		}
	}
	return nil
}

// Decide takes the user's answer and returns what to send. It is false if
// there is nothing to decide now.
func (v *Verification) Decide(match bool) (ipc.TrustUpdate, bool) {
	if v.phase != ready || !v.state.May(ipc.Operator) || v.state.busy(false, v.address) {
		return ipc.TrustUpdate{}, false
	}
	v.phase, v.match = saving, match
	u := ipc.TrustUpdate{Identity: v.data.Identity, State: ipc.Verified, How: "safety number"}
	if !match {
		u.State, u.How = ipc.Blocked, "mismatch"
	}
	return u, true
}

// Decided takes over the service's reply to the answer.
func (v *Verification) Decided(err error) {
	switch {
	case err != nil:
		v.phase, v.err = ready, err
	case v.match:
		v.phase, v.err = matched, nil
	default:
		v.phase, v.err = mismatched, nil
	}
}

// Page puts the comparison into words.
func (v *Verification) Page() VerificationPage {
	r := v.state.peerRow(v.address)
	p := VerificationPage{
		Title: text.Get("verify.title", "peer", r.Title), Trust: r.Trust,
		Match:    Button{Label: text.Get("verify.match")},
		Mismatch: Button{Label: text.Get("verify.mismatch")},
		Later:    Button{Label: text.Get("verify.later"), Enabled: true},
	}
	if v.err != nil {
		problem := v.state.Problem(v.err)
		p.Problem = &problem
	}
	switch v.phase {
	case loading:
		p.Busy, p.Lead = true, text.Get("verify.loading", "address", v.address)
	case failed:
		p.Later.Label = text.Get("verify.close")
		p.Outcome = Badge{Mark: MarkError, Tone: Bad}
	case matched, mismatched:
		p.Lead = text.Get("verify.matched", "peer", r.Title)
		p.Trust = Badge{MarkVerified, Good, text.Get("trust.verified")}
		if v.phase == mismatched {
			p.Lead = text.Get("verify.mismatched", "peer", r.Title)
			p.Trust = Badge{MarkBlocked, Bad, text.Get("trust.blocked")}
		}
		p.Outcome = p.Trust
		p.Later.Label = text.Get("verify.close")
	default:
		p.Lead = text.Get("verify.lead", "peer", r.Title)
		p.Groups, p.Words, p.QR = v.data.Groups, v.data.Words, v.data.QR
		p.Busy = v.phase == saving
		p.Match = v.state.guard(p.Match)
		p.Mismatch = v.state.guard(p.Mismatch)
		if p.Busy {
			p.Match.Enabled, p.Mismatch.Enabled = false, false
		}
	}
	return p
}
