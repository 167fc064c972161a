package udp

import (
	"fmt"
	"net"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// ignoredPrefixes are names of interfaces that must not carry VL1: those of a
// reference service on the same machine. Our own come through exclude.
var ignoredPrefixes = []string{"ZeroTier One ["}

// systemAddrs lists the machine's addresses.
func systemAddrs() ([]localAddr, error) {
	rows, err := winipcfg.GetUnicastIPAddressTable(windows.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	byIndex := make(map[uint32]*net.Interface, len(ifs))
	for i := range ifs {
		byIndex[uint32(ifs[i].Index)] = &ifs[i]
	}
	out := make([]localAddr, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		ip, ifc := row.Address.Addr(), byIndex[row.InterfaceIndex]
		if ifc == nil || !ip.IsValid() {
			continue
		}
		temporary := ip.Is6() && row.SuffixOrigin == winipcfg.SuffixOriginRandom
		usable := row.DadState == winipcfg.DadStatePreferred || row.DadState == winipcfg.DadStateDeprecated
		out = append(out, localAddr{
			ifname: ifc.Name,
			index:  ifc.Index,
			addr:   ip,
			unfit:  temporary || !usable,
			up:     ifc.Flags&net.FlagUp != 0 && ifc.Flags&net.FlagRunning != 0,
		})
	}
	return out, nil
}

// systemRoutes reads where interfaces lead to.
func systemRoutes() (routes, error) {
	rows, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	all := make(routes)
	for i := range rows {
		if dst := rows[i].DestinationPrefix.Prefix(); dst.IsValid() && !rows[i].Loopback {
			all.add(int(rows[i].InterfaceIndex), dst.Masked())
		}
	}
	return all, nil
}
