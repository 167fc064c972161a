package apitest

import (
	"context"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// BridgedHosts implements api.Bridger: behind each bridge of a network is one
// computer.
func (b *Backend) BridgedHosts(_ context.Context, nwid identity.NetworkID) ([]ipc.BridgedHost, error) {
	defer b.mu.Unlock()
	if err := b.enter("BridgedHosts"); err != nil {
		return nil, err
	}
	for _, n := range b.State.Networks {
		if n.ID != nwid.String() {
			continue
		}
		var hosts []ipc.BridgedHost
		if n.Bridging != nil {
			for _, via := range n.Bridging.Bridges {
				hosts = append(hosts, ipc.BridgedHost{MAC: "00:16:3e:" + via[:2] + ":" + via[2:4] + ":" + via[4:6], Via: via})
			}
		}
		return hosts, nil
	}
	return nil, ipc.Errorf(ipc.CodeNotFound, "this computer has not joined network %s", nwid)
}
