package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"

	"orrery/engine/vl1"
)

// plain is the portable transport: one system call per datagram.
type plain struct {
	*socket
	// ttl is held for writing while the socket's TTL is not the default, since
	// there is no portable way to set it per packet.
	ttl sync.RWMutex
}

func newPlain(sk *socket) *plain { return &plain{socket: sk} }

// tuneBuffers asks for large buffers and settles for less.
func tuneBuffers(sk *socket) {
	for n := socketBuffer; n >= minSocketBuffer && sk.conn.SetReadBuffer(n) != nil; n /= 2 {
	}
	for n := socketBuffer; n >= minSocketBuffer && sk.conn.SetWriteBuffer(n) != nil; n /= 2 {
	}
}

func (p *plain) receive(handler func([]vl1.Datagram)) error {
	size := 64 << 10
	if p.small {
		size = wholeBuffer
	}
	buf := make([]byte, size)
	batch := make([]vl1.Datagram, 1)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if transientReceive(err) {
				continue
			}
			return err
		}
		p.receiveCalls.Add(1)
		if n == 0 {
			continue
		}
		p.receivedDatagrams.Add(1)
		p.receivedBytes.Add(uint64(n))
		ip := from.Addr().Unmap().WithZone("")
		batch[0] = vl1.Datagram{Data: buf[:n:n], Remote: netip.AddrPortFrom(ip, from.Port()), Socket: p.id}
		handler(batch)
	}
}

func (p *plain) send(batch []vl1.Datagram) error {
	for i := range batch {
		d := &batch[i]
		var err error
		if d.TTL != 0 && !p.v6 {
			err = p.sendTTL(d)
		} else {
			p.ttl.RLock()
			_, err = p.conn.WriteToUDPAddrPort(d.Data, unmapped(d.Remote))
			p.ttl.RUnlock()
		}
		switch {
		case err == nil:
			p.sendCalls.Add(1)
			p.sentDatagrams.Add(1)
			p.sentBytes.Add(uint64(len(d.Data)))
		case errors.Is(err, net.ErrClosed):
			return net.ErrClosed
		default:
			var errno syscall.Errno
			errors.As(err, &errno)
			p.failed(1, errno)
		}
	}
	return nil
}

// sendTTL sends d with its own TTL and puts the socket's back.
func (p *plain) sendTTL(d *vl1.Datagram) error {
	p.ttl.Lock()
	defer p.ttl.Unlock()
	c := ipv4.NewConn(p.conn)
	before, err := c.TTL()
	if err != nil {
		return err
	}
	if err := c.SetTTL(int(d.TTL)); err != nil {
		return err
	}
	_, err = p.conn.WriteToUDPAddrPort(d.Data, unmapped(d.Remote))
	return errors.Join(err, c.SetTTL(before))
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4In6() {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}
