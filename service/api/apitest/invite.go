package apitest

import (
	"cmp"
	"context"
	"slices"

	"orrery/engine/identity"
	"orrery/service/api"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

var _ api.Inviter = (*Backend)(nil)

// JoinInvite implements api.Inviter.
func (b *Backend) JoinInvite(ctx context.Context, i invite.Invite, s ipc.NetworkSettings) (*ipc.Network, error) {
	a, u := i.Controller.Address, ipc.TrustUpdate{Identity: i.Controller.String(), State: ipc.Verified, How: "invite"}
	if _, err := b.UpdateTrust(ctx, a, u); err != nil {
		return nil, err
	}
	return b.Join(ctx, i.Network, s)
}

// Invite implements api.Inviter.
func (b *Backend) Invite(_ context.Context, nwid identity.NetworkID, name string) (*ipc.Invite, error) {
	defer b.mu.Unlock()
	if err := b.enter("Invite"); err != nil {
		return nil, err
	}
	n := slices.IndexFunc(b.State.Networks, func(n ipc.Network) bool { return n.ID == nwid.String() })
	r := slices.IndexFunc(b.State.Trust, func(r ipc.TrustRecord) bool { return r.Address == nwid.Controller().String() })
	switch {
	case n < 0:
		return nil, ipc.Errorf(ipc.CodeNotFound, "network %s is not joined", nwid)
	case nwid.Controller() == b.Self.Address:
		i := invite.Invite{Network: nwid, Controller: b.Self, Name: cmp.Or(name, b.State.Networks[n].Name)}
		return &ipc.Invite{Network: nwid.String(), Name: i.Name, Link: i.String(), Controller: b.Self.String(), Own: true}, nil
	case r < 0 || b.State.Trust[r].State != ipc.Verified:
		return nil, ipc.Errorf(ipc.CodeConflict, "the controller is not verified")
	}
	id, err := identity.Parse(b.State.Trust[r].Identity)
	if err != nil {
		return nil, err
	}
	i := invite.Invite{Network: nwid, Controller: id, Name: cmp.Or(name, b.State.Networks[n].Name)}
	return &ipc.Invite{
		Network: nwid.String(), Name: i.Name, Link: i.String(), Controller: id.String(), How: b.State.Trust[r].How, Since: b.State.Trust[r].Changed,
	}, nil
}
