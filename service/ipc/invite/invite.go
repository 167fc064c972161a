package invite

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"orrery/engine/identity"
)

// Prefix starts every invite, in any case.
const Prefix = "orrery://join/"

// Bounds in bytes: of a link, and of the name in it.
const (
	MaxLink = 4096
	MaxName = 128
)

// What can be wrong with an invite. No error repeats what it is about, which may
// be a private key.
var (
	// ErrInvite is returned for what is not an invite, or is damaged.
	ErrInvite = errors.New("not an invite: want orrery://join/<network ID>?c=<controller's public identity>")
	// ErrSecret is returned if a private key is in it.
	ErrSecret = errors.New("this invite holds a private key: do not use it, and tell whoever made it that the key is no secret any more")
	// ErrController is returned if the identity in it is not the controller's.
	ErrController = errors.New("the identity in this invite is not that of the network's controller")
	// ErrForged is returned if the address of the identity does not follow from
	// its key.
	ErrForged = errors.New("the identity in this invite is not genuine: its address does not follow from its key")
	// ErrAdHoc is returned for a network that has no controller.
	ErrAdHoc = errors.New("an ad-hoc network has no controller, so there are no invites to it: join it by its ID")
	// ErrContact is returned for a contact card.
	ErrContact = errors.New("this is a contact card, not an invite to a network")
)

// Invite names a network and its controller.
type Invite struct {
	Network identity.NetworkID
	// Controller is the controller's public identity. It is zero in a link that
	// only carries the network's ID; see [Invite.Pins].
	Controller identity.Identity
	// Name is what the network is called, "" if that is not told. It is only a
	// suggestion: anybody may claim any name.
	Name string
}

// Pins reports whether the invite says which key the controller has.
func (i Invite) Pins() bool { return i.Controller != identity.Identity{} }

// String returns the link.
func (i Invite) String() string {
	s := Prefix + i.Network.String()
	sep := "?"
	if i.Pins() {
		s += "?c=" + i.Controller.String() // no character of it needs an escape
		sep = "&"
	}
	if i.Name != "" {
		s += sep + "n=" + url.QueryEscape(i.Name)
	}
	return s
}

// Parse reads a link. White space is ignored wherever it is, since mail programs
// break long lines, and so are brackets and quotes around it and unknown
// parameters. It does not check that the address follows from the key, which
// takes a while: see [Invite.Check].
func Parse(s string) (Invite, error) {
	if len(s) > 2*MaxLink {
		return Invite{}, fmt.Errorf("%w: %d characters are too many", ErrInvite, len(s))
	}
	s = Bare(s)
	if strings.HasPrefix(strings.ToLower(s), "orrery://contact/") {
		return Invite{}, ErrContact
	}
	if len(s) < len(Prefix) || !strings.EqualFold(s[:len(Prefix)], Prefix) {
		return Invite{}, ErrInvite
	}
	if len(s) > MaxLink {
		return Invite{}, fmt.Errorf("%w: %d characters are too many", ErrInvite, len(s))
	}
	if strings.Contains(strings.ToLower(s[len(Prefix):]), "orrery://") {
		return Invite{}, fmt.Errorf("%w: there are several; open one at a time", ErrInvite)
	}
	id, query, _ := strings.Cut(s[len(Prefix):], "?")
	query, _, _ = strings.Cut(query, "#")
	n, err := identity.ParseNetworkID(strings.TrimSuffix(id, "/"))
	if err != nil || n == 0 || n.Controller() == 0 {
		return Invite{}, fmt.Errorf("%w: its network ID does not have 16 hex digits, or is none", ErrInvite)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Invite{}, fmt.Errorf("%w: it is damaged", ErrInvite)
	}
	if n.AdHoc() {
		return Invite{}, ErrAdHoc
	}
	i := Invite{Network: n, Name: name(values.Get("n"))}
	switch c := values["c"]; {
	case len(c) > 1:
		return Invite{}, fmt.Errorf("%w: it names several controllers", ErrInvite)
	case len(c) == 1:
		if i.Controller, err = public(c[0]); err != nil {
			return Invite{}, err
		}
		if i.Controller.Address != n.Controller() {
			return Invite{}, ErrController
		}
	}
	return i, nil
}

// Check makes sure that the controller's address follows from its key. It takes
// some milliseconds.
func (i Invite) Check() error {
	if i.Pins() && !i.Controller.Validate() {
		return ErrForged
	}
	return nil
}

// public reads a public identity, and nothing more than that.
func public(s string) (identity.Identity, error) {
	if parts := strings.Split(s, ":"); len(parts) > 3 && parts[3] != "" {
		return identity.Identity{}, ErrSecret
	}
	id, err := identity.Parse(strings.TrimSuffix(s, ":"))
	if err != nil || id.Address.Reserved() {
		return identity.Identity{}, fmt.Errorf("%w: the identity of its controller is damaged", ErrInvite)
	}
	return id, nil
}

// Bare takes white space out of a link, and what mail programs put around one.
func Bare(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' {
			return -1
		}
		return r
	}, s)
	return strings.Trim(s, `<>"'“”‘’`)
}

// name is what can be shown of a name.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	for len(s) > MaxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}
