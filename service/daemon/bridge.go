package daemon

import (
	"context"
	"fmt"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/vl2"
	"orrery/service/api"
	"orrery/service/ipc"
	"orrery/service/netcfg"
)

var _ api.Bridger = (*Daemon)(nil)

// BridgedHosts implements api.Bridger.
func (d *Daemon) BridgedHosts(_ context.Context, nwid identity.NetworkID) ([]ipc.BridgedHost, error) {
	var hosts []vl2.BridgedHost
	var self identity.Address
	joined := false
	d.host.View(func(c *node.Core, at clock.Instant) {
		_, joined = c.Network(nwid)
		hosts, self = c.BridgedHosts(at, nwid), c.Self().Address
	})
	if !joined {
		return nil, notJoined(nwid)
	}
	list := make([]ipc.BridgedHost, 0, len(hosts))
	for _, h := range hosts {
		list = append(list, ipc.BridgedHost{MAC: h.MAC.String(), Via: h.Via.String(), Local: h.Via == self, Seen: d.host.Time(h.Seen)})
	}
	return list, nil
}

// bridgingView is what there is of bridges on a network, nil if nothing.
func bridgingView(s *node.NetworkState, port netcfg.Bridge) *ipc.Bridging {
	b := &s.Bridging
	if !b.Allowed && len(b.Bridges) == 0 && port.Name == "" {
		return nil
	}
	v := &ipc.Bridging{
		Allowed: b.Allowed, Active: b.Allowed && s.Ethernet, Port: port.Name, PortMTU: port.MTU,
		Remote: b.Remote, Local: b.Local, Limit: b.Limit, Refused: b.Refused, Looped: b.Looped,
	}
	for _, a := range b.Bridges {
		v.Bridges = append(v.Bridges, a.String())
	}
	return v
}

// loopTold is how long after the last frame that came back a loop is told of.
const loopTold = 60 * clock.Second

// bridgeAlerts tells what keeps this computer from bridging, or disturbs it.
func bridgeAlerts(s *node.NetworkState, self identity.Address, port netcfg.Bridge, now clock.Mono) []ipc.Alert {
	var alerts []ipc.Alert
	id, name := s.ID.String(), networkName(s)
	b := &s.Bridging
	tap := s.Ethernet
	switch {
	case b.Allowed && !b.Replicator && !tap:
		a := ipc.Alert{
			ID: "network.bridge." + id, Severity: severityWarning, Title: "This computer cannot be the bridge that " + name + " wants",
			Text: "The network's controller has made this computer an active bridge, but its device for the network carries IP packets only. " +
				"It works as an ordinary member; computers on the LAN behind it cannot be reached.",
			Advice: fmt.Sprintf("To bridge: orreryctl set %s port=tap, and make the device a port of a bridge. Otherwise ask whoever runs the network to take the role away.", id),
		}
		if !hasTAP {
			a.Advice = "This system has no Ethernet devices, so use a Linux computer as the bridge, and ask whoever runs the network to take the role from this one."
		}
		alerts = append(alerts, a)
	case tap && port.Name != "" && !b.Allowed && s.Config != nil:
		alerts = append(alerts, ipc.Alert{
			ID: "network.bridge." + id, Severity: severityWarning, Title: "The network " + name + " does not let this computer bridge",
			Text: fmt.Sprintf("Its device is a port of %s, but the network's controller has not made this computer an active bridge. "+
				"Frames between the network and computers behind %s are dropped, this computer's own included if %s has a MAC of its own.", port.Name, port.Name, port.Name),
			Advice: fmt.Sprintf("Ask whoever runs the network to allow bridging for %s (on an Orrery controller: orreryctl network bridge %s %s), or take the device out of %s.", self, id, self, port.Name),
		})
	}
	if b.LoopAt != clock.Never && now-b.LoopAt < loopTold {
		alerts = append(alerts, ipc.Alert{
			ID: "network.loop." + id, Severity: severityWarning, Title: "Frames of " + name + " go round in a loop",
			Text: fmt.Sprintf("Frames of %v came back by another way. Two bridges of the network are on the same LAN, or the LAN is in a loop itself. "+
				"Orrery drops what comes back, so the network works, but frames arrive twice.", b.LoopMAC),
			Advice: "Connect each LAN to the network by one bridge only, or let a spanning tree switch one of the ways off.",
		})
	}
	if tap && b.Allowed && port.Name != "" && port.MTU < s.MTU {
		alerts = append(alerts, ipc.Alert{
			ID: "network.bridgemtu." + id, Severity: severityInfo, Title: fmt.Sprintf("%s takes shorter packets than %s", port.Name, name),
			Text: fmt.Sprintf("Packets of up to %d bytes come from the network, and %s takes %d. Longer ones are lost on their way to computers behind it: "+
				"a bridge cannot tell the sender, as a router would.", s.MTU, port.Name, port.MTU),
			Advice: fmt.Sprintf("Ask whoever runs the network to set its MTU to %d.", port.MTU),
		})
	}
	return alerts
}

// networkName is how people know a network.
func networkName(s *node.NetworkState) string {
	if s.Config != nil && s.Config.Name != "" {
		return s.Config.Name + " (" + s.ID.String() + ")"
	}
	return s.ID.String()
}

// tellBridges makes the alerts about bridges those that hold now.
func (d *Daemon) tellBridges(nets []node.NetworkState, self identity.Address, now clock.Mono) {
	hold := make(map[string]bool)
	for i := range nets {
		device, _ := d.host.Device(nets[i].ID)
		for _, a := range bridgeAlerts(&nets[i], self, d.system.bridge(device), now) {
			d.alerts.set(a)
			hold[a.ID] = true
		}
	}
	for _, a := range d.alerts.list() {
		if isBridgeAlert(a.ID) && !hold[a.ID] {
			d.alerts.clear(a.ID)
		}
	}
}

func isBridgeAlert(id string) bool {
	for _, prefix := range []string{"network.bridge.", "network.loop.", "network.bridgemtu."} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}
