package tcprelay

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
)

// ClientConfig says which relay to use.
type ClientConfig struct {
	// Relay is the relay's address.
	Relay netip.AddrPort
	// Version is told in the greeting.
	Version Version
	// Dial connects, [net.Dialer.DialContext] of an empty dialer if nil. It is
	// the place to keep the connection out of our own virtual networks.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Receive is called for each datagram that comes from the relay, by one
	// goroutine. The datagram is the receiver's for the length of the call.
	Receive func(from netip.AddrPort, datagram []byte)
	// Changed is called when the connection is made or lost. It may be nil.
	Changed func(active bool)
	// Log must not be nil.
	Log *slog.Logger
}

// Client is the connection to a relay. Its methods may be called from several
// goroutines.
type Client struct{ cfg ClientConfig }

// NewClient makes a client that does not connect before [Client.Open].
func NewClient(cfg ClientConfig) *Client { return &Client{cfg: cfg} }

// Run connects when it is asked to, one attempt at a time, until ctx ends.
func (c *Client) Run(ctx context.Context) { <-ctx.Done() }

// Open asks for a connection. It does not block; while attempts fail, further
// calls are heeded less and less often.
func (c *Client) Open() {}

// Close asks to end the connection. It does not block.
func (c *Client) Close() {}

// Reset forgets earlier failures, since the network has changed.
func (c *Client) Reset() {}

// Active reports whether there is a connection.
func (c *Client) Active() bool { return false }

// Send queues a datagram for an IPv4 address. It copies the datagram, does not
// block, and returns false if it was dropped: there is no connection, the queue
// is full, or the address or size is not one that relays carry.
func (c *Client) Send(dst netip.AddrPort, datagram []byte) bool { return false }
