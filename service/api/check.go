package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// Bounds of what users may store, in bytes and in entries.
const (
	maxNameLen = 128
	maxHowLen  = 256
	maxNoteLen = 4096
)

// checkTrust refuses updates that make no sense. To verify, the identity that
// was compared must be named, so that it cannot be another one by now.
func checkTrust(a identity.Address, u *ipc.TrustUpdate) error {
	switch u.State {
	case "", ipc.Seen, ipc.Blocked:
	case ipc.Verified:
		if u.Identity == "" {
			return ipc.Errorf(ipc.CodeBadRequest, "to verify %s, the identity that was compared must be given", a)
		}
	default:
		return ipc.Errorf(ipc.CodeBadRequest, "%q is not a trust state: it can be %s, %s or %s", clip(string(u.State)), ipc.Seen, ipc.Verified, ipc.Blocked)
	}
	if u.Identity != "" {
		id, err := identity.Parse(u.Identity)
		if err != nil {
			return ipc.Errorf(ipc.CodeBadRequest, "identity: %v", err)
		}
		if id.Address != a {
			return ipc.Errorf(ipc.CodeBadRequest, "the identity is that of %s, not of %s", id.Address, a)
		}
		u.Identity = id.String() // whatever else was pasted, only the public part goes on
	}
	if u.Name != nil && !showable(*u.Name, maxNameLen, false) {
		return ipc.Errorf(ipc.CodeBadRequest, "the name is longer than %d bytes or has characters that do not show", maxNameLen)
	}
	if !showable(u.How, maxHowLen, false) {
		return ipc.Errorf(ipc.CodeBadRequest, "\"how\" is longer than %d bytes or has characters that do not show", maxHowLen)
	}
	if u.Note != nil && !showable(*u.Note, maxNoteLen, true) {
		return ipc.Errorf(ipc.CodeBadRequest, "the note is longer than %d bytes or has characters that do not show", maxNoteLen)
	}
	return nil
}

// showable reports whether text may be stored and shown: no controls, no
// changes of writing direction that would make it look like something else.
func showable(s string, limit int, lines bool) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		if lines && (r == '\n' || r == '\t') {
			return false
		}
		return unicode.IsControl(r) || r == '\u061c' || r == '\u200e' || r == '\u200f' ||
			r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}
