package model

import (
	"net/url"
	"strconv"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// Input is what the text in a dialog's field amounts to.
type Input struct {
	// Ready is true when the dialog's button can be pressed.
	Ready bool
	// Message says what the text is, or what is wrong or missing; Wrong is
	// true if it is a fault and not just unfinished.
	Message string
	Wrong   bool
}

// JoinInput is what the text in the join dialog amounts to.
type JoinInput struct {
	Input
	Network string
	// Controller is the controller's public identity from an invite, else
	// empty. Joining pins it first.
	Controller string
	// Name is the network's name from an invite.
	Name string
}

// Trust is the trust record to make before joining, and whether there is one:
// an invite's controller counts as verified (design §4).
func (j JoinInput) Trust() (address string, u ipc.TrustUpdate, ok bool) {
	if j.Controller == "" {
		return "", u, false
	}
	return j.Controller[:10], ipc.TrustUpdate{Identity: j.Controller, State: ipc.Verified, How: "invite"}, true
}

const (
	linkScheme   = "orrery://"
	inviteLink   = linkScheme + "join/"
	contactLink  = linkScheme + "contact/"
	networkLen   = 16
	addressLen   = 10
	publicKeyLen = 128
	fieldLimit   = 4096 // bytes of a link
)

// CheckJoin reads the text of the join dialog: a network ID of 16 hex digits,
// with spaces, dashes or colons wherever people put them, or an invite link.
func (s *State) CheckJoin(field string) JoinInput {
	field = strings.TrimSpace(field)
	var j JoinInput
	switch {
	case field == "":
		j.Message = text.Get("join.hint")
		return j
	case len(field) > fieldLimit:
		return wrongJoin("join.toolong")
	case hasPrefixFold(field, contactLink):
		return wrongJoin("join.contact")
	case hasPrefixFold(field, inviteLink):
		j = parseInvite(field[len(inviteLink):])
	case strings.Contains(field, "://"):
		return wrongJoin("join.link")
	default:
		j = parseNetworkID(field)
	}
	if !j.Ready {
		return j
	}
	if n, joined := s.networks[j.Network]; joined {
		j.Ready, j.Wrong = false, true
		j.Message = text.Get("join.already", "name", orElse(clean(n.Name, nameLimit), j.Network))
	}
	return j
}

func wrongJoin(id string, args ...string) JoinInput {
	return JoinInput{Input: Input{Wrong: true, Message: text.Get(id, args...)}}
}

// parseNetworkID reads 16 hex digits with separators.
func parseNetworkID(field string) JoinInput {
	digits := stripSeparators(field)
	if !isHex(digits) {
		return wrongJoin("join.nothex")
	}
	switch {
	case len(digits) == addressLen:
		return JoinInput{Input: Input{Message: text.Get("join.address")}}
	case len(digits) < networkLen:
		return JoinInput{Input: Input{Message: text.Plural("join.more", networkLen-len(digits))}}
	case len(digits) > networkLen:
		return wrongJoin("join.over", "n", strconv.Itoa(len(digits)))
	case strings.Trim(digits[:addressLen], "0") == "":
		return wrongJoin("join.reserved")
	}
	j := JoinInput{Network: digits, Input: Input{Ready: true}}
	j.Message = text.Get("join.controller", "controller", digits[:addressLen])
	if controllerOf(digits) == "" {
		j.Message = text.Get("join.adhoc")
	}
	return j
}

// parseInvite reads what follows orrery://join/ (design §4).
func parseInvite(rest string) JoinInput {
	id, query, _ := strings.Cut(rest, "?")
	j := parseNetworkID(strings.TrimSuffix(id, "/"))
	values, err := url.ParseQuery(query)
	if !j.Ready || err != nil {
		return wrongJoin("join.damaged")
	}
	j.Name = clean(values.Get("n"), nameLimit)
	if c := values.Get("c"); c != "" {
		if j.Controller, err = publicIdentity(c); err != nil || j.Controller[:addressLen] != j.Network[:addressLen] {
			return wrongJoin("join.damaged")
		}
		j.Message = text.Get("join.invite", "name", orElse(j.Name, j.Network), "controller", j.Controller[:addressLen])
	} else if j.Name != "" {
		j.Message = text.Get("join.invite.plain", "name", j.Name)
	}
	return j
}

func stripSeparators(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '-', '–', '‑', ':', '.', '\u00a0':
			return -1
		}
		return r
	}, s))
}

func isHex(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) < 0
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
