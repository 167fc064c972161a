package diag

import (
	"fmt"

	"orrery/service/ipc"
)

// routes says which addresses and routes of networks are not in force, and why.
// What the user himself leaves out is no news to him.
func routes(f *Facts) []ipc.Finding {
	const area = "routes"
	var all []ipc.Finding
	for i := range f.Networks {
		n := &f.Networks[i]
		tell := func(what string, state ipc.RouteState, reason, advice string) {
			level := ipc.Unsure
			switch state {
			case ipc.RouteNarrowed:
				level = ipc.Fine
			case ipc.RouteRefused, ipc.RoutePending:
			default:
				return
			}
			all = append(all, found(area, string(state), level, fmt.Sprintf("Network %s, %s: %s", n.ID, what, reason), advice)...)
		}
		for _, a := range n.AddressStates {
			tell("address "+a.Address, a.State, a.Reason, a.Advice)
		}
		for _, r := range n.Routes {
			what := "route " + r.Target
			if r.Via != "" {
				what += " via " + r.Via
			}
			tell(what, r.State, r.Reason, r.Advice)
		}
	}
	return all
}
