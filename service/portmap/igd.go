package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

const (
	// maxBody bounds what is read of an answer of the gateway's web server.
	maxBody = 256 << 10
	// maxHeader bounds its header.
	maxHeader = 16 << 10
	// maxServices bounds the services of a gateway that are asked.
	maxServices = 8
)

// service is what we need of the gateway's services for IP and PPP connections.
type service interface {
	AddPortMappingCtx(ctx context.Context, remote string, external uint16, protocol string, port uint16, client string, on bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remote string, external uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	GetSpecificPortMappingEntryCtx(ctx context.Context, remote string, external uint16, protocol string) (port uint16, client string, on bool, description string, lease uint32, err error)
	GetGenericPortMappingEntryCtx(ctx context.Context, index uint16) (remote string, external uint16, protocol string, port uint16, client string, on bool, description string, lease uint32, err error)
}

var (
	_ service = (*internetgateway2.WANIPConnection2)(nil)
	_ service = (*internetgateway2.WANIPConnection1)(nil)
	_ service = (*internetgateway2.WANPPPConnection1)(nil)
)

// web makes the client for a gateway's web server: from our address on its
// network, to it and nobody else, without proxies and redirections, and with
// bounds on what is read.
func web(d dialer, w want) http.Client {
	return http.Client{
		Transport: bounded{
			gateway: w.gateway,
			next: &http.Transport{
				DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return d.tcp(ctx, w.local, address) },
				DisableKeepAlives:      true,
				DisableCompression:     true,
				MaxResponseHeaderBytes: maxHeader,
				ResponseHeaderTimeout:  5 * time.Second,
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
}

// bounded is a transport to one address, whose answers have an end.
type bounded struct {
	gateway netip.Addr
	next    *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !at(r.URL, b.gateway) {
		return nil, misbehaves("the gateway points to another address")
	}
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{answer.Body, maxBody}
	}
	return answer, err
}

// boundedBody fails when more than left bytes are read.
type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = errors.New("the answer is too long")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// describe fetches the description of a gateway device and returns its services
// that can map ports, best first.
func describe(ctx context.Context, hc http.Client, place *url.URL, gateway netip.Addr) ([]service, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the gateway's description: %w", err)
	}
	answer, err := hc.Do(r)
	if err != nil {
		return nil, webError(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, misbehaves("the gateway's description is not to be had: status %d", answer.StatusCode)
	}
	var root goupnp.RootDevice
	decoder := xml.NewDecoder(answer.Body)
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(&root); err != nil {
		return nil, misbehaves("the gateway's description is not understood: %s", readable(err.Error()))
	}
	base := place
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil || !at(base, gateway) {
			base = place
		}
	}
	root.SetURLBase(base)
	return services(&root, hc, place, gateway), nil
}

// services picks what can map ports from a description.
func services(root *goupnp.RootDevice, hc http.Client, place *url.URL, gateway netip.Addr) (all []service) {
	for _, kind := range []string{
		internetgateway2.URN_WANIPConnection_2, internetgateway2.URN_WANIPConnection_1, internetgateway2.URN_WANPPPConnection_1,
	} {
		for _, s := range root.Device.FindService(kind) {
			if !s.ControlURL.Ok || !at(&s.ControlURL.URL, gateway) || len(all) == maxServices {
				continue
			}
			c := goupnp.ServiceClient{
				SOAPClient: &soap.SOAPClient{EndpointURL: s.ControlURL.URL, HTTPClient: hc},
				RootDevice: root, Location: place, Service: s,
			}
			switch kind {
			case internetgateway2.URN_WANIPConnection_2:
				all = append(all, &internetgateway2.WANIPConnection2{ServiceClient: c})
			case internetgateway2.URN_WANIPConnection_1:
				all = append(all, &internetgateway2.WANIPConnection1{ServiceClient: c})
			default:
				all = append(all, &internetgateway2.WANPPPConnection1{ServiceClient: c})
			}
		}
	}
	return all
}

// fault returns the number of a UPnP error, 0 for other errors.
func fault(err error) int {
	var f *soap.SOAPFaultError
	if errors.As(err, &f) {
		return f.Detail.UPnPError.Errorcode
	}
	return 0
}

// webError sorts an error of a request to the gateway's web server.
func webError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var p *problem
	var f *soap.SOAPFaultError
	var u *url.Error
	var n net.Error
	if errors.As(err, &p) {
		return p
	}
	if errors.As(err, &u) {
		err = u.Err // the rest is the address, and implements net.Error
	}
	switch {
	case errors.As(err, &f):
		e := f.Detail.UPnPError
		return refused("the gateway refuses: error %d %s", e.Errorcode, readable(e.ErrorDescription))
	case errors.As(err, &n), errors.Is(err, io.EOF), strings.Contains(err.Error(), "error performing SOAP HTTP request"):
		return unanswered("the gateway's web server does not answer: %s", readable(err.Error()))
	}
	return misbehaves("the gateway's answer is not understood: %s", readable(err.Error()))
}
