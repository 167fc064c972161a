package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// State says what became of a network's name servers.
type State string

// The states. Without a domain and servers there is none.
const (
	// Pending: it is being done.
	Pending State = "pending"
	// Applied: this computer's resolver asks the network's servers.
	Applied State = "applied"
	// Ignored: the user has not allowed it.
	Ignored State = "ignored"
	// Refused: what the network asks for must not be done.
	Refused State = "refused"
	// Unsupported: this computer has no resolver that can do it.
	Unsupported State = "unsupported"
	// Failed: the resolver did not take it. It is tried again.
	Failed State = "failed"
)

// Status is what became of a network's name servers, for people.
type Status struct {
	State State
	// By is the resolver that was told, such as "systemd-resolved".
	By string
	// Domain and Servers are what is or would be in effect.
	Domain  string
	Servers []netip.Addr
	// All is true if all queries go to the servers.
	All bool
	// Reason and Advice are sentences: why it is so, and what can be done.
	Reason, Advice string
	// Since is when the state became so.
	Since time.Time
}

// Offer is what a network's configuration says of name servers, and what the
// user lets it do.
type Offer struct {
	// Network is the network's ID, for advice.
	Network string
	Domain  string
	Servers []netip.Addr
	// Inside are the subnets and routes of the network that are in use here.
	Inside []netip.Prefix
	// Allow lets the network have its domain, All also every other query.
	Allow, All bool
}

// Judge decides what of an offer is to be done. If that is nothing the state is
// other than [Pending], and empty if there is no offer.
func Judge(o Offer) Status {
	s := Status{Domain: o.Domain}
	servers := slices.DeleteFunc(slices.Clone(o.Servers), func(a netip.Addr) bool { return !a.IsValid() })
	if o.Domain == "" && len(servers) == 0 {
		return Status{}
	}
	if !o.Allow {
		s.Servers, s.State = servers, Ignored
		s.Reason = "The network may not change how names are resolved here."
		s.Advice = fmt.Sprintf("To let it answer for its domain: orreryctl set %s allowDNS=1.", o.Network)
		return s
	}
	s.All = o.All
	if o.Domain != "" {
		d, err := ParseDomain(o.Domain, o.All)
		if err != nil {
			s.State, s.Reason = Refused, fmt.Sprintf("The domain %q %v.", clip(o.Domain), err)
			s.Advice = "Whoever runs the network should give it a domain of its own, such as team.home.arpa."
			return s
		}
		s.Domain = d
	}
	if len(servers) == 0 {
		s.State, s.Reason = Ignored, "The network names a domain, but no servers."
		s.Advice = "Whoever runs the network should name a server inside of it."
		return s
	}
	var refused []string
	s.Servers, refused = reachable(servers, o.Inside)
	if len(refused) > 0 {
		s.Reason = capital(strings.Join(refused, "; ")) + "."
	}
	switch {
	case len(s.Servers) == 0:
		s.State = Refused
		s.Advice = "Whoever runs the network should name a server with an address of the network, or behind one of its routes. " +
			"If it is behind one that is not in use here, see allowManaged, allowGlobal and the network's routes."
	case s.Domain == "" && !o.All:
		s.State, s.Reason = Ignored, "The network names servers, but no domain: they would have to get all queries of this computer."
		s.Advice = fmt.Sprintf("If you trust them with that: orreryctl set %s dnsDefault=1.", o.Network)
	default:
		s.State = Pending
	}
	return s
}

// reachable splits servers into those that are asked through the network, and
// sentences about others: a query to those would leave it, readable for all.
func reachable(servers []netip.Addr, inside []netip.Prefix) (good []netip.Addr, refused []string) {
	for _, a := range servers {
		a = a.Unmap().WithZone("")
		switch {
		case !a.IsGlobalUnicast() || a.Is4() && a.As4()[0] >= 240:
			refused = append(refused, fmt.Sprintf("the server %v is not an address that can be asked", a))
		case !slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Masked().Contains(a) }):
			refused = append(refused, fmt.Sprintf("the server %v is not inside the network", a))
		case !slices.Contains(good, a):
			good = append(good, a)
		}
	}
	return good, refused
}

// clip shortens text of others for a sentence.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
