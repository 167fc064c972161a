package udp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
)

const (
	// firstRandomPort and randomPorts bound the choice of a port (spec 03 §9.2).
	firstRandomPort = 20000
	randomPorts     = 45500
	// bindTries is how many random ports are tried.
	bindTries = 256
)

// Role says what a socket is for.
type Role uint8

// The roles of sockets. Those of the tertiary port are for port mappings, and
// Burst ones live for seconds; neither is reached by [vl1.AnySocket].
const (
	Primary Role = iota
	Secondary
	Tertiary
	Burst
)

// String is the role's name.
func (r Role) String() string {
	return [...]string{"primary", "secondary", "tertiary", "burst"}[r&3]
}

// Binding is a socket that is wanted.
type Binding struct {
	// Local is where to bind: an address of the machine, or the unspecified one
	// of a family for all of them.
	Local netip.AddrPort
	// Device and Index are the interface to bind to, "" and 0 for none.
	Device string
	Index  int
	Role   Role
	// Reach has the destinations to which datagrams to [vl1.AnySocket] leave
	// from here; nil is everywhere.
	Reach []netip.Prefix
}

// key is what must be the same for a socket to be kept.
type key struct {
	local  netip.AddrPort
	device string
	index  int
}

func (b *Binding) key() key { return key{b.Local, b.Device, b.Index} }

// Wildcard are the bindings to all addresses of both families on one port.
func Wildcard(port int, role Role) []Binding {
	return []Binding{
		{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), Role: role},
		{Local: netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), Role: role},
	}
}

// FreePort chooses a random port that nobody uses, from 20000 up, other than
// those in not (spec 03 §9.2).
func FreePort(not ...int) (int, error) {
	var err error
	for range bindTries {
		port := firstRandomPort + rand.IntN(randomPorts)
		taken := false
		for _, p := range not {
			taken = taken || p == port
		}
		if taken {
			continue
		}
		if err = TryPort(port); err == nil || !errors.Is(err, errInUse) {
			return port, err
		}
	}
	return 0, err
}

// TryPort reports why a port cannot be bound on all addresses of this machine,
// [ErrNoSocket] if it has no addresses of either family.
func TryPort(port int) error {
	if port <= 0 || port > 65535 {
		return fmt.Errorf("UDP port %d is out of range", port)
	}
	got := 0
	for _, b := range Wildcard(port, Primary) {
		c, err := bind(&b)
		if err == nil {
			got++
			_ = c.Close() // nothing was sent
		} else if !familyMissing(err) {
			return fmt.Errorf("bind UDP port %d: %w", port, err)
		}
	}
	if got == 0 {
		return fmt.Errorf("bind UDP port %d: %w", port, ErrNoSocket)
	}
	return nil
}

// bind binds a socket.
func bind(b *Binding) (*net.UDPConn, error) {
	network := "udp4"
	if b.Local.Addr().Is6() {
		network = "udp6"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			if err = claim(fd); err == nil && b.Device != "" {
				err = bindDevice(fd, network == "udp6", b)
			}
		}); e != nil {
			return e
		}
		return err
	}}
	pc, err := lc.ListenPacket(context.Background(), network, b.Local.String())
	if err != nil {
		return nil, err
	}
	return pc.(*net.UDPConn), nil
}

// PortInUse reports whether a socket could not be bound because another
// program has the port.
func PortInUse(err error) bool { return errors.Is(err, errInUse) }
