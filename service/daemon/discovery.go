package daemon

import (
	"net"
	"runtime"

	"orrery/engine/netconf"
	"orrery/engine/vl2"
	"orrery/service/diag"
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

// multicasts is what the checks look at of a network's multicast.
func (d *Daemon) multicasts(device string, limit uint32, c *vl2.MulticastCount) diag.Multicast {
	m := diag.Multicast{
		Known: true, Limit: limit, Ethernet: hasTAP, Sent: c.Sent, Received: c.Received, Unheard: c.Unheard, Short: c.Short,
		LastSent: d.host.Time(c.LastSent), LastReceived: d.host.Time(c.LastReceived),
	}
	if i, err := net.InterfaceByName(device); err == nil {
		m.DeviceKnown = true
		m.DeviceMulticast, m.DeviceLine = i.Flags&net.FlagMulticast != 0, i.Flags&net.FlagPointToPoint != 0
	}
	return m
}
