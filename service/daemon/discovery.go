package daemon

import (
	"runtime"

	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// discoverable says why a network cannot be used for discovery as s wants it,
// nil if it can. portWanted says that the kind of port is new.
func discoverable(s *netconf.Settings, portWanted bool) error {
	switch {
	case !s.LANDiscovery:
		return nil
	case runtime.GOOS == "darwin":
		return ipc.Errorf(ipc.CodeUnsupported, "this system lets no program look for others on a virtual network: its discovery skips such interfaces, and broadcasts leave by the first network service").
			Advise("Connect to the others by their addresses, or switch lanDiscovery on at a Linux or Windows computer. Nothing was changed")
	case hasTAP && s.Port == netconf.PortTUN && portWanted:
		return ipc.Errorf(ipc.CodeConflict, "port=tun is not for a network with lanDiscovery: programs that look for others skip devices that carry IP only").
			Advise("Set lanDiscovery=0 first, or keep port=tap. Nothing was changed")
	case hasTAP && s.Port == netconf.PortTUN:
		return ipc.Errorf(ipc.CodeConflict, "lanDiscovery needs a device that carries Ethernet, and port=tun was set: programs that look for others skip devices that carry IP only").
			Advise("Set port=tap together with lanDiscovery=1. Nothing was changed")
	}
	return nil
}
