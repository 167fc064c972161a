package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netns"
)

// wire is a LAN behind a computer: a bridge of the system, br0, on which hosts
// are that know nothing of networks.
type wire struct {
	s *scene
	b *box
}

// wire makes the computer's LAN.
func (s *scene) wire(b *box) *wire {
	s.t.Helper()
	must(s.t, "ip", "-n", b.ns, "link", "add", "br0", "type", "bridge")
	must(s.t, "ip", "-n", b.ns, "link", "set", "br0", "up")
	return &wire{s, b}
}

// connect makes a device of the computer a port of its LAN.
func (w *wire) connect(device string) {
	w.s.t.Helper()
	must(w.s.t, "ip", "-n", w.b.ns, "link", "set", device, "master", "br0", "up")
}

// host puts a host on the LAN, with a MAC and addresses with lengths. Only what
// boxes do without a node can be done with it.
func (w *wire) host(name, mac string, addresses ...string) *box {
	t := w.s.t
	t.Helper()
	h := &box{lab: w.s.lab, name: name, ns: w.s.name + "-" + name}
	must(t, "ip", "netns", "add", h.ns)
	t.Cleanup(func() { _ = netns.DeleteNamed(h.ns) })
	must(t, "ip", "-n", w.b.ns, "link", "add", "lan-"+name, "type", "veth", "peer", "name", "eth0", "netns", h.ns)
	must(t, "ip", "-n", h.ns, "link", "set", "eth0", "address", mac, "up")
	for _, a := range addresses {
		must(t, "ip", "-n", h.ns, "addr", "add", a, "dev", "eth0", "nodad")
	}
	must(t, "ip", "-n", h.ns, "route", "add", "default", "dev", "eth0") // for groups and broadcasts
	w.connect("lan-" + name)
	return h
}

// move plugs a host into another LAN.
func (w *wire) move(h *box, to *wire) {
	t := w.s.t
	t.Helper()
	must(t, "ip", "-n", w.b.ns, "link", "set", "lan-"+h.name, "nomaster", "netns", to.b.ns)
	to.connect("lan-" + h.name)
}

// inside runs f on a thread in the computer's namespace.
func (b *box) inside(f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		return err
	}
	there, err := netns.GetFromName(b.ns)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return err
	}
	err = f()
	if back := netns.Set(home); back != nil {
		return back // the thread stays locked and ends with the goroutine
	}
	_ = home.Close()
	runtime.UnlockOSThread()
	return err
}

// listen opens a UDP socket on a port, in a group if one is given, on the named
// interface.
func (b *box) listen(group string, port int, device string) *net.UDPConn {
	t := b.lab.t
	t.Helper()
	var conn *net.UDPConn
	err := b.inside(func() (err error) {
		if group == "" {
			conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
			return err
		}
		i, err := net.InterfaceByName(device)
		if err == nil {
			conn, err = net.ListenMulticastUDP("udp", i, &net.UDPAddr{IP: net.ParseIP(group), Port: port})
		}
		return err
	})
	if err != nil {
		t.Fatalf("listen on %s %s:%d: %v", b.name, group, port, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// shout sends datagrams until the listener has got one, and returns how long
// that took and who it came from.
func (b *box) shout(d time.Duration, to string, at *net.UDPConn) (time.Duration, string) {
	t := b.lab.t
	t.Helper()
	text := fmt.Sprintf("from %s at %d", b.name, time.Now().UnixNano())
	var conn net.Conn
	if err := b.inside(func() (err error) { conn, err = net.Dial("udp", to); return err }); err != nil {
		t.Fatalf("%s to %s: %v", b.name, to, err)
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	var from string
	took := until(t, d, fmt.Sprintf("%s of %s", to, b.name), func() error {
		if _, err := conn.Write([]byte(text)); err != nil {
			return err
		}
		_ = at.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		for {
			n, a, err := at.ReadFromUDP(buf)
			if err != nil {
				return err
			}
			if string(buf[:n]) == text {
				from = a.IP.String()
				return nil
			}
		}
	})
	return took, from
}

// knows waits until the computer's neighbour table has a MAC for an address.
func (b *box) knows(address, mac string) {
	b.lab.t.Helper()
	until(b.lab.t, 5*time.Second, mac+" for "+address+" on "+b.name, func() error {
		out, err := b.run("ip", "neigh", "show", address)
		if err == nil && !strings.Contains(out, mac) {
			err = errors.New(out)
		}
		return err
	})
}

// ethernet joins a network with an Ethernet device, the only kind that the
// reference has.
func (b *box) ethernet(nwid string) {
	t := b.lab.t
	t.Helper()
	b.enter(nwid, "{}")
	if b.kind != referenceKind {
		b.setPort(t, nwid, "tap")
	}
}
