package daemon

import (
	"fmt"
	"strings"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/service/ipc"
)

// conflictsView is who else claims this computer's addresses on a network. at
// turns the engine's time into the calendar's.
func conflictsView(s *node.NetworkState, at func(clock.Mono) time.Time) []ipc.AddressConflict {
	var list []ipc.AddressConflict
	for _, c := range s.Conflicts {
		v := ipc.AddressConflict{IP: c.IP.String(), MAC: c.MAC.String(), Last: at(c.At.Mono)}
		if c.MAC.InNetwork(s.ID) {
			v.Member = c.MAC.Address(s.ID).String()
		}
		list = append(list, v)
	}
	return list
}

// addressAlert tells that others use this computer's addresses on a network, ok if
// any do.
func addressAlert(s *node.NetworkState, conflicts []ipc.AddressConflict) (a ipc.Alert, ok bool) {
	if len(conflicts) == 0 {
		return a, false
	}
	var texts []string
	for _, c := range conflicts[:min(len(conflicts), 4)] {
		who := "the member " + c.Member
		if c.Member == "" {
			who = "a computer behind a bridge with the MAC " + c.MAC
		}
		texts = append(texts, fmt.Sprintf("%s says that it has %s", who, c.IP))
	}
	return ipc.Alert{
		ID: "network.address." + s.ID.String(), Severity: severityWarning, Title: "Another computer uses this one's address on " + networkName(s),
		Text: capital(strings.Join(texts, "; ")) + ". This computer keeps the address, which the network's controller gave it, but some members may send to the other one.",
		Advice: "Take the address off the other computer if somebody set it there by hand, or ask whoever runs the network to give out each address once. " +
			"Orrery checks every five minutes.",
	}, true
}
