package daemon

import (
	"testing"

	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// lanDiscovery takes an Ethernet device unless the user wants another, which is
// refused.
func TestDiscoverySettings(t *testing.T) {
	yes, no := true, false
	base := netconf.DefaultSettings()
	s, err := settings(base, ipc.NetworkSettings{LANDiscovery: &yes})
	if err != nil || !s.Ethernet(true) || s.Ethernet(false) || s.Port != "" || settingsView(s).Port != netconf.PortTAP {
		t.Errorf("switched on: %+v, %v", s, err)
	}
	if _, err := settings(s, ipc.NetworkSettings{Port: netconf.PortTUN}); err == nil {
		t.Error("an IP device is taken for discovery")
	} else {
		wantError(t, "IP device", err, ipc.CodeConflict)
	}
	if s, err = settings(s, ipc.NetworkSettings{LANDiscovery: &no}); err != nil || s.Ethernet(true) || settingsView(s).Port != netconf.PortTUN {
		t.Errorf("switched off: %+v, %v", s, err)
	}
	s, err = settings(s, ipc.NetworkSettings{Port: netconf.PortTUN})
	if err != nil {
		t.Fatal(err)
	}
	_, err = settings(s, ipc.NetworkSettings{LANDiscovery: &yes})
	wantError(t, "after an IP device was asked for", err, ipc.CodeConflict)
	_, err = settings(s, ipc.NetworkSettings{LANDiscovery: &yes, Port: netconf.PortTUN})
	wantError(t, "together with an IP device", err, ipc.CodeConflict)
	if s, err = settings(s, ipc.NetworkSettings{LANDiscovery: &yes, Port: netconf.PortTAP}); err != nil || !s.Ethernet(true) {
		t.Errorf("together with an Ethernet device: %+v, %v", s, err)
	}
}
