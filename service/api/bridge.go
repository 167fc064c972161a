package api

import (
	"context"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// Bridger is implemented by a [Backend] that tells who is behind bridges.
type Bridger interface {
	// BridgedHosts lists the computers behind the bridges of a network, by MAC;
	// "not_found" if it is not joined.
	BridgedHosts(ctx context.Context, nwid identity.NetworkID) ([]ipc.BridgedHost, error)
}

// bridgedHosts lists who is behind the bridges of a network.
func (s *Server) bridgedHosts(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	b, can := s.backend.(Bridger)
	if !can {
		return ipc.Errorf(ipc.CodeUnsupported, "this service does not tell who is behind bridges")
	}
	hosts, err := b.BridgedHosts(c.ctx(), nwid)
	if err != nil {
		return err
	}
	if hosts == nil {
		hosts = []ipc.BridgedHost{}
	}
	return c.reply(hosts)
}
