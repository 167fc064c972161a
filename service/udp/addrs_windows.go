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
			addr:   ip,
			unfit:  temporary || !usable,
			up:     ifc.Flags&net.FlagUp != 0,
		})
	}
	return out, nil
}
