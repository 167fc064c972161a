package udp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

const (
	// firstRandomPort and randomPorts bound the choice of a port (spec 03 §9.2).
	firstRandomPort = 20000
	randomPorts     = 45500
	// bindTries is how many random ports are tried.
	bindTries = 256
)

// boundConn is a bound socket of one family.
type boundConn struct {
	*net.UDPConn
	v6   bool
	port uint16
}

// bind binds both families to port, or to a random one if it is 0.
func bind(port int) ([]boundConn, error) {
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("UDP port %d is out of range", port)
	}
	if port != 0 {
		return bindPair(port)
	}
	var err error
	for range bindTries {
		var conns []boundConn
		if conns, err = bindPair(firstRandomPort + rand.IntN(randomPorts)); err == nil {
			return conns, nil
		}
		if !errors.Is(err, errInUse) {
			return nil, err
		}
	}
	return nil, err
}

// bindPair binds IPv4 and IPv6 to the same port. A family that the machine
// lacks is left out.
func bindPair(port int) ([]boundConn, error) {
	var conns []boundConn
	lc := net.ListenConfig{Control: beforeBind}
	for _, network := range []string{"udp4", "udp6"} {
		pc, err := lc.ListenPacket(context.Background(), network, fmt.Sprintf(":%d", port))
		if err != nil {
			if familyMissing(err) {
				continue
			}
			for _, c := range conns {
				_ = c.Close() // the reason to give up is err
			}
			return nil, fmt.Errorf("bind UDP port %d: %w", port, err)
		}
		conns = append(conns, boundConn{UDPConn: pc.(*net.UDPConn), v6: network == "udp6", port: uint16(port)})
	}
	if len(conns) == 0 {
		return nil, fmt.Errorf("bind UDP port %d: %w", port, ErrNoSocket)
	}
	return conns, nil
}

// beforeBind sets what must be set between creation and bind.
func beforeBind(network, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = setBeforeBind(fd, network == "udp6") }); e != nil {
		return e
	}
	return err
}

// PortInUse reports whether [Open] failed because another program has the port.
func PortInUse(err error) bool { return errors.Is(err, errInUse) }
