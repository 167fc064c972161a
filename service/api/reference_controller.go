package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"orrery/engine/identity"
)

// newNetworkSuffix, after the controller's own address in a path, asks for a
// new network with an ID of the controller's choice.
const newNetworkSuffix = "______"

// controlled is a handler of a call for the controller.
type controlled func(c *call, k Controller) error

// controller answers 404 where there is no controller, as the reference does
// for everything that it does not have.
func (f *Reference) controller(h controlled) handler {
	return func(c *call) error {
		k := f.backend.Controller()
		if k == nil {
			return errNothing
		}
		return h(c, k)
	}
}

// controllerStatus has a layout of its own, by hand as in the reference.
func (f *Reference) controllerStatus(c *call, k Controller) error {
	status := http.StatusOK
	if !k.Ready() {
		status = http.StatusServiceUnavailable
	}
	writeJSON(c.w, status, fmt.Appendf(nil,
		"{\n\t\"controller\": true,\n\t\"apiVersion\": 4,\n\t\"clock\": %d,\n\t\"databaseReady\": %t\n}\n", f.now().UnixMilli(), k.Ready()))
	return nil
}

func (f *Reference) controlNetworks(c *call, k Controller) error {
	ids, err := k.Networks(c.ctx())
	if err != nil {
		return err
	}
	if ids == nil {
		ids = []identity.NetworkID{}
	}
	return f.send(c, http.StatusOK, ids)
}

// controlNetworksFull lists networks as objects with counts of members.
func (f *Reference) controlNetworksFull(c *call, k Controller) error {
	ids, err := k.Networks(c.ctx())
	if err != nil {
		return err
	}
	data := make([]any, 0, len(ids))
	for _, id := range ids {
		raw, err := k.Network(c.ctx(), id)
		if notFound(err) {
			continue // deleted since
		}
		if err != nil {
			return err
		}
		var o map[string]json.RawMessage
		if err := json.Unmarshal(raw, &o); err != nil {
			return fmt.Errorf("network %s: %w", id, err)
		}
		_, total, authorized, err := f.memberObjects(c, k, id)
		if notFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		o["meta"] = fmt.Appendf(nil, `{"authorizedMemberCount":%d,"totalMemberCount":%d}`, authorized, total)
		data = append(data, o)
	}
	return f.send(c, http.StatusOK, object{"data": data, "meta": object{"networkCount": len(data)}})
}

// memberObjects returns all members of a network by address, and counts.
func (f *Reference) memberObjects(c *call, k Controller, nwid identity.NetworkID) (data []any, total, authorized int, err error) {
	members, err := k.Members(c.ctx(), nwid)
	if err != nil {
		return nil, 0, 0, err
	}
	data = make([]any, 0, len(members))
	for _, a := range sortedKeys(members) {
		raw, err := k.Member(c.ctx(), nwid, a)
		if notFound(err) {
			continue
		}
		if err != nil {
			return nil, 0, 0, err
		}
		var o struct {
			Authorized bool `json:"authorized"`
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			return nil, 0, 0, fmt.Errorf("member %s of network %s: %w", a, nwid, err)
		}
		if o.Authorized {
			authorized++
		}
		data = append(data, raw)
	}
	return data, len(data), authorized, nil
}

// controlCreate creates a network with an ID of the controller's choice.
func (f *Reference) controlCreate(c *call, k Controller) error {
	b, err := f.jsonBody(c)
	if err != nil || b == nil {
		return err
	}
	return f.passed(c)(k.NewNetwork(c.ctx(), b))
}

// passed sends an object of the controller's as it is.
func (f *Reference) passed(c *call) func(json.RawMessage, error) error {
	return func(raw json.RawMessage, err error) error {
		if notFound(err) {
			return errNothing
		}
		if err != nil {
			return err
		}
		return f.send(c, http.StatusOK, raw)
	}
}

func (f *Reference) controlNetwork(c *call, k Controller) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	return f.passed(c)(k.Network(c.ctx(), nwid))
}

func (f *Reference) controlPut(c *call, k Controller) error {
	if prefix, ok := strings.CutSuffix(c.args["network"], newNetworkSuffix); ok && len(prefix) == 10 {
		s, err := f.backend.Snapshot(c.ctx())
		if err != nil {
			return err
		}
		if prefix != s.Status.Address { // as text: the reference takes lower case only
			return errBadShape
		}
		return f.controlCreate(c, k)
	}
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	b, err := f.jsonBody(c)
	if err != nil || b == nil {
		return err
	}
	return f.passed(c)(k.PutNetwork(c.ctx(), nwid, b))
}

func (f *Reference) controlDelete(c *call, k Controller) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	return f.passed(c)(k.DeleteNetwork(c.ctx(), nwid))
}

func (f *Reference) members(c *call, k Controller) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	members, err := k.Members(c.ctx(), nwid)
	if notFound(err) {
		return errNothing
	}
	if err != nil {
		return err
	}
	o := make(object, len(members))
	for a, revision := range members {
		o[a.String()] = revision
	}
	return f.send(c, http.StatusOK, o)
}

func (f *Reference) membersFull(c *call, k Controller) error {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return errNothing
	}
	data, total, authorized, err := f.memberObjects(c, k, nwid)
	if notFound(err) {
		return errNothing
	}
	if err != nil {
		return err
	}
	return f.send(c, http.StatusOK, object{"data": data, "meta": object{"totalCount": total, "authorizedCount": authorized}})
}

// memberPath parses the two IDs of a member's path.
func memberPath(c *call) (identity.NetworkID, identity.Address, error) {
	nwid, err := identity.ParseNetworkID(c.args["network"])
	if err != nil {
		return 0, 0, errNothing
	}
	a, err := identity.ParseAddress(c.args["address"])
	if err != nil {
		return 0, 0, errNothing
	}
	return nwid, a, nil
}

func (f *Reference) member(c *call, k Controller) error {
	nwid, a, err := memberPath(c)
	if err != nil {
		return err
	}
	return f.passed(c)(k.Member(c.ctx(), nwid, a))
}

func (f *Reference) memberPut(c *call, k Controller) error {
	nwid, a, err := memberPath(c)
	if err != nil {
		return err
	}
	b, err := f.jsonBody(c)
	if err != nil || b == nil {
		return err
	}
	return f.passed(c)(k.PutMember(c.ctx(), nwid, a, b))
}

func (f *Reference) memberDelete(c *call, k Controller) error {
	nwid, a, err := memberPath(c)
	if err != nil {
		return err
	}
	return f.passed(c)(k.DeleteMember(c.ctx(), nwid, a))
}
