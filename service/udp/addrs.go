package udp

import (
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/wire"
)

// localAddr is an address of the machine with what decides about it.
type localAddr struct {
	ifname string
	addr   netip.Addr
	// unfit addresses are temporary (privacy) ones, which change, and those that
	// cannot be used yet or any more.
	unfit bool
	up    bool
}

// LocalAddrs lists the machine's addresses that may be offered to peers as
// endpoints (spec 03 §9.1): usable for paths by scope, not temporary, not on a
// loopback or tunnel interface, and not refused by exclude, which gets the
// interface's name and may be nil. The result is sorted and has no duplicates.
func LocalAddrs(exclude func(ifname string, ip netip.Addr) bool) ([]netip.Addr, error) {
	all, err := systemAddrs()
	if err != nil {
		return nil, err
	}
	return choose(all, ignoredPrefixes, exclude), nil
}

// choose applies the rules to all.
func choose(all []localAddr, ignored []string, exclude func(string, netip.Addr) bool) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		ip := a.addr.Unmap().WithZone("")
		if !a.up || a.unfit || !wire.UsableForPath(ip) {
			continue
		}
		if slices.ContainsFunc(ignored, func(p string) bool { return strings.HasPrefix(a.ifname, p) }) {
			continue
		}
		if exclude != nil && exclude(a.ifname, ip) {
			continue
		}
		out = append(out, ip)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
