package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/host"
	"orrery/service/ipc"
)

// control is the management side of the controller for the API.
type control struct{ *Daemon }

// change runs a management call and returns once its records are stored.
func (c control) change(ctx context.Context, f func(*controller.Controller, clock.Instant) (json.RawMessage, error)) (json.RawMessage, error) {
	var doc json.RawMessage
	var err error
	stored := c.host.DoDurably(ctx, func(n *node.Core, at clock.Instant, out *node.Outbox) {
		n.Control(at, out, func(ctl *controller.Controller) { doc, err = f(ctl, at) })
	})
	if err != nil {
		return nil, controlError(err)
	}
	return doc, c.storageError(c.stuck(stored))
}

// stuck says why there was no answer in time, where that is known: records are
// stored before anything is answered, and tried again for as long as it takes.
func (d *Daemon) stuck(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, a := range d.alerts.list() {
		if a.ID == alertStorage+string(host.Records) {
			return &ipc.Error{Code: ipc.CodeInternal, Message: a.Title + ". " + strings.TrimSuffix(a.Text, "."), Advice: strings.TrimSuffix(a.Advice, ".")}
		}
	}
	return err
}

// look runs a call that changes nothing.
func (c control) look(f func(*controller.Controller)) {
	c.host.View(func(*node.Core, clock.Instant) { f(c.controller) })
}

// controlError turns the controller's errors into the contract's.
func controlError(err error) error {
	var bad *controller.BadInputError
	var conflict *controller.ConflictError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, controller.ErrNotFound):
		return &ipc.Error{
			Code: ipc.CodeNotFound, Message: "No such network or member on this controller",
			Advice: "See which there are: orreryctl network list, orreryctl network members",
		}
	case errors.Is(err, controller.ErrNoFreeID), errors.Is(err, controller.ErrLimit):
		return &ipc.Error{Code: ipc.CodeUnavailable, Message: capital(err.Error())}
	case errors.As(err, &bad):
		return &ipc.Error{Code: ipc.CodeBadRequest, Message: bad.Error()}
	case errors.As(err, &conflict):
		return &ipc.Error{Code: ipc.CodeConflict, Message: conflict.Error()}
	}
	return err
}

// Ready implements api.Controller.
func (c control) Ready() bool { return true }

// Networks implements api.Controller.
func (c control) Networks(context.Context) (ids []identity.NetworkID, err error) {
	c.look(func(ctl *controller.Controller) { ids = ctl.Networks() })
	return ids, nil
}

// Network implements api.Controller.
func (c control) Network(_ context.Context, nwid identity.NetworkID) (doc json.RawMessage, err error) {
	c.look(func(ctl *controller.Controller) { doc, err = ctl.NetworkJSON(nwid) })
	return doc, controlError(err)
}

// NewNetwork implements api.Controller.
func (c control) NewNetwork(ctx context.Context, body []byte) (json.RawMessage, error) {
	return c.change(ctx, func(ctl *controller.Controller, at clock.Instant) (json.RawMessage, error) {
		_, doc, err := ctl.NewNetwork(at, body)
		return doc, err
	})
}

// PutNetwork implements api.Controller.
func (c control) PutNetwork(ctx context.Context, nwid identity.NetworkID, body []byte) (json.RawMessage, error) {
	return c.change(ctx, func(ctl *controller.Controller, at clock.Instant) (json.RawMessage, error) {
		return ctl.PutNetwork(at, nwid, body)
	})
}

// DeleteNetwork implements api.Controller.
func (c control) DeleteNetwork(ctx context.Context, nwid identity.NetworkID) (json.RawMessage, error) {
	return c.change(ctx, func(ctl *controller.Controller, at clock.Instant) (json.RawMessage, error) {
		return ctl.DeleteNetwork(at, nwid)
	})
}

// Members implements api.Controller.
func (c control) Members(_ context.Context, nwid identity.NetworkID) (map[identity.Address]uint64, error) {
	var list []controller.MemberRevision
	var err error
	c.look(func(ctl *controller.Controller) { list, err = ctl.Members(nwid) })
	if err != nil {
		return nil, controlError(err)
	}
	m := make(map[identity.Address]uint64, len(list))
	for _, x := range list {
		m[x.Address] = x.Revision
	}
	return m, nil
}

// Member implements api.Controller.
func (c control) Member(_ context.Context, nwid identity.NetworkID, a identity.Address) (doc json.RawMessage, err error) {
	c.look(func(ctl *controller.Controller) { doc, err = ctl.MemberJSON(nwid, a) })
	return doc, controlError(err)
}

// PutMember implements api.Controller.
func (c control) PutMember(ctx context.Context, nwid identity.NetworkID, a identity.Address, body []byte) (json.RawMessage, error) {
	return c.change(ctx, func(ctl *controller.Controller, at clock.Instant) (json.RawMessage, error) {
		return ctl.PutMember(at, nwid, a, body)
	})
}

// DeleteMember implements api.Controller.
func (c control) DeleteMember(ctx context.Context, nwid identity.NetworkID, a identity.Address) (json.RawMessage, error) {
	return c.change(ctx, func(ctl *controller.Controller, at clock.Instant) (json.RawMessage, error) {
		return ctl.DeleteMember(at, nwid, a)
	})
}
