package verify

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"orrery/engine/identity"
)

// contactPrefix starts every contact link.
const contactPrefix = "orrery://contact/"

// maxName bounds the name in a link, in bytes.
const maxName = 128

// ErrContact is returned for text that is not a contact link.
var ErrContact = errors.New("not a contact link: want orrery://contact/<public identity>")

// Contact is a contact card: who has opened one from a trusted place has
// verified the identity in it (design §4).
type Contact struct {
	Identity identity.Identity
	// Name is what the sender wants to be called, "" if nothing. It is only a
	// suggestion: anybody may claim any name.
	Name string
}

// String returns the link, "orrery://contact/<public identity>?n=<name>".
func (c Contact) String() string {
	s := contactPrefix + c.Identity.String()
	if c.Name != "" {
		s += "?n=" + url.QueryEscape(c.Name)
	}
	return s
}

// ParseContact reads a contact link. White space around it is ignored, unknown
// parameters are too. A name with characters that do not show, such as controls
// and changes of direction, is refused. It does not check that the address
// follows from the key: see identity.Validate.
func ParseContact(s string) (Contact, error) {
	s = strings.TrimSpace(s)
	if len(s) < len(contactPrefix) || !strings.EqualFold(s[:len(contactPrefix)], contactPrefix) {
		return Contact{}, ErrContact
	}
	if len(s) > 4096 {
		return Contact{}, fmt.Errorf("%w: %d characters are too many", ErrContact, len(s))
	}
	text, query, _ := strings.Cut(s[len(contactPrefix):], "?")
	text, err := url.PathUnescape(text)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %v", ErrContact, err)
	}
	if strings.Count(text, ":") > 2 {
		return Contact{}, fmt.Errorf("%w: it holds more than a public identity; never send anybody a private key", ErrContact)
	}
	id, err := identity.Parse(text)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %v", ErrContact, err)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %v", ErrContact, err)
	}
	name := values.Get("n")
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Contact{}, fmt.Errorf("%w: its name is not usable", ErrContact)
	}
	return Contact{Identity: id, Name: name}, nil
}
