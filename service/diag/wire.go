package diag

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"

	"orrery/engine/vl1"
	"orrery/service/ipc"
	"orrery/service/portmap"
	"orrery/service/udp"
)

// sockets looks at the bound UDP sockets.
func sockets(f *Facts) []ipc.Finding {
	const area = "sockets"
	var details []string
	var failing []string
	count := map[bool]int{}
	for i := range f.Sockets {
		s := &f.Sockets[i]
		if s.Role == udp.Burst {
			continue
		}
		line := fmt.Sprintf("%s (%s)", s.Local, s.Role)
		if s.Device != "" {
			line += " on " + s.Device
		}
		if s.LastError != "" {
			line += ", last error: " + s.LastError
		}
		if s.LastError != "" && s.Stats.SendErrors > s.Stats.SentDatagrams {
			failing = append(failing, s.LastError)
		}
		details = append(details, line)
		count[s.Local.Addr().Unmap().Is4()]++
	}
	switch {
	case len(details) == 0:
		return found(area, "none", ipc.Broken, "No UDP socket is open: this computer has no address that can be used.",
			"Connect it to a network, and see \"bind\", \"interfacePrefixBlacklist\" and \"physical\" in local.conf.")
	case len(failing) > 0:
		return found(area, "failing", ipc.Unsure, fmt.Sprintf("The system refuses to send from %d of %d UDP sockets: %s.", len(failing), len(details), failing[0]),
			"A firewall on this computer may stop the service, or there is no route from these addresses.", details...)
	}
	return found(area, "open", ipc.Fine, fmt.Sprintf("UDP port %d is open: %s for IPv4, %s for IPv6.", f.Port, some(count[true], "socket"), some(count[false], "socket")), "", details...)
}

