package netcfg

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"

	"orrery/service/netcfg/verdict"
)

func (windowsSystem) machine(own []string, keep func(netip.Prefix) bool) (verdict.Machine, error) {
	var m verdict.Machine
	faces, names, err := interfaces(own, adapterClass)
	if err != nil {
		return m, err
	}
	m.Interfaces = faces
	routes, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil {
		return m, fmt.Errorf("list routes: %w", err)
	}
	for i := range routes {
		r := &routes[i]
		p := withoutZone(r.DestinationPrefix.Prefix())
		if name := names[int(r.InterfaceIndex)]; name != "" && p.IsValid() && keep(p.Masked()) && !r.Loopback {
			m.Routes = append(m.Routes, verdict.Route{Target: p.Masked(), Interface: name})
		}
	}
	return m, nil
}

// adapterClass goes by the kind of adapter first: names are the user's, in any
// language.
func adapterClass(f *net.Interface) verdict.Class {
	if luid, err := winipcfg.LUIDFromIndex(uint32(f.Index)); err == nil {
		if row, err := luid.Interface(); err == nil {
			switch row.Type {
			case winipcfg.IfTypePPP:
				return verdict.Dial
			case winipcfg.IfTypeTunnel, winipcfg.IfTypePropVirtual:
				return verdict.VPN
			}
			if c := verdict.ClassOf(row.Description()); c != verdict.Local {
				return c
			}
		}
	}
	return verdict.ClassOf(f.Name)
}
