package netcfg

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// Bridge is a bridge of the system, and what it can carry.
type Bridge struct {
	Name string
	// MTU is the largest packet that all its ports take.
	MTU int
}

// BridgeOf is the bridge that an interface is a port of, the zero value if it is
// of none.
func BridgeOf(ifname string) (Bridge, error) {
	link, err := netlink.LinkByName(ifname)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return Bridge{}, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	if err != nil {
		return Bridge{}, fmt.Errorf("look for interface %s: %w", ifname, err)
	}
	index := link.Attrs().MasterIndex
	if index == 0 {
		return Bridge{}, nil
	}
	master, err := netlink.LinkByIndex(index)
	if err != nil {
		return Bridge{}, fmt.Errorf("look for the bridge of %s: %w", ifname, err)
	}
	if master.Type() != "bridge" { // of other masters, such as a VRF, ports keep their addresses
		return Bridge{}, nil
	}
	return Bridge{Name: master.Attrs().Name, MTU: master.Attrs().MTU}, nil
}
