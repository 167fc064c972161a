package ipc

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Join joins a network (POST /v1/networks/ID).
type Join struct {
	NetworkSettings
	// Invite is the link of an invite to this network, "" without one. The
	// controller's key in it is recorded as verified before the controller is
	// asked for anything; if another key is recorded for its address nothing is
	// done.
	Invite string `json:"invite,omitempty"`
}

// Invite invites others to a network (GET /v1/networks/ID/invite).
type Invite struct {
	Network string `json:"network"`
	// Name is what the invite calls the network, "" for nothing.
	Name string `json:"name,omitempty"`
	// Link is "orrery://join/<network ID>?c=<identity>&n=<name>", which is the text
	// of the QR picture too.
	Link string `json:"link"`
	// Controller is the public identity that is in the link.
	Controller string `json:"controller"`
	// Own is true if this node is the controller. Else the controller's key is one
	// that the user verified, by How and at Since.
	Own   bool      `json:"own,omitempty"`
	How   string    `json:"how,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Unverified is a member that a network for verified peers does not carry frames
// of.
type Unverified struct {
	Address string `json:"address"`
	// Name is what the user calls the member, from its trust record.
	Name string `json:"name,omitempty"`
	// From and To count frames, and copies of multicasts, that were dropped: of the
	// member, and those meant for it.
	From uint64 `json:"from,omitempty"`
	To   uint64 `json:"to,omitempty"`
	// Last is when the last one was dropped.
	Last time.Time `json:"last"`
}

// JoinInvite joins a network with an invite.
func (c *Client) JoinInvite(ctx context.Context, id string, j Join) (*Network, error) {
	return send[Network](ctx, c, http.MethodPost, "/v1/networks/"+url.PathEscape(id), j)
}

// Invite makes an invite to a network that is joined, or hosted by this node.
// name is what it calls the network, "" for the network's own name.
func (c *Client) Invite(ctx context.Context, id, name string) (*Invite, error) {
	path := "/v1/networks/" + url.PathEscape(id) + "/invite"
	if name != "" {
		path += "?" + url.Values{"name": {name}}.Encode()
	}
	return get[Invite](ctx, c, path)
}
