package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Programs that look for others on a local network, and that let themselves be
// found: by mDNS (RFC 6762), by SSDP (the M-SEARCH of UPnP), and as games do, by
// a broadcast to a port of their own.

const (
	mdns4, mdns6 = "224.0.0.251", "ff02::fb"
	mdnsPort     = 5353
	ssdpGroup    = "239.255.255.250"
	ssdpPort     = 1900
	gamePort     = 27015
)

// beacon is a computer's name on a network, with the means to be found by it.
type beacon struct {
	box     *box
	host    string // its mDNS name
	address netip.Addr
	device  string
}

// newBeacon makes a computer findable on a network until the test ends. The
// sockets are told the device, as those of discovery daemons are.
func newBeacon(t *testing.T, b *box, nwid string) *beacon {
	t.Helper()
	x := &beacon{
		box: b, host: "host-" + b.name + ".local.", address: netip.MustParseAddr(b.ip4(nwid)), device: b.member(nwid, "OK").Device,
	}
	x.serve(t, x.mdns, mdns4, mdnsPort)
	x.serve(t, x.mdns, mdns6, mdnsPort)
	x.serve(t, x.ssdp, ssdpGroup, ssdpPort)
	x.serve(t, x.game, "", gamePort)
	return x
}

// socket opens a UDP socket, in a group on a device if one is given.
func (x *beacon) socket(t *testing.T, group string, port int, device string) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := x.box.inside(func() (err error) {
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
		t.Fatalf("socket for %s on %s of %s: %v", group, device, x.box.name, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// serve answers what comes to a port, or a group, until the test ends.
func (x *beacon) serve(t *testing.T, answer func(question []byte) (reply []byte, toGroup bool), group string, port int) {
	conn := x.socket(t, group, port, x.device)
	everybody := net.UDPAddr{IP: net.ParseIP(group), Port: port}
	if group == mdns6 {
		everybody.Zone = x.device
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 9000)
		for {
			n, from, err := conn.ReadFromUDP(b)
			if err != nil {
				return
			}
			reply, toGroup := answer(b[:n])
			switch {
			case reply == nil:
			case toGroup:
				_, _ = conn.WriteToUDP(reply, &everybody) // repeated when it is asked again
			default:
				_, _ = conn.WriteToUDP(reply, from)
			}
		}
	}()
}

// mdns answers questions for the computer's name, to the group.
func (x *beacon) mdns(question []byte) ([]byte, bool) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || m.Response || len(m.Questions) != 1 || m.Questions[0].Name.String() != x.host {
		return nil, false
	}
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{Response: true, Authoritative: true},
		Answers: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET | 0x8000, TTL: 120},
			Body:   &dnsmessage.AResource{A: x.address.As4()},
		}},
	}
	b, err := reply.Pack()
	if err != nil {
		return nil, false
	}
	return b, true
}

// ssdp answers searches, to whoever asked.
func (x *beacon) ssdp(question []byte) ([]byte, bool) {
	if !bytes.HasPrefix(question, []byte("M-SEARCH * HTTP/1.1\r\n")) {
		return nil, false
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: upnp:rootdevice\r\nUSN: uuid:%s\r\nLOCATION: http://%s:1234/\r\n\r\n", x.host, x.address), false
}

// game answers what a game's client broadcasts.
func (x *beacon) game(question []byte) ([]byte, bool) {
	if string(question) != "any servers?" {
		return nil, false
	}
	return []byte("server of " + x.host), false
}

// seeker is how a program on x's computer looks for another beacon.
type seeker struct {
	name string
	// group and port are those to listen at for answers; none for those that come
	// to the socket that asked.
	group  string
	port   int
	device string
	to     net.UDPAddr
	ask    []byte
	// finds reports whether an answer is the one looked for.
	finds func(answer []byte) bool
}

// seekers are all ways in which x looks for other. Anyhow says that programs name
// no device and leave the choice to the system.
func (x *beacon) seekers(other *beacon, anyhow bool) []seeker {
	query := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(other.host), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	question, err := query.Pack()
	if err != nil {
		panic(err)
	}
	resolved := func(answer []byte) bool {
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || !m.Response || len(m.Answers) != 1 || m.Answers[0].Header.Name.String() != other.host {
			return false
		}
		a, ok := m.Answers[0].Body.(*dnsmessage.AResource)
		return ok && netip.AddrFrom4(a.A) == other.address
	}
	search := fmt.Appendf(nil, "M-SEARCH * HTTP/1.1\r\nHOST: %s:%d\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n", ssdpGroup, ssdpPort)
	named := func(answer []byte) bool { return bytes.Contains(answer, []byte(other.host)) }
	all := []seeker{
		{"mDNS over IPv4", mdns4, mdnsPort, x.device, net.UDPAddr{IP: net.ParseIP(mdns4), Port: mdnsPort}, question, resolved},
		{"mDNS over IPv6", mdns6, mdnsPort, x.device, net.UDPAddr{IP: net.ParseIP(mdns6), Port: mdnsPort, Zone: x.device}, question, resolved},
	}
	if anyhow {
		all = append(all,
			seeker{"SSDP", "", 0, "", net.UDPAddr{IP: net.ParseIP(ssdpGroup), Port: ssdpPort}, search, named},
			seeker{"a game", "", 0, "", net.UDPAddr{IP: net.IPv4bcast, Port: gamePort}, []byte("any servers?"), named})
	}
	return all
}

// find has a program look for another computer, and says how long that took.
// Questions are repeated, as programs do.
func (x *beacon) find(t *testing.T, s seeker, patience time.Duration) time.Duration {
	t.Helper()
	conn := x.socket(t, s.group, s.port, s.device)
	defer func() { _ = conn.Close() }()
	b := make([]byte, 9000)
	return until(t, patience, s.name+" from "+x.box.name, func() error {
		if _, err := conn.WriteToUDP(s.ask, &s.to); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			return err
		}
		for {
			n, _, err := conn.ReadFromUDP(b)
			if err != nil {
				return errors.New("no answer")
			}
			if s.finds(b[:n]) {
				return nil
			}
		}
	})
}
