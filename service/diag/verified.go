package diag

import (
	"fmt"
	"strings"

	"orrery/service/ipc"
)

// named bounds the members that a finding names.
const named = 5

// verified looks at networks for verified peers: whom they turn away, and whether
// their controller is known for sure.
func verified(f *Facts) (all []ipc.Finding) {
	const area = "verified"
	for i := range f.Networks {
		n := &f.Networks[i]
		if !n.VerifiedOnly {
			continue
		}
		if n.ControllerTrust == ipc.Seen {
			all = append(all, found(area, "controller", ipc.Unsure,
				fmt.Sprintf("Network %s is for verified peers only, but its controller %s is not verified: who poses as it decides over addresses, routes and rules.", n.ID, n.ID[:10]),
				fmt.Sprintf("Compare the safety number with whoever runs it: orreryctl verify %s. Or ask for an invite and open it.", n.ID[:10]))...)
		}
		if n.UnverifiedCount == 0 {
			continue
		}
		who := make([]string, 0, named)
		for j := range n.Unverified[:min(len(n.Unverified), named)] {
			u := &n.Unverified[j]
			if u.Name == "" {
				who = append(who, u.Address)
				continue
			}
			who = append(who, fmt.Sprintf("%s (%s)", u.Address, u.Name))
		}
		if n.UnverifiedCount > len(who) {
			who = append(who, fmt.Sprintf("and %d more", n.UnverifiedCount-len(who)))
		}
		members := "1 member is"
		if n.UnverifiedCount > 1 {
			members = fmt.Sprintf("%d members are", n.UnverifiedCount)
		}
		all = append(all, found(area, "members", ipc.Unsure,
			fmt.Sprintf("Network %s is for verified peers only, and %s not verified: %s. %s dropped.", n.ID, members, strings.Join(who, ", "), were(n.DroppedUnverified)),
			"Compare safety numbers with their owners: orreryctl verify ADDRESS. Or switch it off: orreryctl set "+n.ID+" verifiedOnly=0.")...)
	}
	return all
}

func were(frames uint64) string {
	if frames == 1 {
		return "1 frame was"
	}
	return fmt.Sprintf("%d frames were", frames)
}
