package device

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// open makes a Wintun adapter. It needs wintun.dll beside the program.
func open(cfg Config) (Device, error) {
	if cfg.Kind != L3 {
		return nil, fmt.Errorf("%w: tap", ErrUnsupported)
	}
	name := WindowsName(cfg.Network)
	if cfg.Name != "" {
		name = cfg.Name
	}
	// The same GUID for the same network keeps the firewall profile and the
	// connection's settings.
	id := adapterGUID(cfg.Network)
	guid := (*windows.GUID)(unsafe.Pointer(&id))
	tun.WintunTunnelType = "Orrery" // guarded by opening
	dev, err := tun.CreateTUNWithRequestedGUID(name, guid, cfg.MTU)
	if err != nil {
		return nil, fmt.Errorf("create adapter %q: %w", name, err)
	}
	d, err := newTunnel(dev, cfg.Log)
	if err != nil {
		return nil, err
	}
	if err := d.SetMTU(cfg.MTU); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// SetMTU implements [Device]. Windows has an MTU per address family.
func (d *tunnel) SetMTU(mtu int) error {
	if err := checkMTU(mtu); err != nil {
		return err
	}
	native := d.dev.(*tun.NativeTun)
	luid := winipcfg.LUID(native.LUID())
	for _, family := range []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6} {
		row, err := luid.IPInterface(family)
		if errors.Is(err, windows.ERROR_NOT_FOUND) {
			continue // the family is switched off on this machine
		}
		if err == nil {
			row.NLMTU = uint32(mtu)
			if family == windows.AF_INET {
				row.SitePrefixLength = 0 // or Set refuses what it returned itself
			}
			err = row.Set()
		}
		if err != nil {
			return fmt.Errorf("set MTU of %q: %w", d.name, err)
		}
	}
	native.ForceMTU(mtu)
	return nil
}

// fatalRead reports whether err is the end: all of Wintun's errors are.
func fatalRead(error) bool { return true }
