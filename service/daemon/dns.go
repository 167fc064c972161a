package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/ipc"
	"orrery/service/netcfg/dns"
	"orrery/service/netcfg/verdict"
)

// dnsJournal is where what resolvers are told is entered before they are.
const dnsJournal = "dns-journal.json"

// nameServers implements machine.
func (s *system) nameServers(nwid identity.NetworkID) dns.Status { return s.dns.Status(nwid.String()) }

// notify implements machine.
func (s *system) notify(f func()) { s.dnsTold.Store(&f) }

// told passes on that a status has changed.
func (s *system) told() {
	if f := s.dnsTold.Load(); f != nil {
		(*f)()
	}
}

// names has the machine's resolver follow the network's configuration. It does
// not wait for it.
func (p *systemPort) names(n *node.NetworkState) {
	o := dns.Offer{Network: n.ID.String(), Allow: n.Settings.AllowDNS, All: n.Settings.DNSDefault}
	if n.Config != nil {
		o.Domain, o.Servers = n.Config.DNS.Domain, n.Config.DNS.Servers[:]
		become, _ := p.system.outcome(n.ID)
		o.Inside = inside(n, &become.ruling)
		if have, err := p.system.seen.addresses(p.Name()); err == nil { // also those that the user has given it
			for _, a := range have {
				o.Inside = append(o.Inside, a.Masked())
			}
		}
		if p.index == 0 && o.Allow {
			i, err := net.InterfaceByName(p.Name())
			if err != nil {
				return // the device has just gone
			}
			p.index = i.Index
		}
	}
	p.system.dns.Set(dns.Interface{Name: p.Name(), Index: p.index, Bridge: p.place.now().Name}, o)
}

// inside lists what of a network can be reached from here: the subnets and
// routes that are in force, and what is behind this computer as a gateway.
func inside(n *node.NetworkState, r *verdict.Ruling) []netip.Prefix {
	var all []netip.Prefix
	for _, list := range [][]verdict.Verdict{r.Addresses, r.Routes} {
		for i := range list {
			if v := &list[i]; v.State == verdict.Applied || v.State == verdict.Narrowed {
				for _, p := range v.Install {
					all = append(all, p.Masked())
				}
			}
		}
	}
	for _, route := range n.Routes {
		if slices.ContainsFunc(n.Addresses, func(a netip.Prefix) bool { return a.Addr() == route.Via }) {
			all = append(all, route.Target.Masked())
		}
	}
	return all
}

// dnsView turns what became of name servers into the contract's.
func dnsView(v *ipc.DNS, s dns.Status) {
	v.State, v.By, v.Reason, v.Advice = string(s.State), s.By, s.Reason, s.Advice
	v.All = s.All && s.State == dns.Applied
}

// dnsAlert tells that a network's name servers are not used although the user
// has allowed them.
func dnsAlert(n *node.NetworkState, s dns.Status) (ipc.Alert, bool) {
	a := ipc.Alert{ID: "network.dns." + n.ID.String(), Severity: severityWarning, Text: s.Reason, Advice: s.Advice, Since: s.Since}
	name := networkName(n)
	switch s.State {
	case dns.Refused:
		a.Title = "Name servers refused: network " + name
	case dns.Unsupported:
		a.Title = "Name servers cannot be used here: network " + name
	case dns.Failed:
		a.Title = "Name servers could not be set: network " + name
	default:
		return a, false
	}
	return a, true
}

// dnsLine says in a line for support how names are resolved.
func dnsLine(d *ipc.DNS) string {
	if d.State == "" {
		return ""
	}
	return fmt.Sprintf("  name servers %s for %q: %s by %q; all queries %v. %s\n", strings.Join(d.Servers, " "), d.Domain, d.State, d.By, d.All, d.Reason)
}
