package portmap

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// upnpSwitches are what the gateway's UPnP does; the zero value answers nothing.
type upnpSwitches struct {
	on            bool
	service       string // "WANIPConnection:1" if empty
	onlyPermanent bool
	external      *string        // instead of the gateway's
	mute          []string       // actions that are not supported
	fault         map[string]int // error of an action
	pretend       bool           // says that it has mapped, and has not
	steal         bool           // maps to another machine
	blank         bool           // answers with nothing in it when there is no entry
	location      string         // of the description, in the search's answer
	controlURL    string         // in the description
	redirect      bool           // sends all requests away
	huge          bool           // never stops answering
	broken        bool           // answers something that is not XML
	stranger      bool           // answers searches from another address
}

// fakeUPnP is the part of a gateway that speaks UPnP.
type fakeUPnP struct {
	g    *gateway
	ssdp net.PacketConn
	web  net.Listener
	away string // a web server at another address
}

func newFakeUPnP(t *testing.T, g *gateway) *fakeUPnP {
	t.Helper()
	u := &fakeUPnP{g: g}
	var err error
	if u.ssdp, err = net.ListenPacket("udp4", netip.AddrPortFrom(g.addr, portSSDP).String()); err != nil {
		t.Fatal(err)
	}
	if u.web, err = net.Listen("tcp4", netip.AddrPortFrom(g.addr, 0).String()); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.away = other.Addr().String()
	elsewhere := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request was sent to another address")
	})}
	server := &http.Server{Handler: u}
	var wg sync.WaitGroup
	wg.Go(u.search)
	wg.Go(func() { _ = server.Serve(u.web) })
	wg.Go(func() { _ = elsewhere.Serve(other) })
	t.Cleanup(func() {
		_, _, _ = u.ssdp.Close(), server.Close(), elsewhere.Close()
		wg.Wait()
	})
	return u
}

func (u *fakeUPnP) switches() upnpSwitches {
	u.g.mu.Lock()
	defer u.g.mu.Unlock()
	return u.g.sw.upnp
}

// search answers searches (UPnP device architecture §1.3).
func (u *fakeUPnP) search() {
	buf := make([]byte, 2048)
	for {
		n, from, err := u.ssdp.ReadFrom(buf)
		if err != nil {
			return
		}
		sw := u.switches()
		const target = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
		if !sw.on || !bytes.HasPrefix(buf[:n], []byte("M-SEARCH * HTTP/1.1\r\n")) || !bytes.Contains(buf[:n], []byte("ST: "+target+"\r\n")) {
			continue
		}
		where := sw.location
		if where == "" {
			where = "http://" + u.web.Addr().String() + "/desc.xml"
		}
		answer := "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + target + "\r\nUSN: uuid:1::" + target + "\r\nEXT:\r\nLOCATION: " + where + "\r\n\r\n"
		out := u.ssdp
		if sw.stranger {
			if out, err = net.ListenPacket("udp4", "127.0.0.1:0"); err != nil {
				continue
			}
		}
		_, _ = out.WriteTo([]byte(answer), from)
		if sw.stranger {
			_ = out.Close()
		}
	}
}

// ServeHTTP serves the description and the service.
func (u *fakeUPnP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sw := u.switches()
	switch {
	case sw.redirect:
		http.Redirect(w, r, "http://"+u.away+"/", http.StatusTemporaryRedirect)
	case sw.huge:
		_, _ = io.WriteString(w, "<root>")
		filler := bytes.Repeat([]byte("<a></a>"), 1000)
		for {
			if _, err := w.Write(filler); err != nil {
				return
			}
		}
	case sw.broken:
		_, _ = io.WriteString(w, "<html>\x01 503 & try later")
	case r.URL.Path == "/desc.xml":
		u.describe(w, sw)
	default:
		u.act(w, r, sw)
	}
}

func (u *fakeUPnP) service(sw upnpSwitches) string {
	if sw.service == "" {
		sw.service = "WANIPConnection:1"
	}
	return "urn:schemas-upnp-org:service:" + sw.service
}

