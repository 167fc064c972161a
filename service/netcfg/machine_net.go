//go:build !linux

package netcfg

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"orrery/service/netcfg/verdict"
)

// interfaces reads the interfaces that are up with their addresses, but for the
// loopback, and tells their names by index. class judges those that are not ours.
func interfaces(own []string, class func(*net.Interface) verdict.Class) ([]verdict.Interface, map[int]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, nil, fmt.Errorf("list interfaces: %w", err)
	}
	var out []verdict.Interface
	names := make(map[int]string)
	for i := range all {
		f := &all[i]
		if f.Flags&net.FlagUp == 0 || f.Flags&net.FlagLoopback != 0 {
			continue
		}
		v := verdict.Interface{Name: f.Name, Class: verdict.Own}
		if !slices.Contains(own, f.Name) {
			v.Class = class(f)
			names[f.Index] = f.Name
		}
		addrs, err := f.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				ip, ok := netip.AddrFromSlice(n.IP)
				ones, _ := n.Mask.Size()
				ip = ip.Unmap()
				if p := netip.PrefixFrom(ip, ones); ok && p.IsValid() {
					v.Addresses = append(v.Addresses, withoutZone(p))
				}
			}
		}
		out = append(out, v)
	}
	return out, names, nil
}
