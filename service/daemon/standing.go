package daemon

import (
	"fmt"
	"strings"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl2"
	"orrery/service/host"
	"orrery/service/ipc"
)

const (
	// silentAlert is how long a controller is silent before that is news.
	silentAlert = 10 * time.Minute
	// loginSoon is how long before a log-in runs out that is told.
	loginSoon = 15 * time.Minute
	// refusedFor is how long a refused configuration is shown.
	refusedFor = time.Hour
)

// standing says how controller and member get along: the status in words, with
// what can be done.
func (d *Daemon) standing(n *ipc.Network, s *node.NetworkState, failure host.Failure) {
	now := time.Now()
	if s.Controller != 0 {
		n.Controller = s.Controller.String()
	}
	n.RefreshedAt, n.SilentSince = d.host.Time(s.Refreshed), d.host.Time(s.Silent)
	n.Login = login(s)
	if n.Login != nil {
		n.AuthURL = n.Login.URL
	}
	if c := s.Config; c != nil {
		if c.TraceTarget != 0 {
			n.TraceTarget = c.TraceTarget.String()
		}
		for _, x := range c.Specialists {
			if v := (ipc.Specialist{Address: x.Address().String(), Bridge: x.Has(netconf.ActiveBridge), Anchor: x.Has(netconf.Anchor), Replicator: x.Has(netconf.MulticastReplicator)}); v.Bridge || v.Anchor || v.Replicator {
				n.Specialists = append(n.Specialists, v)
			}
		}
	}
	for _, r := range s.Refusals {
		if v := refusedView(&r, s.Controller, d.host.Time); now.Sub(v.Last) < refusedFor {
			n.Refused = append(n.Refused, v)
		}
	}
	n.Detail, n.Advice = words(n, s, failure, d.self())
}

// self is our own address.
func (d *Daemon) self() (a identity.Address) {
	d.host.View(func(c *node.Core, _ clock.Instant) { a = c.Self().Address })
	return a
}

// words put the network's status into a sentence, and say what can be done.
// Nothing needs to be said of a network that works.
func words(n *ipc.Network, s *node.NetworkState, failure host.Failure, self identity.Address) (detail, advice string) {
	silent := ""
	if !n.SilentSince.IsZero() {
		silent = fmt.Sprintf("The network's controller %s has not answered since %s UTC.", n.Controller, n.SilentSince.UTC().Format("2006-01-02 15:04:05"))
	}
	switch {
	case failure.Reason != "":
		return "The network's interface could not be set up: " + oneLine(failure.Reason) + ". It is tried again every few seconds.",
			"The service needs administrator rights, a virtual network device, and room on the disk."
	case s.Status == vl2.StatusAccessDenied:
		detail = "The network is private: whoever runs it must authorise this computer's address."
		if s.Config != nil {
			detail = "Whoever runs the network has taken this computer's authorisation away."
		}
		return detail, "Tell whoever runs the network the address of this computer: " + self.String() + "."
	case s.Status == vl2.StatusNotFound && s.ID.AdHoc():
		return "The range of ports in the ID of this ad-hoc network ends before it begins.",
			"Leave it and join the right one: ff, the first and the last port as four hex digits each, and six zeros."
	case s.Status == vl2.StatusNotFound:
		return "The controller does not know this network.", "Check the network ID, or leave the network."
	case s.Status == vl2.StatusAuthenticationRequired:
		return loginWords(n.Login)
	case s.Status == vl2.StatusRequestingConfiguration && s.ID.AdHoc():
		return "There is no ad-hoc network of this kind, so it will never be configured.", "Check the network ID, or leave the network."
	case s.Status == vl2.StatusRequestingConfiguration && silent != "":
		return silent, "If it stays so, the controller is offline, or the network ID is wrong."
	case s.Status == vl2.StatusRequestingConfiguration:
		return "Waiting for the network's controller to answer.", ""
	case silent != "":
		return silent + " The last configuration stays in force: who was a member stays one, and changes wait for the controller's return.",
			"If this computer reaches others, only whoever runs the network can do something about it."
	}
	return "", ""
}

