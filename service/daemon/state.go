package daemon

import (
	"time"

	"orrery/engine/controller"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/service/store"
)

// state is the home directory and the controller's database as the host needs
// them.
type state struct {
	home     *store.Home
	database store.ControllerStore
}

func (s state) SavePeer(a identity.Address, record []byte) error {
	if record == nil {
		return s.home.DeletePeer(a)
	}
	return s.home.SavePeer(time.Now(), a, record)
}

func (s state) SavePlanet(data []byte) error { return s.home.SavePlanet(data) }

func (s state) SaveMoon(id uint64, data []byte) error {
	if data == nil {
		return s.home.DeleteMoon(id)
	}
	return s.home.SaveMoon(id, data)
}

func (s state) SaveOrbits(text []byte) error { return s.home.SaveOrbits(text) }
func (s state) SaveTrust(text []byte) error  { return s.home.SaveTrust(text) }

func (s state) SaveNetwork(nwid identity.NetworkID, conf []byte) error {
	if conf == nil {
		return s.home.DeleteNetwork(nwid)
	}
	return s.home.SaveNetwork(nwid, conf)
}

func (s state) SaveRevoked(nwid identity.NetworkID, list []credential.Threshold) error {
	return s.home.SaveRevoked(nwid, list)
}

func (s state) SaveSettings(nwid identity.NetworkID, n netconf.Settings) error {
	return s.home.SaveNetworkSettings(nwid, n)
}

func (s state) ApplyController(changes []controller.Change) error { return s.database.Apply(changes) }
