package apitest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"orrery/engine/identity"
	"orrery/service/api"
	"orrery/service/ipc"
)

// Controller keeps networks and members as JSON objects into which posted fields
// are merged as they are.
type Controller struct {
	mu sync.Mutex

	// Address is the node's own; networks are made under it.
	Address identity.Address
	// Records and MemberRecords are the objects.
	Records       map[identity.NetworkID]map[string]any
	MemberRecords map[identity.NetworkID]map[identity.Address]map[string]any
	// NotReady makes the database look unusable.
	NotReady bool

	next uint32
}

var _ api.Controller = (*Controller)(nil)

// NewController makes an empty controller.
func NewController(a identity.Address) *Controller {
	return &Controller{
		Address:       a,
		Records:       make(map[identity.NetworkID]map[string]any),
		MemberRecords: make(map[identity.NetworkID]map[identity.Address]map[string]any),
	}
}

var errUnknown = ipc.Errorf(ipc.CodeNotFound, "there is no such network or member")

// Ready implements api.Controller.
func (c *Controller) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.NotReady
}

// Networks implements api.Controller.
func (c *Controller) Networks(context.Context) ([]identity.NetworkID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []identity.NetworkID
	for id := range c.Records {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// Network implements api.Controller.
func (c *Controller) Network(_ context.Context, nwid identity.NetworkID) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return raw(c.Records[nwid])
}

// raw encodes an object; nil is unknown.
func raw(o map[string]any) (json.RawMessage, error) {
	if o == nil {
		return nil, errUnknown
	}
	return json.Marshal(o)
}

// NewNetwork implements api.Controller; numbers count up.
func (c *Controller) NewNetwork(ctx context.Context, body []byte) (json.RawMessage, error) {
	c.mu.Lock()
	c.next++
	id := identity.NetworkID(uint64(c.Address)<<24 | uint64(c.next))
	c.mu.Unlock()
	return c.PutNetwork(ctx, id, body)
}

// PutNetwork implements api.Controller.
func (c *Controller) PutNetwork(_ context.Context, nwid identity.NetworkID, body []byte) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if nwid.Controller() != c.Address {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "network %s is not under %s", nwid, c.Address)
	}
	o := c.Records[nwid]
	if o == nil {
		o = map[string]any{"id": nwid.String(), "nwid": nwid.String(), "objtype": "network", "private": true, "name": "", "mtu": 2800, "revision": 1}
		c.Records[nwid] = o
		c.MemberRecords[nwid] = make(map[identity.Address]map[string]any)
	}
	return merge(o, body)
}

// merge puts the fields of a body into an object; anything but an object changes
// nothing.
func merge(o map[string]any, body []byte) (json.RawMessage, error) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "not JSON: %v", err)
	}
	fields, _ := v.(map[string]any)
	for k, f := range fields {
		o[k] = f
	}
	return raw(o)
}

// DeleteNetwork implements api.Controller.
func (c *Controller) DeleteNetwork(_ context.Context, nwid identity.NetworkID) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.Records[nwid]
	delete(c.Records, nwid)
	delete(c.MemberRecords, nwid)
	return raw(o)
}

// Members implements api.Controller.
func (c *Controller) Members(_ context.Context, nwid identity.NetworkID) (map[identity.Address]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Records[nwid] == nil {
		return nil, errUnknown
	}
	out := make(map[identity.Address]uint64)
	for a := range c.MemberRecords[nwid] {
		out[a] = 1
	}
	return out, nil
}

// Member implements api.Controller.
func (c *Controller) Member(_ context.Context, nwid identity.NetworkID, a identity.Address) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return raw(c.MemberRecords[nwid][a])
}

// PutMember implements api.Controller.
func (c *Controller) PutMember(_ context.Context, nwid identity.NetworkID, a identity.Address, body []byte) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Records[nwid] == nil {
		return nil, errUnknown
	}
	o := c.MemberRecords[nwid][a]
	if o == nil {
		o = map[string]any{
			"id": a.String(), "address": a.String(), "nwid": nwid.String(), "objtype": "member", "authorized": false,
			"ipAssignments": []any{}, "vMajor": -1, "vMinor": -1, "vRev": -1,
		}
		c.MemberRecords[nwid][a] = o
	}
	return merge(o, body)
}

// DeleteMember implements api.Controller.
func (c *Controller) DeleteMember(_ context.Context, nwid identity.NetworkID, a identity.Address) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.MemberRecords[nwid][a]
	delete(c.MemberRecords[nwid], a)
	return raw(o)
}
