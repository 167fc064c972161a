package daemon

import (
	"cmp"
	"context"
	"encoding/json"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

// howInvite is what trust records say of keys that an invite verified.
const howInvite = "invite"

// JoinInvite implements api.Inviter.
func (d *Daemon) JoinInvite(ctx context.Context, i invite.Invite, want ipc.NetworkSettings) (*ipc.Network, error) {
	// What is wrong with the settings must show before anything is recorded.
	if _, err := settings(netconf.DefaultSettings(), want); err != nil {
		return nil, err
	}
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = pinController(c, at, out, i.Controller) })
	if err != nil {
		return nil, err
	}
	return d.configure(ctx, i.Network, true, want)
}

// pinController records the key of an invite's controller as verified. What the
// user decided before stays.
func pinController(c *node.Core, at clock.Instant, out *node.Outbox, id identity.Identity) error {
	a := id.Address
	if own := c.Self(); a == own.Address {
		if id != own {
			return ipc.Errorf(ipc.CodeConflict, "The invite names another key for %s, which is this computer's own address", a).
				Advise("It is not genuine. Nothing was changed")
		}
		return nil
	}
	rec, known := c.Trust().Get(a)
	switch {
	case known && rec.Identity != id:
		return ipc.Errorf(ipc.CodeConflict, "The invite names another key for the controller %s than the one recorded, which is %s (%s). Nothing was changed", a, rec.State, rec.How).
			Advise("One of the two is not genuine: ask whoever sent the invite, in person or by a call. If the invite is right: orreryctl trust forget %s, then open it again", a)
	case known && rec.State == trust.Blocked:
		return ipc.Errorf(ipc.CodeConflict, "You have blocked %s, which is the controller of this network. Nothing was changed", a).
			Advise("To use the network, unblock it first: orreryctl trust verify %s", a)
	case known && rec.State == trust.Verified:
		return nil
	}
	err := c.ChangeTrust(at, out, func(t *trust.Table) error { return t.Set(at.Wall, id, trust.Verified, howInvite) })
	if err != nil {
		return trustError(a, err)
	}
	return nil
}

// Invite implements api.Inviter.
func (d *Daemon) Invite(ctx context.Context, nwid identity.NetworkID, name string) (*ipc.Invite, error) {
	i := invite.Invite{Network: nwid, Name: name}
	a := nwid.Controller()
	var self identity.Identity
	var rec trust.Record
	d.host.View(func(c *node.Core, _ clock.Instant) {
		self = c.Self()
		rec, _ = c.Trust().Get(a)
	})
	v := &ipc.Invite{Network: nwid.String(), Own: a == self.Address}
	switch s, joined := d.network(nwid); {
	case v.Own:
		doc, err := control{d}.Network(ctx, nwid)
		if err != nil {
			return nil, err
		}
		var hosted struct{ Name string }
		if err := json.Unmarshal(doc, &hosted); err != nil {
			return nil, err
		}
		i.Controller, i.Name = self, cmp.Or(name, hosted.Name)
	case !joined:
		return nil, notJoined(nwid)
	case rec.State != trust.Verified:
		return nil, ipc.Errorf(ipc.CodeConflict, "The controller of this network, %s, is not verified: an invite would vouch for a key that nobody has checked", a).
			Advise("Compare its safety number with whoever runs it: orreryctl verify %s. Or ask them for an invite and pass that on", a)
	default:
		i.Controller = rec.Identity
		v.How, v.Since = rec.How, wallTime(rec.Changed)
		if s.Config != nil {
			i.Name = cmp.Or(name, s.Config.Name)
		}
	}
	// As it will be read: without what cannot be shown in the name.
	read, err := invite.Parse(i.String())
	if err != nil {
		return nil, err
	}
	v.Name, v.Link, v.Controller = read.Name, read.String(), i.Controller.String()
	return v, nil
}

// maxUnverified bounds the members that are listed as turned away.
const maxUnverified = 64

// unverifiedView adds to a network what the user's wish for verified peers does to
// it, and whether its controller is known for sure.
func (d *Daemon) unverifiedView(n *ipc.Network, s *node.NetworkState) {
	n.VerifiedOnly, n.DroppedUnverified, n.UnverifiedCount = s.Settings.VerifiedOnly, s.DroppedUnverified, len(s.TurnedAway)
	n.ControllerTrust = ipc.TrustState(s.ControllerTrust)
	for i := range s.TurnedAway[:min(len(s.TurnedAway), maxUnverified)] {
		m := &s.TurnedAway[i]
		n.Unverified = append(n.Unverified, ipc.Unverified{Address: m.Peer.String(), Name: m.Name, From: m.From, To: m.To, Last: d.host.Time(m.Last)})
	}
}
