package model

import (
	"strings"
	"unicode/utf8"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// NameInput is what the text in the name dialog amounts to.
type NameInput struct {
	Input
	Name string
}

// Trust is the change of the trust record that the name makes.
func (n NameInput) Trust() ipc.TrustUpdate { return ipc.TrustUpdate{Name: &n.Name} }

// Name is the name that the user gave an address, whole, to be changed.
func (s *State) Name(address string) string { return s.trust[address].Name }

// CheckName reads the text of the name dialog. An empty name removes it.
func (s *State) CheckName(address, field string) NameInput {
	field = strings.TrimSpace(field)
	n := NameInput{Name: clean(field, nameLimit)}
	switch {
	case utf8.RuneCountInString(field) > nameLimit:
		n.Wrong, n.Message = true, text.Plural("name.long", nameLimit)
	case n.Name != field:
		n.Wrong, n.Message = true, text.Get("name.bad")
	case field == "":
		n.Ready, n.Message = true, text.Get("name.empty", "address", address)
	default:
		n.Ready = true
		for _, a := range sortedKeys(s.trust) {
			if a != address && strings.EqualFold(s.trust[a].Name, field) {
				n.Message = text.Get("name.twice", "address", a)
			}
		}
		if n.Message == "" {
			n.Message = text.Get("name.hint")
		}
	}
	return n
}
