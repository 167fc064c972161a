package model

import (
	"errors"
	"strconv"
	"strings"

	"orrery/service/ipc"
	"orrery/service/ipc/invite"
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
	// Invite is the link of an invite that names the controller's key, else empty.
	// Joining with it records that key as verified first.
	Invite string
	// Name is the network's name from an invite.
	Name string
}

const (
	inviteLink   = invite.Prefix
	contactLink  = "orrery://contact/"
	networkLen   = 16
	addressLen   = 10
	publicKeyLen = 128
	fieldLimit   = 4096 // bytes of a link
)

// CheckJoin reads the text of the join dialog: a network ID of 16 hex digits,
// with spaces, dashes or colons wherever people put them, or an invite link, of
// which mail programs may have broken the lines.
func (s *State) CheckJoin(field string) JoinInput {
	field = unwrapped(field)
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
		j = s.readInvite(field)
	case strings.Contains(field, "://"):
		return wrongJoin("join.link")
	default:
		j = parseNetworkID(field)
	}
	if !j.Ready {
		return j
	}
	n, joined := s.networks[j.Network]
	switch {
	case !joined:
	case j.Invite != "" && n.ControllerTrust != ipc.Verified:
		j.Message = text.Get("join.again", "name", orElse(clean(n.Name, nameLimit), j.Network), "controller", j.Network[:addressLen])
	default:
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

// readInvite reads an invite, and compares it with what is known of its
// controller.
func (s *State) readInvite(link string) JoinInput {
	i, err := invite.Parse(link)
	switch {
	case errors.Is(err, invite.ErrSecret):
		return wrongJoin("join.secret")
	case errors.Is(err, invite.ErrController):
		return wrongJoin("join.notcontroller")
	case errors.Is(err, invite.ErrAdHoc):
		return wrongJoin("join.adhoc.invite")
	case err != nil:
		return wrongJoin("join.damaged")
	}
	j := JoinInput{Input: Input{Ready: true}, Network: i.Network.String(), Name: clean(i.Name, nameLimit)}
	controller := i.Network.Controller().String()
	if !i.Pins() {
		j.Message = text.Get("join.controller", "controller", controller)
		if j.Name != "" {
			j.Message = text.Get("join.invite.plain", "name", j.Name)
		}
		return j
	}
	j.Invite = i.String()
	known, ok := s.trust[controller]
	switch {
	case ok && known.Identity != "" && !strings.EqualFold(known.Identity, i.Controller.String()):
		return wrongJoin("join.conflict", "controller", controller)
	case ok && known.State == ipc.Blocked:
		return wrongJoin("join.blocked", "controller", controller)
	case ok && known.State == ipc.Verified:
		j.Message = text.Get("join.invite.known", "name", orElse(j.Name, j.Network), "controller", orElse(clean(known.Name, nameLimit), controller))
	default:
		j.Message = text.Get("join.invite", "name", orElse(j.Name, j.Network), "controller", controller)
	}
	return j
}

// unwrapped takes away what mail programs put around a link.
func unwrapped(field string) string { return strings.Trim(field, " \t\r\n<>\"'“”‘’\ufeff") }

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
