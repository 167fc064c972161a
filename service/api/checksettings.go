package api

import (
	"net/netip"

	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// checkSettings refuses settings that no network could have, and says what it
// could have.
func checkSettings(s *ipc.NetworkSettings) error {
	if s.Port != "" && s.Port != netconf.PortTUN && s.Port != netconf.PortTAP {
		return ipc.Errorf(ipc.CodeBadRequest, "port is %q: it can be \"tun\" or \"tap\"", clip(s.Port))
	}
	for _, l := range []struct {
		name string
		list []string
	}{{"allowManagedPrefixes", s.ManagedOnly}, {"acceptRoutes", s.AcceptRoutes}, {"ignoreRoutes", s.IgnoreRoutes}} {
		if err := checkPrefixes(l.name, l.list); err != nil {
			return err
		}
	}
	if s.MTU != nil && !netconf.ValidMTU(*s.MTU) {
		return ipc.Errorf(ipc.CodeBadRequest, "mtu is %d: it can be %d to %d, or 0 for the network's own", *s.MTU, netconf.MinMTU, netconf.MaxMTU)
	}
	if s.Token != nil && !netconf.ValidToken(*s.Token) {
		return ipc.Errorf(ipc.CodeBadRequest, "the token has %d bytes, or characters that do not show: it can have up to %d printable ones", len(*s.Token), netconf.MaxToken)
	}
	return nil
}

func checkPrefixes(name string, list []string) error {
	if len(list) > netconf.MaxPrefixes {
		return ipc.Errorf(ipc.CodeBadRequest, "%s has %d entries: it can have up to %d", name, len(list), netconf.MaxPrefixes)
	}
	for _, p := range list {
		if _, err := netip.ParsePrefix(p); err != nil {
			return ipc.Errorf(ipc.CodeBadRequest, "%s: %q is not a network such as 10.1.2.0/24", name, clip(p))
		}
	}
	return nil
}
