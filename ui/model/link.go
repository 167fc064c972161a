package model

import "strings"

// Link is the action for an orrery:// link that the user opened, for instance
// in a browser. Nothing is done before they have seen what it is.
func (s *State) Link(link string) Action {
	link = strings.TrimSpace(link)
	if hasPrefixFold(link, contactLink) {
		return Action{Do: OpenContact, Target: link}
	}
	return Action{Do: OpenJoin, Target: link}
}
