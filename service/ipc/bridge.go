package ipc

import (
	"context"
	"net/url"
	"time"
)

// Bridging is what there is of bridges on a network. A bridge carries frames
// between the network and computers that are no members, on a LAN behind it.
type Bridging struct {
	// Allowed says that the network's controller has made this computer an active
	// bridge, Active that its device can be one too: it carries Ethernet.
	Allowed bool `json:"allowed"`
	Active  bool `json:"active"`
	// Bridges are the addresses of all active bridges.
	Bridges []string `json:"bridges,omitempty"`
	// Port is the bridge of the system that the network's device is a port of,
	// such as "br0", empty if it is of none. The network's addresses and routes are
	// on it then. PortMTU is the largest packet that it takes.
	Port    string `json:"port,omitempty"`
	PortMTU int    `json:"portMtu,omitempty"`
	// Remote computers were seen behind other bridges, Local ones behind this
	// computer; Limit is how many are remembered.
	Remote int `json:"remote"`
	Local  int `json:"local"`
	Limit  int `json:"limit"`
	// Refused counts frames to and from computers behind a bridge that is not
	// allowed, Looped frames that came back by way of another bridge.
	Refused uint64 `json:"refused,omitempty"`
	Looped  uint64 `json:"looped,omitempty"`
}

// BridgedHost is a computer that is no member of a network and was seen behind a
// bridge.
type BridgedHost struct {
	MAC string `json:"mac"`
	// Via is the bridge's address, Local says that it is this computer.
	Via   string `json:"via"`
	Local bool   `json:"local"`
	// Seen is when a frame last came from it. After five minutes it is forgotten.
	Seen time.Time `json:"seen"`
}

// BridgedHosts lists the computers that were seen behind the bridges of a
// network, by MAC.
func (c *Client) BridgedHosts(ctx context.Context, id string) ([]BridgedHost, error) {
	return list[BridgedHost](ctx, c, "/v1/networks/"+url.PathEscape(id)+"/bridge")
}
