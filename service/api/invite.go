package api

import (
	"context"
	"errors"

	"orrery/engine/identity"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

// Inviter is implemented by a [Backend] that takes and makes invites to networks.
type Inviter interface {
	// JoinInvite joins a network as Join does, but records the controller's key as
	// verified first. It is a "conflict", and nothing is changed, if another key is
	// recorded for the controller's address or the user has blocked it. What the
	// invite says has been checked, but for that.
	JoinInvite(ctx context.Context, i invite.Invite, s ipc.NetworkSettings) (*ipc.Network, error)
	// Invite makes an invite to a network that is joined or hosted here. It is a
	// "conflict" if the controller's key is not known for sure.
	Invite(ctx context.Context, nwid identity.NetworkID, name string) (*ipc.Invite, error)
}

// errNoInviter is for a backend that has no trust records to write to.
var errNoInviter = ipc.Errorf(ipc.CodeUnsupported, "this service takes no invites").Advise("Join by the network's ID")

// checkInvite reads an invite that must be to a network.
func checkInvite(nwid identity.NetworkID, link string) (invite.Invite, error) {
	i, err := invite.Parse(link)
	switch {
	case err != nil:
	case i.Network != nwid:
		return i, ipc.Errorf(ipc.CodeBadRequest, "the invite is to network %s, not to %s", i.Network, nwid)
	case !i.Pins():
		return i, ipc.Errorf(ipc.CodeBadRequest, "the invite does not say which key the controller has").Advise("Join by the network's ID")
	default:
		err = i.Check()
	}
	if err != nil {
		e := ipc.Errorf(ipc.CodeBadRequest, "%v", err).Advise("Nothing was changed. Ask for the invite again")
		if errors.Is(err, invite.ErrAdHoc) {
			e = ipc.Errorf(ipc.CodeBadRequest, "%v", err)
		}
		return i, e
	}
	return i, nil
}

func (s *Server) join(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	if nwid == 0 {
		return ipc.Errorf(ipc.CodeBadRequest, "there is no network %s", nwid)
	}
	var j ipc.Join
	if err := c.decode(&j); err != nil {
		return err
	}
	if err := checkSettings(&j.NetworkSettings); err != nil {
		return err
	}
	var n *ipc.Network
	if j.Invite == "" {
		n, err = s.backend.Join(c.ctx(), nwid, j.NetworkSettings)
	} else {
		n, err = s.joinInvite(c, nwid, &j)
	}
	if err != nil {
		return err
	}
	return c.reply(redactNetwork(normalNetwork(n), c.caller.Role))
}

func (s *Server) joinInvite(c *call, nwid identity.NetworkID, j *ipc.Join) (*ipc.Network, error) {
	i, err := checkInvite(nwid, j.Invite)
	if err != nil {
		return nil, err
	}
	b, can := s.backend.(Inviter)
	if !can {
		return nil, errNoInviter
	}
	return b.JoinInvite(c.ctx(), i, j.NetworkSettings)
}

func (s *Server) invite(c *call) error {
	nwid, err := c.network()
	if err != nil {
		return err
	}
	name := c.r.URL.Query().Get("name")
	if !showable(name, invite.MaxName, false) {
		return ipc.Errorf(ipc.CodeBadRequest, "the name is longer than %d bytes or has characters that do not show", invite.MaxName)
	}
	if nwid.AdHoc() {
		return ipc.Errorf(ipc.CodeBadRequest, "%v", invite.ErrAdHoc)
	}
	b, can := s.backend.(Inviter)
	if !can {
		return errNoInviter
	}
	i, err := b.Invite(c.ctx(), nwid, name)
	if err != nil {
		return err
	}
	utc(&i.Since)
	return c.reply(i)
}
