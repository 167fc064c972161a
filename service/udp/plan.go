package udp

import (
	"net/netip"
	"slices"
)

// Ports are the ports to use by role, 0 for none.
type Ports struct {
	Primary, Secondary, Tertiary int
}

// each calls f with the ports that there are.
func (p Ports) each(f func(port uint16, role Role)) {
	if p.Primary != 0 {
		f(uint16(p.Primary), Primary)
	}
	if p.Secondary != 0 {
		f(uint16(p.Secondary), Secondary)
	}
}

// Bindings are the sockets that the survey asks for: of every place one for
// each port, the tertiary one last. Without a place all addresses are bound at
// once, so that a machine that this package does not understand is reached
// nevertheless, and the ports stay ours.
func (s *Survey) Bindings(ports Ports) []Binding {
	if len(s.Places) == 0 {
		return Exact([]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, ports)
	}
	var all, mapped []Binding
	for _, p := range s.Places {
		b := Binding{Device: p.Device, Index: p.Index, Reach: p.Reach}
		ports.each(func(port uint16, role Role) {
			b.Local, b.Role = netip.AddrPortFrom(p.Addr, port), role
			all = append(all, b)
		})
		if ports.Tertiary != 0 {
			b.Local, b.Role = netip.AddrPortFrom(p.Addr, uint16(ports.Tertiary)), Tertiary
			mapped = append(mapped, b)
		}
	}
	return slices.Concat(all, mapped)
}

// Exact are the sockets for given addresses, bound to no device.
func Exact(addrs []netip.Addr, ports Ports) []Binding {
	var all, mapped []Binding
	for _, ip := range addrs {
		ip = ip.Unmap().WithZone("")
		ports.each(func(port uint16, role Role) {
			all = append(all, Binding{Local: netip.AddrPortFrom(ip, port), Role: role})
		})
		if ports.Tertiary != 0 {
			mapped = append(mapped, Binding{Local: netip.AddrPortFrom(ip, uint16(ports.Tertiary)), Role: Tertiary})
		}
	}
	return slices.Concat(all, mapped)
}
