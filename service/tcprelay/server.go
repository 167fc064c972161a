package tcprelay

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
)

// ServerConfig says whom a relay serves.
type ServerConfig struct {
	// Clients bounds the connections in total, 1024 if 0; PerAddress those of
	// one IPv4 address or IPv6 /64, 16 if 0.
	Clients, PerAddress int
	// Bind is the local IPv4 address of the clients' UDP ports, any if not valid.
	Bind netip.Addr
	// AllowPrivate lets clients send to private addresses too. Addresses that
	// are only of this machine or of its link are never sent to.
	AllowPrivate bool
	// Log must not be nil.
	Log *slog.Logger
}

// Server relays datagrams for clients that connect by TCP.
type Server struct{ cfg ServerConfig }

// NewServer makes a server; nothing runs before [Server.Serve].
func NewServer(cfg ServerConfig) *Server { return &Server{cfg: cfg} }

// Serve accepts clients until ctx ends, closes the listener and returns when
// all connections are closed. An error is why it could not go on.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return nil }

// Stats returns what the server has done so far.
func (s *Server) Stats() ServerStats { return ServerStats{} }

// ServerStats counts since the start, but for Clients, which is now.
type ServerStats struct {
	Clients int
	// Accepted connections, those refused because of the limits, and those
	// ended for what they sent or for idleness.
	Accepted, RefusedTotal, RefusedAddress, Violations, Idle uint64
	// ToUDP and ToTCP are datagrams relayed, with their bytes.
	ToUDP, ToUDPBytes, ToTCP, ToTCPBytes uint64
	// Dropped datagrams: to ports or addresses that are not served, of a size
	// that is not relayed, and those that could not be sent.
	DroppedDestination, DroppedSize, DroppedError uint64
}
