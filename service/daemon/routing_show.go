package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/ipc"
	"orrery/service/netcfg/verdict"
)

// outcome is what became of what a network wants. It is not changed once shown.
type outcome struct {
	ruling verdict.Ruling
	stuck  []string
	since  time.Time // since when something is wrong, zero if nothing is
}

// show has the outcome of a network seen.
func (r *routing) show(m *managed, now time.Time) {
	o := outcome{stuck: m.stuck}
	o.ruling = verdict.Ruling{Addresses: slices.Clone(m.ruling.Addresses), Routes: slices.Clone(m.ruling.Routes)}
	wrong := len(m.stuck) > 0
	for _, list := range [][]verdict.Verdict{o.ruling.Addresses, o.ruling.Routes} {
		for i := range list {
			v := &list[i]
			if tr := m.troubles[v.Target]; tr != nil && len(v.Install) > 0 {
				v.State, v.Alarm = verdict.Pending, true
				v.Reason = fmt.Sprintf("The system refused it: %s. It is tried again by itself.", oneLine(tr.err.Error()))
				v.Advice = "Another program may have it, or forbid it: look at the system's addresses and routes."
			}
			wrong = wrong || v.Alarm
		}
	}
	switch {
	case !wrong:
		m.since = time.Time{}
	case m.since.IsZero():
		m.since = now.UTC()
	}
	o.since = m.since
	r.mu.Lock()
	old := r.shown[m.state.ID]
	r.shown[m.state.ID] = o
	r.mu.Unlock()
	if !old.equal(&o) {
		r.around.Load().told()
	}
}

// equal reports whether both show the same.
func (o *outcome) equal(p *outcome) bool {
	same := func(a, b verdict.Verdict) bool {
		return a.Target == b.Target && a.Via == b.Via && a.State == b.State && a.Reason == b.Reason && a.Advice == b.Advice
	}
	return o.since.Equal(p.since) && slices.Equal(o.stuck, p.stuck) &&
		slices.EqualFunc(o.ruling.Addresses, p.ruling.Addresses, same) && slices.EqualFunc(o.ruling.Routes, p.ruling.Routes, same)
}

// outcome returns what became of what a network wants; ok is false while it has
// no device.
func (r *routing) outcome(nwid identity.NetworkID) (o outcome, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok = r.shown[nwid]
	return o, ok
}

// withheld is what the engine must know of a network's outcome: what the
// settings let through and is not in force.
func (r *routing) withheld(nwid identity.NetworkID) (addresses, targets []netip.Prefix) {
	r.work.Lock()
	defer r.work.Unlock()
	for _, m := range r.managed {
		if m.state.ID == nwid {
			return m.ruling.Withheld()
		}
	}
	return nil, nil
}

// routesView adds to the view of a network what became of its routes and
// addresses.
func (d *Daemon) routesView(n *ipc.Network, s *node.NetworkState) {
	o, ok := d.system.outcome(s.ID)
	var routes []verdict.Verdict
	if ok && len(o.ruling.Routes) == len(n.Routes) {
		routes = o.ruling.Routes
	}
	for i := range n.Routes {
		r := &n.Routes[i]
		if routes == nil {
			r.State, r.Reason = ipc.RoutePending, "It waits for the network's interface."
			continue
		}
		r.State, r.Reason, r.Advice = ipc.RouteState(routes[i].State), routes[i].Reason, routes[i].Advice
	}
	for i := range o.ruling.Addresses {
		if v := &o.ruling.Addresses[i]; v.State != verdict.Applied || v.Reason != "" {
			n.AddressStates = append(n.AddressStates, ipc.AddressState{
				Address: v.Target.String(), State: ipc.RouteState(v.State), Reason: v.Reason, Advice: v.Advice,
			})
		}
	}
}

// maxReasons is how many addresses and routes an alert explains.
const maxReasons = 3

// routeAlert tells of addresses and routes of a network that are not in force
// though the user allows them; ok is false if there are none.
func (d *Daemon) routeAlert(s *node.NetworkState) (a ipc.Alert, ok bool) {
	o, _ := d.system.outcome(s.ID)
	if o.since.IsZero() {
		return a, false
	}
	a = ipc.Alert{
		ID: alertRoute + s.ID.String(), Severity: severityWarning, Since: o.since,
		Title: "Not all addresses and routes of " + networkName(s) + " are applied",
	}
	var text []string
	for _, v := range slices.Concat(o.ruling.Addresses, o.ruling.Routes) {
		if !v.Alarm {
			continue
		}
		if t := v.Target.String() + ": " + v.Reason; !strings.HasPrefix(v.Reason, v.Target.String()) {
			text = append(text, t)
		} else {
			text = append(text, v.Reason)
		}
		if a.Advice == "" {
			a.Advice = v.Advice
		}
	}
	for _, t := range o.stuck {
		text = append(text, capital(t)+". It is tried again by itself.")
	}
	if more := len(text) - maxReasons; more > 0 {
		text = append(text[:maxReasons], fmt.Sprintf("And %d more: orreryctl routes %s shows all.", more, s.ID))
	}
	a.Text = strings.Join(text, " ")
	if a.Advice == "" {
		a.Advice = fmt.Sprintf("orreryctl routes %s shows all routes of the network.", s.ID)
	}
	return a, true
}

// alertRoute begins the IDs of route alerts.
const alertRoute = "network.route."
