package verdict

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"orrery/engine/wire"
)

const noIPv6 = "IPv6 is switched off on this computer."

// deny says why the settings keep a target out.
func (n *Network) deny(v *Verdict) {
	t := v.Target
	v.State = Ignored
	s := n.Settings
	switch {
	case !s.AllowManaged:
		v.Reason, v.Advice = "allowManaged is off for this network.", fmt.Sprintf("orreryctl set %v allowManaged=1", n.ID)
		return
	case len(s.ManagedOnly) > 0 && !slices.ContainsFunc(s.ManagedOnly, func(p netip.Prefix) bool { return covers(p.Masked(), t) }):
		v.Reason = "It is not on the list of allowManaged."
		return
	case t.Bits() == 0 && t.Addr().IsUnspecified():
		v.Reason, v.Advice = "allowDefault is off for this network.", fmt.Sprintf("orreryctl set %v allowDefault=1", n.ID)
		return
	}
	switch scope := wire.ScopeOf(t.Addr()); scope {
	case wire.ScopeNone, wire.ScopeMulticast, wire.ScopeLoopback, wire.ScopeLinkLocal:
		v.refuse(fmt.Sprintf("%v is not for networks: its scope is %s.", t, scope), "Whoever runs the network can correct it.")
	default:
		if s.AllowGlobal || scope != wire.ScopeGlobal {
			v.Reason = "It takes in a large part of the Internet, which allowGlobal and allowDefault together permit."
			return
		}
		v.Reason, v.Advice = "It is public, and allowGlobal is off for this network.", fmt.Sprintf("orreryctl set %v allowGlobal=1", n.ID)
	}
}

// insist says how to have a target in spite of a conflict.
func (n *Network) insist(t netip.Prefix) string {
	return fmt.Sprintf("orreryctl set %v acceptRoutes=%v applies it all the same.", n.ID, t)
}

// via is a way in a sentence.
func via(gateway netip.Addr) string {
	if !gateway.IsValid() {
		return "without a gateway"
	}
	return "via " + gateway.String()
}

func family(p netip.Prefix) string {
	if p.Addr().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' || len(s) > 1 && s[1] >= '0' && s[1] <= '9' {
		return s
	}
	for i := range len(s) { // the name of an interface or setting stays as it is
		if c := s[i]; c == ' ' {
			break
		} else if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == ':' {
			return s
		}
	}
	return string(s[0]-'a'+'A') + s[1:]
}

func sortedKeys(m map[string][]netip.Prefix) []string { return slices.Sorted(maps.Keys(m)) }