// some is plural, but says no for 0.
func some(n int, what string) string {
	if n == 0 {
		return "none"
	}
	return plural(n, what)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reach looks at whether UDP works, for each family.
func reach(f *Facts) []ipc.Finding {
	const area = "udp"
	if len(f.Sockets) == 0 {
		return nil // said already
	}
	if f.IsRoot && len(f.Roots) == 0 {
		return found(area, "root", ipc.Fine, "This node is a root: others call it, so there is nobody to try UDP with.", "")
	}
	var answered, named [2]int
	tunnelled := false
	for i := range f.Roots {
		r := &f.Roots[i]
		for family, ok := range [2]bool{r.V4, r.V6} {
			if ok {
				answered[family]++
			}
		}
		var has [2]bool
		for _, e := range r.Endpoints {
			has[familyIndex(e.Addr())] = true
		}
		for family, ok := range has {
			if ok {
				named[family]++
			}
		}
		tunnelled = tunnelled || r.Peer.Tunnelled
	}
	var local [2]bool
	for _, a := range f.Local {
		local[familyIndex(a.Addr())] = true
	}
	names := [2]string{"IPv4", "IPv6"}
	works := answered[0]+answered[1] > 0
	if !works {
		text := "No root answers by UDP."
		if tunnelled {
			text = "UDP does not get through: roots answer by the TCP relay only."
		}
		return found(area, "blocked", ipc.Broken, text, firewallAdvice(f.Port))
	}
	var all []ipc.Finding
	for family, name := range names {
		switch {
		case answered[family] > 0:
			all = append(all, found(area, strings.ToLower(name), ipc.Fine,
				fmt.Sprintf("UDP works over %s: %d of %d roots answer.", name, answered[family], len(f.Roots)), "")...)
		case named[family] == 0:
		case local[family]:
			all = append(all, found(area, strings.ToLower(name)+"-blocked", ipc.Unsure,
				fmt.Sprintf("This computer has %s addresses, but no root answers over %s.", name, name),
				fmt.Sprintf("Let UDP through for %s too: in the firewalls here and in the router. Peers that have only %s are relayed until then.", name, name))...)
		default:
			all = append(all, found(area, strings.ToLower(name)+"-none", ipc.Fine,
				fmt.Sprintf("This computer has no %s address for use on the Internet; peers that have only %s are relayed.", name, name), "")...)
		}
	}
	return all
}

func familyIndex(a netip.Addr) int {
	if a.Unmap().Is4() {
		return 0
	}
	return 1
}

// firewallAdvice says how to let UDP through on this system.
func firewallAdvice(port int) string {
	how := map[string]string{
		"linux":   fmt.Sprintf(" (for example \"ufw allow %d/udp\", or \"firewall-cmd --add-port=%d/udp\")", port, port),
		"windows": " (Windows Security, Firewall: allow orreryd.exe)",
		"darwin":  " (System Settings, Network, Firewall: allow orreryd)",
	}[runtime.GOOS]
	return fmt.Sprintf("Check the Internet connection. Then let UDP out, and answers in to port %d, in this computer's firewall%s and in the network's.", port, how)
}

// roots looks at each root.
func roots(f *Facts) []ipc.Finding {
	const area = "roots"
	if len(f.Roots) == 0 {
		if f.IsRoot {
			return nil
		}
		return found(area, "none", ipc.Broken, "The planet names no roots, so other computers cannot be found.", "Get a planet file from whoever runs the roots.")
	}
	up := 0
	var details []string
	for i := range f.Roots {
		r := &f.Roots[i]
		p := &r.Peer
		kind := "planet"
		if p.Role == "MOON" {
			kind = "moon"
		}
		state := "does not answer"
		if p.Direct || p.Tunnelled {
			up++
			state = "answers"
			if p.LatencyMs >= 0 {
				state = fmt.Sprintf("answers in %d ms", p.LatencyMs)
			}
			if p.Tunnelled {
				state += " by the TCP relay"
			}
			for j := range p.Paths {
				if p.Paths[j].Preferred {
					state += " from " + p.Paths[j].Address
				}
			}
		}
		details = append(details, fmt.Sprintf("%s (%s) %s", p.Address, kind, state))
	}
	switch {
	case up == 0:
		text := "None of the roots answers, so computers that are not connected yet cannot be found."
		if !f.Offline.IsZero() {
			text = fmt.Sprintf("None of the roots has answered for %s, so computers that are not connected yet cannot be found.", ago(f.Now.Sub(f.Offline)))
		}
		return found(area, "silent", ipc.Broken, text, "Check the Internet connection and firewalls, and that the roots run.", details...)
	case up < len(f.Roots):
		return found(area, "some", ipc.Unsure, fmt.Sprintf("%d of %d roots answer. That is enough, but there are fewer to take over.", up, len(f.Roots)),
			"If it stays so, ask whoever runs the others.", details...)
	}
	return found(area, "answer", ipc.Fine, fmt.Sprintf("All roots answer: %d of %d.", up, up), "", details...)
}

// address looks at the NAT in front of this node.
func address(f *Facts) []ipc.Finding {
	const area = "nat"
	var details []string
	for _, a := range f.Surface {
		details = append(details, "seen by others at "+a.String())
	}
	mapped := f.Mapping != nil && f.Mapping.Code == portmap.Mapped
	open := "Allow port mapping (UPnP, NAT-PMP or PCP) on the router, or forward a UDP port to this computer."
	switch f.NAT.Kind {
	case vl1.NATNone:
		return found(area, "none", ipc.Fine, "Others see this computer's own address: no router translates it.", "", details...)
	case vl1.NATEasy:
		return found(area, "easy", ipc.Fine, "The router keeps one port for all connections: direct paths to most peers are possible.", "", details...)
	case vl1.NATHard, vl1.NATSequential:
		text, level := "The router gives every connection another port. Direct paths take longer to find, and to peers behind another such router there are none.", ipc.Unsure
		if f.NAT.Kind == vl1.NATSequential {
			text = "The router gives every connection the next port. Direct paths take longer to find."
		}
		if mapped {
			return found(area, f.NAT.Kind.String(), ipc.Fine, text+" The mapped port makes up for that.", "", details...)
		}
		if f.LowBandwidth {
			open += " Low-bandwidth mode also keeps the service from looking harder."
		}
		return found(area, f.NAT.Kind.String(), level, text, open, details...)
	}
	return found(area, "unknown", ipc.Fine, "It is not known yet whether the router gives every connection another port: too few others have said how they see this computer.", "", details...)
}

// mapping looks at the port that the gateway maps.
func mapping(f *Facts) []ipc.Finding {
	const area = "mapping"
	m := f.Mapping
	if m == nil {
		return found(area, "off", ipc.Fine, "No port is mapped on the router, because that is switched off, or no port is open for it.", "")
	}
	var details []string
	if m.Gateway.IsValid() {
		details = append(details, "gateway "+m.Gateway.String())
	}
	if m.External.IsValid() {
		details = append(details, "external address "+m.External.String())
	}
	for _, a := range m.Attempts {
		if a.Problem != "" {
			details = append(details, fmt.Sprintf("%s: %s", a.Method, a.Problem))
		}
	}
	if m.Code == portmap.Mapped {
		return found(area, string(m.Code), ipc.Fine, fmt.Sprintf("The router maps a port to this computer, by %s.", m.Method), "", details...)
	}
	level, advice := ipc.Fine, ""
	if k := f.NAT.Kind; k == vl1.NATHard || k == vl1.NATSequential {
		level, advice = ipc.Unsure, "With this kind of router a mapped port helps most: allow UPnP, NAT-PMP or PCP on it."
	}
	if m.Code == portmap.Misbehaves || m.Code == portmap.DoubleNAT {
		level = ipc.Unsure
		if m.Code == portmap.DoubleNAT {
			advice = "Put one of the two routers into bridge mode, or map the port on the outer one too."
		}
	}
	return found(area, string(m.Code), level, "No port is mapped on the router. "+m.Text, advice, details...)
}

// relay looks at the TCP relay.
func relay(f *Facts) []ipc.Finding {
	const area = "tcp-relay"
	s := &f.Relay
	var details []string
	if s.Relay.IsValid() {
		details = append(details, "relay "+s.Relay.String())
	}
	if s.Problem != "" {
		details = append(details, "last problem: "+s.Problem)
	}
	switch {
	case !f.RelayAllowed:
		return found(area, "off", ipc.Fine, "The TCP relay for networks without UDP is switched off.", "")
	case f.RelayForced && s.Active:
		return found(area, "forced", ipc.Unsure, "All packets take the TCP relay, because the settings force them to.", "Remove forceTcpRelay from local.conf when UDP works.", details...)
	case f.RelayForced:
		return found(area, "down", ipc.Broken, "The settings force all packets through the TCP relay, and it cannot be reached.", "Check tcpFallbackRelay in local.conf, or remove forceTcpRelay.", details...)
	case s.Active:
		return found(area, "active", ipc.Unsure, "Packets take the TCP relay, because UDP does not get through. That is slow.", firewallAdvice(f.Port), details...)
	case s.Problem != "" && !f.Offline.IsZero():
		return found(area, "down", ipc.Broken, "UDP does not get through, and the TCP relay cannot be reached either.", "Check the Internet connection.", details...)
	}
	return found(area, "ready", ipc.Fine, "The TCP relay is not in use: it takes over when UDP does not get through.", "", details...)
}
