package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
	"golang.org/x/net/dns/dnsmessage"
)

// playVariable has this binary play systemd-resolved, in the network namespace
// in which it is started. Its value is the local network's name server.
const playVariable = "ORRERYD_TEST_PLAY_RESOLVED"

func init() {
	lan := os.Getenv(playVariable)
	if lan == "" {
		return
	}
	if err := playResolved(lan); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

// played answers at 127.0.0.53 like systemd-resolved: names of an interface's
// domain by its servers, others by those of interfaces with a default route, or
// else by the local network's.
type played struct {
	lan netip.AddrPort

	mu    sync.Mutex
	links map[int32]*playedLink
}

type playedServer struct {
	Family  int32
	Address []byte
}

type playedDomain struct {
	Domain  string
	Routing bool
}

type playedLink struct {
	servers []playedServer
	domains []playedDomain
	whole   bool
}

const (
	playedName = "org.freedesktop.resolve1"
	playedPath = "/org/freedesktop/resolve1"
)

// playResolved plays until something fails.
func playResolved(lan string) error {
	server, err := netip.ParseAddr(lan)
	if err != nil {
		return err
	}
	p := &played{lan: netip.AddrPortFrom(server, 53), links: make(map[int32]*playedLink)}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(stub))
	if err != nil {
		return err
	}
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	methods := map[string]any{
		"GetLink": func(index int32) (dbus.ObjectPath, *dbus.Error) {
			path := dbus.ObjectPath(fmt.Sprintf("%s/link/_3%d", playedPath, index))
			err := p.change(index, func(*playedLink) {})
			if err == nil {
				_ = bus.ExportMethodTable(map[string]any{"GetAll": func(string) (map[string]dbus.Variant, *dbus.Error) { return p.properties(index) }},
					path, "org.freedesktop.DBus.Properties")
			}
			return path, err
		},
		"SetLinkDNS": func(index int32, s []playedServer) *dbus.Error {
			return p.change(index, func(l *playedLink) { l.servers = s })
		},
		"SetLinkDomains": func(index int32, d []playedDomain) *dbus.Error {
			return p.change(index, func(l *playedLink) { l.domains = d })
		},
		"SetLinkDefaultRoute": func(index int32, on bool) *dbus.Error { return p.change(index, func(l *playedLink) { l.whole = on }) },
		"RevertLink": func(index int32) *dbus.Error {
			return p.change(index, func(l *playedLink) { *l = playedLink{whole: true} })
		},
		"FlushCaches": func() *dbus.Error { return nil },
	}
	if err := bus.ExportMethodTable(methods, playedPath, playedName+".Manager"); err != nil {
		return err
	}
	if _, err := bus.RequestName(playedName, dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		go p.forward(conn, from, slices.Clone(buf[:n]))
	}
}

// change changes an interface that there is.
func (p *played) change(index int32, set func(*playedLink)) *dbus.Error {
	if _, err := net.InterfaceByIndex(int(index)); err != nil {
		return dbus.NewError(playedName+".NoSuchLink", []any{"No such link"})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links[index] == nil {
		p.links[index] = &playedLink{whole: true}
	}
	set(p.links[index])
	return nil
}

func (p *played) properties(index int32) (map[string]dbus.Variant, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.links[index]
	if l == nil {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", nil)
	}
	return map[string]dbus.Variant{
		"DNS": dbus.MakeVariant(l.servers), "Domains": dbus.MakeVariant(l.domains), "DefaultRoute": dbus.MakeVariant(l.whole),
	}, nil
}

// serverFor is whom a name is asked of.
func (p *played) serverFor(name string) netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	best, server := -1, p.lan
	for index, l := range p.links {
		if _, err := net.InterfaceByIndex(int(index)); err != nil {
			delete(p.links, index) // what it had goes with it
			continue
		}
		if len(l.servers) == 0 {
			continue
		}
		a, _ := netip.AddrFromSlice(l.servers[0].Address)
		match := -1
		if l.whole {
			match = 0
		}
		for _, d := range l.domains {
			if d.Domain == "." {
				match = max(match, 0)
			} else if name == d.Domain || strings.HasSuffix(name, "."+d.Domain) {
				match = max(match, len(d.Domain))
			}
		}
		if match > best {
			best, server = match, netip.AddrPortFrom(a, 53)
		}
	}
	return server
}

// forward passes a query on and the answer back.
func (p *played) forward(conn *net.UDPConn, from netip.AddrPort, query []byte) {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return
	}
	to, err := net.Dial("udp4", p.serverFor(strings.TrimSuffix(m.Questions[0].Name.String(), ".")).String())
	if err != nil {
		return // whoever asked asks again
	}
	defer func() { _ = to.Close() }()
	buf := make([]byte, 1500)
	if _, err := to.Write(query); err != nil {
		return
	}
	if n, err := to.Read(buf); err == nil {
		_, _ = conn.WriteToUDPAddrPort(buf[:n], from)
	}
}
