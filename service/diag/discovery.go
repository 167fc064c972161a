package diag

import (
	"fmt"
	"strings"
	"time"

	"orrery/service/ipc"
)

// Multicast is what there is to know of a network's multicast and broadcasts.
type Multicast struct {
	// Known is whether the rest is: the network has a configuration.
	Known bool
	// Limit is how many members a frame reaches.
	Limit uint32
	// Sent, Received, Unheard and Short are counts of frames, see
	// [orrery/engine/vl2.MulticastCount]; LastSent and LastReceived are zero for
	// never.
	Sent, Received, Unheard, Short uint64
	LastSent, LastReceived         time.Time
	// DeviceKnown is whether DeviceMulticast and DeviceLine are: whether programs
	// may use multicast on the device, and whether it counts as a line to a single
	// other, which many that look for others skip.
	DeviceKnown, DeviceMulticast, DeviceLine bool
	// Ethernet is whether the system has devices that are no such lines.
	Ethernet bool
}

// lately is how long ago something counts as working.
const lately = 10 * time.Minute

// discovery says for each network whether programs can find others on it.
func discovery(f *Facts) (all []ipc.Finding) {
	const area = "discovery"
	for i := range f.Networks {
		n := &f.Networks[i]
		m := &n.Multicasts
		if n.Status != ipc.OK || !m.Known {
			continue
		}
		code, level, text, advice := n.discovery()
		details := []string{fmt.Sprintf("%d groups joined, limit %d, broadcasts %s", len(n.Network.Multicast), m.Limit, onOrOff(n.Broadcast))}
		if m.Sent > 0 || m.Received > 0 {
			details = append(details, fmt.Sprintf("%d frames sent, %d of them to nobody; %d received", m.Sent, m.Unheard, m.Received))
		}
		all = append(all, found(area, code, level, fmt.Sprintf("Network %s: %s", n.ID, text+m.latest(f.Now)), advice, details...)...)
	}
	return all
}

// discovery judges one network: the first thing that is in the way, if any.
func (n *Network) discovery() (code string, level ipc.Level, text, advice string) {
	m := &n.Multicasts
	lan := n.Settings.LANDiscovery != nil && *n.Settings.LANDiscovery
	// Without the setting nobody may want discovery, and it is no fault.
	level = ipc.Fine
	if lan {
		level = ipc.Unsure
	}
	v4 := false
	for _, a := range n.Addresses {
		v4 = v4 || strings.Contains(a, ".")
	}
	switch {
	case m.Limit == 0:
		return "off", level, "it carries no multicast (its limit is 0), so programs find nobody by themselves; connecting by address works.",
			"Ask whoever runs the network to raise its multicast limit."
	case m.DeviceKnown && !m.DeviceMulticast:
		return "device", ipc.Unsure, fmt.Sprintf("programs find nobody by themselves, because multicast is switched off on %s.", n.Device),
			fmt.Sprintf("Switch it on again (ip link set %s multicast on), or leave the network and join it again.", n.Device)
	case v4 && !n.joined("01005e000001"):
		return "groups", ipc.Unsure, fmt.Sprintf("the system has joined no groups on %s, so what others announce is not heard.", n.Device),
			"Leave the network and join it again. If it stays so, send the output of \"orreryctl dump\" with a report."
	case lan && m.DeviceKnown && m.DeviceLine && !m.Ethernet:
		return "line", ipc.Unsure, fmt.Sprintf("LAN discovery is on, but this system lets no program look for others on a device such as %s.", n.Device),
			fmt.Sprintf("Connect to the others by their addresses, and switch it off: orreryctl set %s lanDiscovery=0", n.ID)
	case lan && m.DeviceKnown && m.DeviceLine:
		return "line", ipc.Unsure, fmt.Sprintf("LAN discovery is on, but many programs skip %s, since it carries IP packets only.", n.Device),
			fmt.Sprintf("Give it an Ethernet device: orreryctl set %s port=tap", n.ID)
	case lan && !n.Broadcast:
		return "broadcasts", ipc.Unsure, "LAN discovery is on, but the network carries no broadcasts, which many games use.",
			"Ask whoever runs the network to allow broadcasts."
	case m.Short > 0:
		return "limit", ipc.Unsure, fmt.Sprintf("its multicast limit of %d is lower than the number of members who listen, so each announcement misses some.", m.Limit),
			"Ask whoever runs the network to raise the limit to the number of members."
	case lan:
		return "lan", ipc.Fine, "programs can find others on it, and use it before this computer's other networks.", ""
	case m.DeviceKnown && m.DeviceLine && m.Ethernet:
		return "ready", ipc.Fine, "programs that can be told the device find others on it.",
			fmt.Sprintf("Games and programs that cannot do: orreryctl set %s lanDiscovery=1", n.ID)
	}
	return "ready", ipc.Fine, "programs can find others on it.", ""
}

// joined reports whether a group is among those subscribed, by its MAC.
func (n *Network) joined(mac string) bool {
	for _, g := range n.Network.Multicast {
		if strings.HasPrefix(strings.ReplaceAll(g, ":", ""), mac) {
			return true
		}
	}
	return false
}

// latest says when frames last went and came.
func (m *Multicast) latest(now time.Time) string {
	switch sent, got := now.Sub(m.LastSent) < lately, now.Sub(m.LastReceived) < lately; {
	case sent && got:
		return " Announcements went out and came in within the last minutes."
	case sent:
		return " Announcements went out within the last minutes, and none came in."
	case got:
		return " Announcements came in within the last minutes, and none went out."
	}
	return ""
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
