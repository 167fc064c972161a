package verdict

import "net/netip"

// State is what becomes of an address or route. It is shown to programs.
type State string

// The states.
const (
	// Applied: it is in force as the network wants it.
	Applied State = "applied"
	// Ignored: the user's settings leave it out, or it is about this computer.
	Ignored State = "ignored"
	// Refused: it does not fit, or makes no sense.
	Refused State = "refused"
	// Narrowed: a part of it belongs to the machine and stays with it.
	Narrowed State = "narrowed"
	// Pending: it waits for something, or the system refused it and it is tried
	// again.
	Pending State = "pending"
)

// Verdict is what becomes of a route or of an address.
type Verdict struct {
	// Target is the route's target, or the address with its subnet's length.
	Target netip.Prefix
	// Via is the gateway to install, invalid on the link.
	Via    netip.Addr
	Metric uint16
	State  State
	// Install has what to install: nothing, the target, or of an address without
	// its subnet the address alone.
	Install []netip.Prefix
	// Split is whether a route has to outdo an equal one of the machine's.
	Split bool
	// Source is the address of ours to use with a route.
	Source netip.Addr
	// Reason says why the state is not plainly Applied, in a sentence, and Advice
	// what can be done, "" if nothing can or needs to be.
	Reason, Advice string
	// Alarm is whether the user should be told without asking.
	Alarm bool
}

// Ruling is what becomes of all that one network wants.
type Ruling struct {
	// Addresses are in the order of the configuration, each once.
	Addresses []Verdict
	// Routes are in the order of the configuration.
	Routes []Verdict
	// Forced are subnets of ours that have to outdo equal ones of the machine's, as
	// the user wants it.
	Forced []netip.Prefix
}

// Withheld are the addresses and targets of routes that the settings let
// through and that are not in force nevertheless.
func (r *Ruling) Withheld() (addresses, routes []netip.Prefix) {
	for i := range r.Addresses {
		if v := &r.Addresses[i]; len(v.Install) == 0 {
			addresses = append(addresses, v.Target)
		}
	}
	for i := range r.Routes {
		if v := &r.Routes[i]; v.State != Applied && v.State != Narrowed {
			routes = append(routes, v.Target)
		}
	}
	return addresses, routes
}
