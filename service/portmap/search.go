package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"golang.org/x/net/ipv4"
)

// portSSDP is where UPnP devices listen for searches.
const portSSDP = 1900

// multicastSSDP is the group of UPnP devices.
var multicastSSDP = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), portSSDP)

// searchPatience is how long answers to a search are waited for.
const searchPatience = 3 * time.Second

// searchTargets are what we look for.
var searchTargets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
}

const (
	// maxAnswer bounds a search's answer in bytes, maxAnswers those of one
	// search, maxLocation the length of an address in them.
	maxAnswer   = 4096
	maxAnswers  = 32
	maxLocation = 1024
)

// search looks for gateway devices: it asks the gateway itself and the group,
// if that is valid, and calls found for each different place where the gateway
// says that a description of it can be fetched, until found returns true or
// patience ends. Others than the gateway are not listened to.
func search(ctx context.Context, d dialer, w want, group netip.AddrPort, patience time.Duration, found func(*url.URL) bool) error {
	c, err := d.packets(ctx, w.local)
	if err != nil {
		return unanswered("cannot search for the gateway: %v", err)
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return sendError(ctx, err)
	}
	if group.IsValid() {
		direct(c, w.local)
	}
	sent := false
	for _, to := range []netip.AddrPort{netip.AddrPortFrom(w.gateway, portSSDP), group, group} {
		for _, target := range searchTargets {
			if to.IsValid() {
				_, err = c.WriteTo(searchRequest(target, patience), net.UDPAddrFromAddrPort(to))
				sent = sent || err == nil
			}
		}
	}
	if !sent {
		return sendError(ctx, err)
	}
	buf := make([]byte, maxAnswer)
	var seen []string
	for range maxAnswers {
		n, from, err := c.ReadFrom(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil && (closedPort(err) || tooLong(err)):
			continue
		case err != nil:
			return sendError(ctx, err)
		}
		if a, ok := from.(*net.UDPAddr); !ok || a.AddrPort().Addr().Unmap() != w.gateway {
			continue
		}
		place := location(buf[:n], w.gateway)
		if place == nil || slices.Contains(seen, place.String()) {
			continue
		}
		seen = append(seen, place.String())
		if found(place) {
			return nil
		}
	}
	return nil
}

// direct makes multicasts leave from the interface that has our address, not
// from the one that the system likes best. If it cannot, the gateway is still
// asked itself.
func direct(c net.PacketConn, local netip.Addr) {
	p := ipv4.NewPacketConn(c)
	_ = p.SetMulticastTTL(2)
	interfaces, err := net.Interfaces()
	if err != nil {
		return
	}
	for i := range interfaces {
		addrs, err := interfaces[i].Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(local.AsSlice()) {
				_ = p.SetMulticastInterface(&interfaces[i])
				return
			}
		}
	}
}

// searchRequest is a search for a target.
func searchRequest(target string, patience time.Duration) []byte {
	wait := "1" // seconds that devices spread their answers over
	if patience >= 3*time.Second {
		wait = "2"
	}
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + multicastSSDP.String() + "\r\nMAN: \"ssdp:discover\"\r\nMX: " + wait + "\r\nST: " + target + "\r\n\r\n")
}

// location returns where a search's answer says that the gateway's description
// is, and nil if that is not at the gateway or there is something else wrong.
func location(answer []byte, gateway netip.Addr) *url.URL {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		return nil
	}
	_ = r.Body.Close() // memory
	if r.StatusCode != http.StatusOK || len(r.Header.Get("Location")) > maxLocation || !slices.Contains(searchTargets, r.Header.Get("St")) {
		return nil
	}
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || !at(u, gateway) {
		return nil
	}
	return u
}

// at reports whether an address is one of the gateway's own web server.
func at(u *url.URL, gateway netip.Addr) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Unmap() == gateway && u.Scheme == "http" && u.User == nil
}
