package ipc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Who says how the service sees us.
func (c *Client) Who(ctx context.Context) (*Who, error) {
	return get[Who](ctx, c, "/v1/whoami")
}

// Status describes the node.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/v1/status")
}

// Snapshot returns everything at once. To follow changes use [Client.Follow].
func (c *Client) Snapshot(ctx context.Context) (*Snapshot, error) {
	return get[Snapshot](ctx, c, "/v1/snapshot")
}

// Networks lists the joined networks by ID.
func (c *Client) Networks(ctx context.Context) ([]Network, error) {
	return list[Network](ctx, c, "/v1/networks")
}

// Network returns a joined network.
func (c *Client) Network(ctx context.Context, id string) (*Network, error) {
	return get[Network](ctx, c, "/v1/networks/"+url.PathEscape(id))
}

// Join joins a network, or changes the settings of one that is joined.
func (c *Client) Join(ctx context.Context, id string, s NetworkSettings) (*Network, error) {
	return send[Network](ctx, c, http.MethodPost, "/v1/networks/"+url.PathEscape(id), s)
}

// SetNetwork changes the settings of a joined network; nil fields stay.
func (c *Client) SetNetwork(ctx context.Context, id string, s NetworkSettings) (*Network, error) {
	return send[Network](ctx, c, http.MethodPatch, "/v1/networks/"+url.PathEscape(id), s)
}

// Leave leaves a network.
func (c *Client) Leave(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/networks/"+url.PathEscape(id), nil, nil)
}

// Peers lists the known peers by address.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) {
	return list[Peer](ctx, c, "/v1/peers")
}

// Peer returns a known peer.
func (c *Client) Peer(ctx context.Context, address string) (*Peer, error) {
	return get[Peer](ctx, c, "/v1/peers/"+url.PathEscape(address))
}

// Trust lists all trust records by address.
func (c *Client) Trust(ctx context.Context) ([]TrustRecord, error) {
	return list[TrustRecord](ctx, c, "/v1/trust")
}

// TrustRecord returns the trust record of an address.
func (c *Client) TrustRecord(ctx context.Context, address string) (*TrustRecord, error) {
	return get[TrustRecord](ctx, c, "/v1/trust/"+url.PathEscape(address))
}

// UpdateTrust changes the trust record of an address; with u.Identity it may
// make one for a peer never met.
func (c *Client) UpdateTrust(ctx context.Context, address string, u TrustUpdate) (*TrustRecord, error) {
	return send[TrustRecord](ctx, c, http.MethodPatch, "/v1/trust/"+url.PathEscape(address), u)
}

// ForgetTrust removes the trust record of an address: the next identity seen
// for the address will be taken as its first.
func (c *Client) ForgetTrust(ctx context.Context, address string) error {
	return c.call(ctx, http.MethodDelete, "/v1/trust/"+url.PathEscape(address), nil, nil)
}

// Verification returns what to compare with the owner of an address. The
// service may have to ask the network for the identity.
func (c *Client) Verification(ctx context.Context, address string) (*Verification, error) {
	return get[Verification](ctx, c, "/v1/verify/"+url.PathEscape(address))
}

// Planet returns the planet in force.
func (c *Client) Planet(ctx context.Context) (*World, error) {
	return get[World](ctx, c, "/v1/planet")
}

// Moons lists the moons by ID.
func (c *Client) Moons(ctx context.Context) ([]World, error) {
	return list[World](ctx, c, "/v1/moons")
}

// Orbit asks for a moon by its ID, 16 or 10 hex digits. It is Waiting until a
// root of it has told it.
func (c *Client) Orbit(ctx context.Context, id string, o Orbit) (*World, error) {
	return send[World](ctx, c, http.MethodPost, "/v1/moons/"+url.PathEscape(id), o)
}

// Deorbit leaves a moon, or stops asking for it. It is no error if there is none.
func (c *Client) Deorbit(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/moons/"+url.PathEscape(id), nil, nil)
}

// UseWorld takes a planet or moon from a file, in place of the one in use.
func (c *Client) UseWorld(ctx context.Context, u UseWorld) (*World, error) {
	return send[World](ctx, c, http.MethodPost, "/v1/worlds", u)
}

// Config returns the local configuration.
func (c *Client) Config(ctx context.Context) (*Config, error) {
	return get[Config](ctx, c, "/v1/config")
}

// PutSettings sets members of local.conf's "settings" object.
func (c *Client) PutSettings(ctx context.Context, settings map[string]json.RawMessage) error {
	return c.call(ctx, http.MethodPatch, "/v1/config/settings", settings, nil)
}

// Diagnostics returns a report for people, plain text without keys or tokens.
func (c *Client) Diagnostics(ctx context.Context) (string, error) {
	var text string
	err := c.call(ctx, http.MethodGet, "/v1/diagnostics", nil, &text)
	return text, err
}

// Log returns the lines of the service's log after the one with a number, at
// least of a level ("debug", "info", "warn", "error"). If there is none it waits
// for one, up to wait seconds (at most 20).
func (c *Client) Log(ctx context.Context, after uint64, level string, wait int) (*Log, error) {
	q := url.Values{"after": {strconv.FormatUint(after, 10)}, "level": {level}, "wait": {strconv.Itoa(wait)}}
	return get[Log](ctx, c, "/v1/log?"+q.Encode())
}

// Examine has the service examine itself and the machine.
func (c *Client) Examine(ctx context.Context) (*Examination, error) {
	return get[Examination](ctx, c, "/v1/doctor")
}

// Metrics returns measurements in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	var text string
	err := c.call(ctx, http.MethodGet, "/v1/metrics", nil, &text)
	return text, err
}

// Reference makes a request of the reference's JSON API (spec 06 §5), which the
// service offers over its socket too: path is "/status", "/network/<id>",
// "/controller/network", and so on. It returns HTTP status and body as they
// are; a refusal by role is an *[Error].
func (c *Client) Reference(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	status, answer, err := c.raw(ctx, method, "/v1/reference"+path, body)
	if err != nil {
		return 0, nil, err
	}
	if status >= 400 {
		if e, ok := answerError(status, answer).(*Error); ok {
			return 0, nil, e
		}
	}
	return status, answer, nil
}

func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	return send[T](ctx, c, http.MethodGet, path, nil)
}

func send[T any](ctx context.Context, c *Client, method, path string, in any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, method, path, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

func list[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var out []T
	err := c.call(ctx, http.MethodGet, path, nil, &out)
	return out, err
}
