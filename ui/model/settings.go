package model

import (
	"orrery/service/ipc"
	"orrery/ui/text"
)

// SettingKey names one of the user's own settings of a network.
type SettingKey string

// The settings (spec 04 §14.5).
const (
	AllowManaged SettingKey = "managed"
	AllowGlobal  SettingKey = "global"
	AllowDefault SettingKey = "default"
	AllowDNS     SettingKey = "dns"
	DNSDefault   SettingKey = "dnsdefault"
	VerifiedOnly SettingKey = "verified"
	LANDiscovery SettingKey = "lan"
	Ethernet     SettingKey = "ethernet"
	RemoteTrace  SettingKey = "trace"
)

// The kinds of virtual device.
const (
	portTUN = "tun"
	portTAP = "tap"
)

// Setting is a switch of a network.
type Setting struct {
	Key         SettingKey
	Label, Hint string
	On          bool
	Enabled     bool
}

// settings returns a network's switches. Those after the first say what to take of
// what the network manages, so they need it. Ethernet devices are for Linux, where
// programs find others over them only; on macOS they find nobody.
func (s *State) settings(n ipc.NetworkSettings, enabled bool) []Setting {
	enabled = enabled && s.May(ipc.Operator)
	managed := n.AllowManaged == nil || *n.AllowManaged
	row := func(k SettingKey, on, enabled bool) Setting {
		return Setting{Key: k, Label: text.Get("setting." + string(k)), Hint: text.Get("setting." + string(k) + ".hint"), On: on, Enabled: enabled}
	}
	isOn := func(b *bool) bool { return b != nil && *b }
	list := []Setting{
		row(AllowManaged, managed, enabled),
		row(AllowGlobal, isOn(n.AllowGlobal), enabled && managed),
		row(AllowDefault, isOn(n.AllowDefault), enabled && managed),
		row(AllowDNS, isOn(n.AllowDNS), enabled),
		row(DNSDefault, isOn(n.DNSDefault), enabled && isOn(n.AllowDNS)),
		row(VerifiedOnly, isOn(n.VerifiedOnly), enabled),
	}
	if s.opt.OS != "darwin" {
		list = append(list, row(LANDiscovery, isOn(n.LANDiscovery), enabled))
	}
	if s.opt.OS == "linux" {
		list = append(list, row(Ethernet, n.Port == portTAP, enabled && !isOn(n.LANDiscovery)))
	}
	return append(list, row(RemoteTrace, isOn(n.RemoteTrace), enabled))
}

// Change returns the settings to send for one switch: all others stay as they
// are, but for the kind of device that it needs.
func (s *State) Change(k SettingKey, on bool) ipc.NetworkSettings {
	set := change(k, on)
	if k == LANDiscovery && on && s.opt.OS == "linux" {
		set.Port = portTAP
	}
	return set
}

func change(k SettingKey, on bool) ipc.NetworkSettings {
	switch k {
	case AllowManaged:
		return ipc.NetworkSettings{AllowManaged: &on}
	case AllowGlobal:
		return ipc.NetworkSettings{AllowGlobal: &on}
	case AllowDefault:
		return ipc.NetworkSettings{AllowDefault: &on}
	case AllowDNS:
		return ipc.NetworkSettings{AllowDNS: &on}
	case DNSDefault:
		return ipc.NetworkSettings{DNSDefault: &on}
	case VerifiedOnly:
		return ipc.NetworkSettings{VerifiedOnly: &on}
	case LANDiscovery:
		return ipc.NetworkSettings{LANDiscovery: &on}
	case RemoteTrace:
		return ipc.NetworkSettings{RemoteTrace: &on}
	case Ethernet:
		if on {
			return ipc.NetworkSettings{Port: portTAP}
		}
		return ipc.NetworkSettings{Port: portTUN}
	}
	return ipc.NetworkSettings{}
}
