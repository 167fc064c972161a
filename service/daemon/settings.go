package daemon

import (
	"net/netip"
	"runtime"

	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// settingsView turns the settings of a network into the contract's. What is not
// set is left out, but for what every network has.
func settingsView(s netconf.Settings) ipc.NetworkSettings {
	v := ipc.NetworkSettings{
		AllowManaged: &s.AllowManaged, AllowGlobal: &s.AllowGlobal, AllowDefault: &s.AllowDefault, AllowDNS: &s.AllowDNS, DNSDefault: &s.DNSDefault, Port: s.Port,
		ManagedOnly: prefixTexts(s.ManagedOnly), VerifiedOnly: &s.VerifiedOnly, LANDiscovery: &s.LANDiscovery, RemoteTrace: &s.RemoteTrace,
		AcceptRoutes: prefixTexts(s.AcceptRoutes), IgnoreRoutes: prefixTexts(s.IgnoreRoutes),
	}
	if v.Port = netconf.PortTUN; s.Ethernet(hasTAP) {
		v.Port = netconf.PortTAP
	}
	if s.MTU != 0 {
		v.MTU = &s.MTU
	}
	if s.Token != "" {
		v.Token = &s.Token
	}
	return v
}

func prefixTexts(list []netip.Prefix) (out []string) {
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

// settings applies what a client wants to the settings of a network, or changes
// nothing and says what is wrong.
func settings(s netconf.Settings, want ipc.NetworkSettings) (netconf.Settings, error) {
	set(&s.AllowManaged, want.AllowManaged)
	set(&s.AllowGlobal, want.AllowGlobal)
	set(&s.AllowDefault, want.AllowDefault)
	set(&s.AllowDNS, want.AllowDNS)
	set(&s.DNSDefault, want.DNSDefault)
	set(&s.VerifiedOnly, want.VerifiedOnly)
	set(&s.LANDiscovery, want.LANDiscovery)
	set(&s.RemoteTrace, want.RemoteTrace)
	set(&s.MTU, want.MTU)
	set(&s.Token, want.Token)
	if want.AllowManaged != nil && want.ManagedOnly == nil {
		s.ManagedOnly = nil
	}
	for _, l := range []struct {
		name string
		to   *[]netip.Prefix
		want []string
	}{{"allowManagedPrefixes", &s.ManagedOnly, want.ManagedOnly}, {"acceptRoutes", &s.AcceptRoutes, want.AcceptRoutes}, {"ignoreRoutes", &s.IgnoreRoutes, want.IgnoreRoutes}} {
		if l.want == nil {
			continue
		}
		list, err := prefixes(l.name, l.want)
		if err != nil {
			return s, err
		}
		*l.to = list
	}
	if !netconf.ValidMTU(s.MTU) {
		return s, ipc.Errorf(ipc.CodeBadRequest, "mtu is %d: it can be %d to %d, or 0 for the network's own", s.MTU, netconf.MinMTU, netconf.MaxMTU)
	}
	if !netconf.ValidToken(s.Token) {
		return s, ipc.Errorf(ipc.CodeBadRequest, "the token is longer than %d bytes or has characters that do not show", netconf.MaxToken)
	}
	switch want.Port {
	case "":
	case netconf.PortTUN:
		s.Port = want.Port
	case netconf.PortTAP:
		if !hasTAP {
			return s, ipc.Errorf(ipc.CodeUnsupported, "this system has no virtual Ethernet devices: port=tap is for Linux only").
				Advise("Keep port=tun, or bridge on a Linux computer. Nothing was changed")
		}
		s.Port = want.Port
	default:
		return s, ipc.Errorf(ipc.CodeBadRequest, `%q is not a kind of port: want "tun" or "tap"`, want.Port)
	}
	return s, discoverable(&s, want.Port != "")
}

// hasTAP is whether the system has devices that carry Ethernet frames.
const hasTAP = runtime.GOOS == "linux"

// set applies a wish, if there is one.
func set[T any](dst, want *T) {
	if want != nil {
		*dst = *want
	}
}

// prefixes reads a list of at most [netconf.MaxPrefixes].
func prefixes(name string, texts []string) ([]netip.Prefix, error) {
	if len(texts) > netconf.MaxPrefixes {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "%s has %d entries: it can have up to %d", name, len(texts), netconf.MaxPrefixes)
	}
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "%s: %q is not a prefix such as 10.0.0.0/8", name, text)
		}
		list = append(list, p)
	}
	return list, nil
}