func (u *fakeUPnP) describe(w io.Writer, sw upnpSwitches) {
	control := sw.controlURL
	if control == "" {
		control = "/ctl"
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>fake</friendlyName><UDN>uuid:1</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList><service><serviceType>%s</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>%s</controlURL><eventSubURL>/evt</eventSubURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>`, u.service(sw), control)
}

var soapAction = regexp.MustCompile(`^"urn:schemas-upnp-org:service:[A-Za-z0-9:]+#([A-Za-z]+)"$`)

// act does what a SOAP request wants.
func (u *fakeUPnP) act(w http.ResponseWriter, r *http.Request, sw upnpSwitches) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	match := soapAction.FindStringSubmatch(r.Header.Get("SOAPACTION"))
	if match == nil {
		http.Error(w, "no action", http.StatusBadRequest)
		return
	}
	action := match[1]
	arg := func(name string) string {
		_, after, _ := strings.Cut(string(body), "<"+name+">")
		before, _, _ := strings.Cut(after, "</"+name+">")
		return before
	}
	code := sw.fault[action]
	if slices.Contains(sw.mute, action) {
		code = faultInvalidAction
	}
	var out string
	if code == 0 {
		u.g.mu.Lock()
		out, code = u.do(action, arg, sw)
		u.g.mu.Unlock()
	}
	if code != 0 {
		w.WriteHeader(http.StatusInternalServerError)
		out = fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>`+
			`<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>no&#7;</errorDescription></UPnPError></detail></s:Fault>`, code)
		out = strings.ReplaceAll(out, "&#7;", "pe")
	} else {
		out = fmt.Sprintf(`<u:%sResponse xmlns:u="%s">%s</u:%sResponse>`, action, u.service(sw), out, action)
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" `+
		`s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`, out)
}

// do changes and reads the table of mappings.
func (u *fakeUPnP) do(action string, arg func(string) string, sw upnpSwitches) (out string, code int) {
	number := func(name string) uint16 {
		n, _ := strconv.ParseUint(arg(name), 10, 16)
		return uint16(n)
	}
	external := number("NewExternalPort")
	have, taken := u.g.maps[external]
	switch action {
	case "GetExternalIPAddress":
		u.g.requests = append(u.g.requests, "upnp address")
		text := u.g.external().String()
		if sw.external != nil {
			text = *sw.external
		}
		return "<NewExternalIPAddress>" + text + "</NewExternalIPAddress>", 0
	case "AddPortMapping":
		lease, _ := strconv.ParseUint(arg("NewLeaseDuration"), 10, 32)
		u.g.requests = append(u.g.requests, fmt.Sprintf("upnp map %d %d", external, lease))
		m := mapping{client: arg("NewInternalClient"), port: number("NewInternalPort"), description: arg("NewPortMappingDescription"), lease: uint32(lease)}
		switch {
		case arg("NewProtocol") != "UDP" || arg("NewEnabled") != "1" || arg("NewRemoteHost") != "":
			return "", faultInvalidArgs
		case sw.onlyPermanent && lease != 0:
			return "", faultOnlyPermanent
		case taken && have.client != m.client:
			return "", faultConflict
		case sw.pretend:
			return "", 0
		case sw.steal:
			m.client = "192.168.1.66"
		}
		if u.g.sw.life != 0 {
			m.lease = u.g.sw.life
		}
		u.g.maps[external] = m
		return "", 0
	case "DeletePortMapping":
		u.g.requests = append(u.g.requests, fmt.Sprintf("upnp delete %d", external))
		if !taken {
			return "", faultNoSuchEntry
		}
		if !u.g.sw.keepDeleted {
			delete(u.g.maps, external)
		}
		return "", 0
	case "GetSpecificPortMappingEntry":
		if !taken && sw.blank {
			return entryText(mapping{}), 0
		}
		if !taken {
			return "", faultNoSuchEntry
		}
		return entryText(have), 0
	case "GetGenericPortMappingEntry":
		ports := make([]uint16, 0, len(u.g.maps))
		for p := range u.g.maps {
			ports = append(ports, p)
		}
		slices.Sort(ports)
		i := int(number("NewPortMappingIndex"))
		if i >= len(ports) {
			return "", faultNoSuchIndex
		}
		return fmt.Sprintf("<NewRemoteHost></NewRemoteHost><NewExternalPort>%d</NewExternalPort><NewProtocol>UDP</NewProtocol>", ports[i]) +
			entryText(u.g.maps[ports[i]]), 0
	}
	return "", faultInvalidAction
}

func entryText(m mapping) string {
	return fmt.Sprintf("<NewInternalPort>%d</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled>"+
		"<NewPortMappingDescription>%s</NewPortMappingDescription><NewLeaseDuration>%d</NewLeaseDuration>", m.port, m.client, m.description, m.lease)
}
