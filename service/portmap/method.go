package portmap

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// maker makes mappings by one method. It is used by one goroutine at a time.
type maker interface {
	// ask makes or renews the mapping. Before anything is mapped, ok is asked
	// about the external address, if the method tells it.
	ask(ctx context.Context, w want, ok func(external netip.Addr) error) (grant, error)
	// check asks whether the mapping is still there, without renewing it: with
	// errLost it is not. What it returns has an external address or an epoch,
	// as far as the method tells them.
	check(ctx context.Context, w want, g grant) (grant, error)
	// release deletes the mapping, or what an ask without answer may have made.
	release(ctx context.Context, w want, g grant) error
	// forget drops what is known of the gateway.
	forget()
}

// clock is the time, and a way to wait that tests can drive.
type clock interface {
	now() time.Time
	// after is closed or sent to once d has passed; stop releases it.
	after(d time.Duration) (c <-chan time.Time, stop func())
}

type systemClock struct{}

func (systemClock) now() time.Time { return time.Now() }

func (systemClock) after(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// dialer makes sockets that leave from our address in the gateway's network.
type dialer struct {
	control func(network, address string, c syscall.RawConn) error
}

func (d dialer) udp(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	n := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: d.control}
	return n.DialContext(ctx, "udp4", to.String())
}

func (d dialer) tcp(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	n := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: d.control, KeepAlive: -1}
	return n.DialContext(ctx, "tcp4", to)
}

// packets is a UDP socket that is connected to nobody.
func (d dialer) packets(ctx context.Context, from netip.Addr) (net.PacketConn, error) {
	l := net.ListenConfig{Control: d.control}
	return l.ListenPacket(ctx, "udp4", netip.AddrPortFrom(from, 0).String())
}
