package netcfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// windowsSystem works by the IP helper library. Addresses and routes that it
// makes last until the system or the adapter ends.
type windowsSystem struct{}

func newSystem() (system, error) { return windowsSystem{}, nil }

func (windowsSystem) platform() platform { return platform{implied: true, gateways: true, ranks: true} }

func (windowsSystem) close() {}

// boot is unknown: nothing distinguishes boots reliably. The interface's index
// and the exact item must do.
func (windowsSystem) boot() string { return "" }

var families = []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6}

func adapter(ifname string) (winipcfg.LUID, int, error) {
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	luid, err := winipcfg.LUIDFromIndex(uint32(i.Index))
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	return luid, i.Index, nil
}

func (windowsSystem) observe(ifname string) (*observed, error) {
	luid, index, err := adapter(ifname)
	if err != nil {
		return nil, err
	}
	o := newObserved(index)
	o.settings[KindUp] = 1 // Wintun adapters are up while they are open
	o.settings[KindMetric] = 0
	for _, family := range families {
		row, err := luid.IPInterface(family)
		if err != nil {
			continue // the family is switched off
		}
		if family == windows.AF_INET && !row.UseAutomaticMetric {
			o.settings[KindMetric] = int(row.Metric)
		}
		// Both families are set together: report the one that differs more.
		if mtu := int(row.NLMTU); o.settings[KindMTU] == 0 || mtu < o.settings[KindMTU] {
			o.settings[KindMTU] = mtu
		}
	}
	addrs, err := winipcfg.GetUnicastIPAddressTable(windows.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", ifname, err)
	}
	for i := range addrs {
		a := &addrs[i]
		if a.InterfaceLUID == luid {
			p := withoutZone(netip.PrefixFrom(a.Address.Addr(), int(a.OnLinkPrefixLength)))
			o.note(Item{Kind: KindAddress, Interface: ifname, Prefix: p})
		}
	}
	routes, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list routes of %q: %w", ifname, err)
	}
	for i := range routes {
		r := &routes[i]
		if r.InterfaceLUID != luid {
			continue
		}
		it := Item{Kind: KindRoute, Interface: ifname, Prefix: withoutZone(r.DestinationPrefix.Prefix()), Metric: int(r.Metric)}
		if via := r.NextHop.Addr(); via.IsValid() && !via.IsUnspecified() {
			it.Via = via.WithZone("")
		}
		o.note(it)
	}
	return o, nil
}

func (windowsSystem) do(it Item) error {
	luid, _, err := adapter(it.Interface)
	if err != nil {
		return err
	}
	switch it.Kind {
	case KindMTU:
		return setMTU(luid, it.Value)
	case KindUp:
		return nil
	case KindMetric:
		return setMetric(luid, it.Value)
	case KindAddress:
		err = luid.AddIPAddress(it.Prefix)
	case KindRoute:
		err = luid.AddRoute(it.Prefix, nextHop(it), uint32(it.Metric))
	default:
		return errors.ErrUnsupported
	}
	if errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS) {
		return errExists
	}
	return err
}

func (windowsSystem) undo(it Item) error {
	luid, _, err := adapter(it.Interface)
	if err != nil {
		return nil // it went with the adapter
	}
	switch it.Kind {
	case KindMTU:
		return setMTU(luid, it.Before)
	case KindUp:
		return nil
	case KindMetric:
		return setMetric(luid, it.Before)
	case KindAddress:
		err = luid.DeleteIPAddress(it.Prefix)
	case KindRoute:
		err = luid.DeleteRoute(it.Prefix, nextHop(it))
	default:
		return errors.ErrUnsupported
	}
	if errors.Is(err, windows.ERROR_NOT_FOUND) {
		return nil
	}
	return err
}

// nextHop is the gateway as Windows wants it, unspecified for on-link.
func nextHop(it Item) netip.Addr {
	switch {
	case it.Via.IsValid():
		return it.Via
	case it.Prefix.Addr().Is4():
		return netip.IPv4Unspecified()
	default:
		return netip.IPv6Unspecified()
	}
}

// setMTU sets the MTU of both families, and what a virtual network needs of
// its interface besides: no duplicate detection, since the controller assigns
// addresses, and no routers that announce themselves.
func setMTU(luid winipcfg.LUID, mtu int) error {
	for _, family := range families {
		row, err := luid.IPInterface(family)
		if errors.Is(err, windows.ERROR_NOT_FOUND) {
			continue
		}
		if err != nil {
			return err
		}
		row.NLMTU = uint32(mtu)
		row.DadTransmits = 0
		row.RouterDiscoveryBehavior = winipcfg.RouterDiscoveryDisabled
		if family == windows.AF_INET {
			row.SitePrefixLength = 0 // or Set refuses what it returned itself
		}
		if err := row.Set(); err != nil {
			return err
		}
	}
	return nil
}

// setMetric sets the interface's metric in both families, or with 0 leaves it to
// the system.
func setMetric(luid winipcfg.LUID, metric int) error {
	for _, family := range families {
		row, err := luid.IPInterface(family)
		if errors.Is(err, windows.ERROR_NOT_FOUND) {
			continue
		}
		if err != nil {
			return err
		}
		row.UseAutomaticMetric = metric == 0
		row.Metric = uint32(metric)
		if family == windows.AF_INET {
			row.SitePrefixLength = 0 // or Set refuses what it returned itself
		}
		if err := row.Set(); err != nil {
			return err
		}
	}
	return nil
}