// login is what the network says of logging in, nil if it says nothing.
func login(s *node.NetworkState) *ipc.Login {
	required := s.Status == vl2.StatusAuthenticationRequired
	switch {
	case required:
		l := &ipc.Login{Required: true, URL: s.Auth.URL}
		if s.Auth.Version == 1 {
			l.OpenID, l.Provider = true, s.Auth.Provider
		}
		return l
	case s.Config == nil || !s.Config.SSO.Enabled:
		return nil
	}
	o := &s.Config.SSO
	l := &ipc.Login{OpenID: o.Version == 1, Expires: wallTime(o.Expiry)}
	if strings.HasPrefix(o.URL, "https://") {
		l.URL = o.URL
	}
	if l.OpenID {
		l.Provider = o.Provider
	}
	return l
}

// loginWords say how to log in.
func loginWords(l *ipc.Login) (detail, advice string) {
	switch {
	case l.URL != "":
		return "The network wants you to log in.", "Open " + l.URL + " in a browser. The network connects by itself within seconds after that."
	case l.OpenID:
		return fmt.Sprintf("The network wants a log-in by OpenID Connect (%s), which this version cannot do.", l.Provider),
			"Ask whoever runs the network to admit this computer in another way, such as by its address or a join token."
	}
	return "The network wants you to log in, but its controller does not say where.", "Ask whoever runs the network where to log in."
}

// faultWords say what is wrong with a refused configuration.
var faultWords = map[netconf.Fault]string{
	netconf.FaultMalformed: "that cannot be read",
	netconf.FaultOversized: "that is longer than members take",
	netconf.FaultUnsigned:  "without a signature",
	netconf.FaultForged:    "that the controller has not signed",
	netconf.FaultStale:     "that is older than the one in force",
	netconf.FaultForeign:   "that is for another member or another network",
}

func refusedView(r *vl2.Refusal, controller identity.Address, at func(clock.Mono) time.Time) ipc.RefusedConfig {
	who := "The network's controller"
	if r.From != controller {
		who = "The node " + r.From.String()
	}
	text := who + " has sent a configuration " + faultWords[r.Fault]
	if r.Detail != "" {
		text += " (" + r.Detail + ")"
	}
	return ipc.RefusedConfig{
		Fault: r.Fault.String(), Text: text + ". It was refused, and the one before stays in force.", From: r.From.String(),
		Count: r.Count, Since: at(r.First), Last: at(r.Last),
	}
}

// networkAlerts are what the user should know of a network although it is not
// an error of this computer.
func networkAlerts(n *ipc.Network, now time.Time) (all []ipc.Alert) {
	name := n.ID
	if n.Name != "" {
		name = n.Name + " (" + n.ID + ")"
	}
	if l := n.Login; l != nil {
		switch left := l.Expires.Sub(now); {
		case l.Required:
			// The page is in the network's own fields: who may only look gets alerts,
			// but not that.
			detail, _ := loginWords(l)
			advice := "Open the page that the application or \"orreryctl network status " + n.ID + "\" shows."
			if l.URL == "" {
				_, advice = loginWords(l)
			}
			all = append(all, ipc.Alert{ID: "network.login." + n.ID, Severity: severityWarning, Title: "Log in to the network " + name, Text: detail, Advice: advice, Since: n.JoinedAt})
		case !l.Expires.IsZero() && left < loginSoon:
			all = append(all, ipc.Alert{
				ID: "network.login." + n.ID, Severity: severityInfo, Title: "The log-in to the network " + name + " runs out",
				Text:   "It is good until " + l.Expires.UTC().Format("2006-01-02 15:04") + " UTC. Without another one the network stops then.",
				Advice: "Log in again: the application and \"orreryctl network status " + n.ID + "\" show where.", Since: l.Expires.Add(-loginSoon),
			})
		}
	}
	if !n.SilentSince.IsZero() && now.Sub(n.SilentSince) >= silentAlert {
		all = append(all, ipc.Alert{
			ID: "network.controller." + n.ID, Severity: severityInfo, Title: "The controller of the network " + name + " is silent",
			Text: n.Detail, Advice: n.Advice, Since: n.SilentSince,
		})
	}
	if len(n.Refused) > 0 {
		r := &n.Refused[0]
		a := ipc.Alert{
			ID: "network.config." + n.ID, Severity: severityWarning, Title: "A configuration of the network " + name + " was refused", Text: r.Text, Since: r.Since,
			Advice: "Tell whoever runs the network. Nothing needs to be done on this computer.",
		}
		if r.From != n.Controller {
			a.Severity = severityInfo
			a.Advice = "Its software may be broken, or it is up to something; it has achieved nothing. If it goes on, tell whoever runs the network."
		}
		all = append(all, a)
	}
	return all
}
