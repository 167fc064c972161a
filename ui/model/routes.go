package model

import (
	"slices"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// RouteChoice is what the user wants with one route of a network.
type RouteChoice string

// The choices.
const (
	RouteAuto   RouteChoice = "auto"   // as the network's settings say
	RouteAlways RouteChoice = "always" // even where settings or a conflict would refuse it
	RouteNever  RouteChoice = "never"
)

// RouteChoices has all of them, in the order in which they are offered.
var RouteChoices = []RouteChoice{RouteAuto, RouteAlways, RouteNever}

// Label names a choice.
func (c RouteChoice) Label() string { return text.Get("route." + string(c)) }

// RouteRow is a route of a network in words.
type RouteRow struct {
	Target string
	Text   string // target and gateway
	// Badge says what became of it, with no text if it is plainly in use. Note says
	// why, and what can be done.
	Badge  Badge
	Note   string
	Choice RouteChoice
	// Enabled is whether the choice can be changed.
	Enabled bool
}

// routeRows puts a network's routes into words.
func (s *State) routeRows(n *ipc.Network, enabled bool) (rows []RouteRow) {
	enabled = enabled && s.May(ipc.Operator)
	for _, r := range n.Routes {
		row := RouteRow{Target: r.Target, Text: routeText(r), Choice: RouteAuto, Enabled: enabled}
		row.Badge, row.Note = fate(r.State, r.Reason, r.Advice)
		switch {
		case slices.Contains(n.Settings.IgnoreRoutes, r.Target):
			row.Choice = RouteNever
		case slices.Contains(n.Settings.AcceptRoutes, r.Target):
			row.Choice = RouteAlways
		}
		rows = append(rows, row)
	}
	return rows
}

// fate says what became of a route or an address: nothing if it is plainly in use,
// or the service does not tell.
func fate(state ipc.RouteState, reason, advice string) (Badge, string) {
	note := joinSentences(sentence(clean(reason, detailLimit)), sentence(clean(advice, detailLimit)))
	switch state {
	case ipc.RouteIgnored:
		return Badge{MarkOff, Neutral, text.Get("route.ignored")}, note
	case ipc.RouteRefused:
		return Badge{MarkWarning, Warning, text.Get("route.refused")}, note
	case ipc.RouteNarrowed:
		return Badge{MarkWarning, Warning, text.Get("route.narrowed")}, note
	case ipc.RoutePending:
		return Badge{MarkBusy, Busy, text.Get("route.pending")}, note
	}
	return Badge{}, note
}

// RouteChange returns the settings to send for a choice about one route: the lists
// with that route taken out of both, and put into one.
func (s *State) RouteChange(a Action) ipc.NetworkSettings {
	old := s.networks[a.Target].Settings
	without := func(list []string) []string {
		return slices.DeleteFunc(append([]string{}, list...), func(t string) bool { return t == a.Route })
	}
	change := ipc.NetworkSettings{AcceptRoutes: without(old.AcceptRoutes), IgnoreRoutes: without(old.IgnoreRoutes)}
	switch a.Choice {
	case RouteAlways:
		change.AcceptRoutes = append(change.AcceptRoutes, a.Route)
	case RouteNever:
		change.IgnoreRoutes = append(change.IgnoreRoutes, a.Route)
	}
	return change
}

// defaultRoute reports whether a choice lets a network take over all traffic.
func defaultRoute(a Action) bool {
	return a.Choice == RouteAlways && (a.Route == "0.0.0.0/0" || a.Route == "::/0")
}
