package ctl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orrery/service/ipc"
)

// statusWords are the statuses for people.
var statusWords = map[ipc.NetworkStatus]string{
	ipc.OK: "connected", ipc.Requesting: "waits for its configuration", ipc.AccessDenied: "this computer is not admitted", ipc.NotFound: "there is no such network",
	ipc.PortError: "its device could not be set up", ipc.TooOld: "wants newer software", ipc.AuthRequired: "waits for you to log in",
}

// NetworkStatus says in words how a joined network does, or all of them.
func (t *Tool) NetworkStatus(ctx context.Context, id string) error {
	if err := t.needService(); err != nil {
		return err
	}
	list, err := t.Service.Networks(ctx)
	if err != nil {
		return explain(err)
	}
	if id != "" {
		n, err := t.networkID(id)
		if err != nil {
			return err
		}
		one := list[:0]
		for i := range list {
			if list[i].ID == n.String() {
				one = append(one, list[i])
			}
		}
		if list = one; len(list) == 0 {
			return failf("this computer has not joined network %s\nJoin it first: orreryctl join %s", n, n)
		}
	}
	if t.JSON {
		return t.showValue(list)
	}
	if len(list) == 0 {
		t.printf("No network is joined.\n")
	}
	for i := range list {
		t.networkStatus(&list[i])
	}
	return nil
}

// networkStatus prints one network.
func (t *Tool) networkStatus(n *ipc.Network) {
	line := func(format string, args ...any) { t.printf("  %s\n", printable(fmt.Sprintf(format, args...))) }
	name := n.ID
	if n.Name != "" {
		name = n.Name + " (" + n.ID + ")"
	}
	words := statusWords[n.Status]
	if words == "" {
		words = string(n.Status)
	}
	t.printf("%s: %s\n", printable(name), printable(words))
	for _, s := range []string{n.Detail, n.Advice} {
		if s != "" {
			line("%s", s)
		}
	}
	if n.Device != "" {
		line("Device %s (%s), MTU %d, MAC %s", n.Device, n.Settings.Port, n.MTU, n.MAC)
	}
	if len(n.Addresses) > 0 {
		line("Addresses: %s", strings.Join(n.Addresses, ", "))
	}
	for _, a := range n.AddressStates {
		line("Address %s is %s: %s", a.Address, a.State, a.Reason)
	}
	for _, r := range n.Routes {
		if r.State != "" && r.State != ipc.RouteApplied {
			line("Route %s is %s: %s", r.Target, r.State, r.Reason)
		}
	}
	namesStatus(&n.DNS, line)
	t.controllerStatus(n, line)
	verifiedStatus(n, line)
	for _, r := range n.Refused {
		line("%s (%d, last %s ago)", r.Text, r.Count, t.since(r.Last))
	}
}

// controllerStatus prints how the controller does, and where to log in.
func (t *Tool) controllerStatus(n *ipc.Network, line func(format string, args ...any)) {
	switch {
	case n.Controller == "":
		line("Nobody controls it: its ID says what it is.")
	case !n.RefreshedAt.IsZero():
		line("Controller %s, last configuration %s ago", n.Controller, t.since(n.RefreshedAt))
	case n.Status == ipc.OK:
		line("Controller %s, no configuration since the start: an earlier one is in force", n.Controller)
	default:
		line("Controller %s, no configuration", n.Controller)
	}
	if l := n.Login; l != nil {
		if l.URL != "" {
			line("Log in at: %s", l.URL)
		}
		if !l.Expires.IsZero() {
			line("The log-in is good until %s UTC", l.Expires.UTC().Format("2006-01-02 15:04"))
		}
	}
}

// since is how long ago something was, for people.
func (t *Tool) since(at time.Time) string {
	d := max(t.Now().Sub(at), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
