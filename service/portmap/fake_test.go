package portmap

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// localAddress is ours on the gateway's network.
var localAddress = netip.MustParseAddr("127.0.0.1")

// outside is the gateway's external address unless a test says otherwise.
var outside = netip.MustParseAddr("5.6.7.8")

// gatewayHosts numbers the gateways of a run: each has an address of its own.
var gatewayHosts atomic.Uint32

// gateway is a gateway on the loopback interface: PCP, NAT-PMP and UPnP over
// one table of mappings, with switches for all that gateways do wrong.
type gateway struct {
	addr  netip.Addr
	clock *manual

	control net.PacketConn // PCP and NAT-PMP
	upnp    *fakeUPnP

	mu sync.Mutex // guards what follows
	sw switches
	// maps are the mappings by their external port.
	maps     map[uint16]mapping
	boot     time.Time
	requests []string
}

// mapping is one UDP mapping.
type mapping struct {
	client      string
	port        uint16
	nonce       nonce
	description string
	lease       uint32
}

// switches are what the gateway does; the zero value answers nothing.
type switches struct {
	pcp, natpmp bool
	external    netip.Addr // outside if not valid
	result      uint8      // refuses with this
	pause       uint32     // seconds, with a refusal
	life        uint32     // grants this instead of what is asked
	garbage     []byte     // answers this instead
	lieNonce    bool       // PCP: answers first with another's nonce
	liePort     bool       // answers with another internal port
	stranger    bool       // answers from another address
	deaf        int        // so many requests are lost
	shift       uint16     // maps to the port asked for plus this
	portZero    bool       // maps to port 0
	keepDeleted bool       // does not delete

	upnp upnpSwitches
}

// newGateway starts a gateway; it is stopped at the end of the test.
func newGateway(t *testing.T, c *manual, sw switches) *gateway {
	t.Helper()
	n := gatewayHosts.Add(1)
	return newGatewayAt(t, netip.AddrFrom4([4]byte{127, 64 | byte(os.Getpid()>>8&63), byte(os.Getpid()), byte(1 + n)}), c, sw)
}

// newGatewayAt starts a gateway at an address.
func newGatewayAt(t *testing.T, addr netip.Addr, c *manual, sw switches) *gateway {
	t.Helper()
	g := &gateway{addr: addr, clock: c, sw: sw, maps: make(map[uint16]mapping), boot: c.now().Add(-time.Hour)}
	var err error
	if g.control, err = net.ListenPacket("udp4", netip.AddrPortFrom(g.addr, portControl).String()); err != nil {
		t.Skipf("cannot have a gateway at %v: %v", addr, err)
	}
	var wg sync.WaitGroup
	wg.Go(g.serve)
	g.upnp = newFakeUPnP(t, g)
	t.Cleanup(func() {
		_ = g.control.Close()
		wg.Wait()
	})
	return g
}

func (g *gateway) set(f func(*switches)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.sw)
}

// reboot forgets everything and starts to count seconds again.
func (g *gateway) reboot() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.maps)
	g.boot = g.clock.now()
}

// table returns the mappings, as external port → client:port.
func (g *gateway) table() map[uint16]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[uint16]string)
	for external, m := range g.maps {
		all[external] = fmt.Sprintf("%s:%d", m.client, m.port)
	}
	return all
}

// heard returns what the gateway was asked since the last call.
func (g *gateway) heard() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.requests
	g.requests = nil
	return all
}

func (g *gateway) external() netip.Addr {
	if g.sw.external.IsValid() {
		return g.sw.external
	}
	return outside
}

func (g *gateway) serve() {
	buf := make([]byte, 2048)
	for {
		n, from, err := g.control.ReadFrom(buf)
		if err != nil {
			return
		}
		g.mu.Lock()
		answers := g.answer(buf[:n], from.(*net.UDPAddr).AddrPort().Addr())
		stranger := g.sw.stranger
		g.mu.Unlock()
		for _, a := range answers {
			if stranger {
				c, err := net.ListenPacket("udp4", "127.0.0.1:0")
				if err == nil {
					_, _ = c.WriteTo(a, from)
					_ = c.Close()
				}
				continue
			}
			_, _ = g.control.WriteTo(a, from)
		}
	}
}

// answer is what the gateway has to say to a request.
func (g *gateway) answer(b []byte, from netip.Addr) [][]byte {
	switch {
	case len(b) < 2 || !g.sw.pcp && !g.sw.natpmp:
		return nil
	case g.sw.deaf > 0:
		g.sw.deaf--
		return nil
	case g.sw.garbage != nil:
		return [][]byte{g.sw.garbage}
	case b[0] == pcpVersion && g.sw.pcp:
		return g.answerPCP(b, from)
	case b[0] == natpmpVersion && g.sw.natpmp:
		return [][]byte{g.answerNATPMP(b, from)}
	case b[0] == pcpVersion: // an old gateway (RFC 6886 §3.5)
		g.requests = append(g.requests, "unsupported version")
		return [][]byte{binary.BigEndian.AppendUint32([]byte{natpmpVersion, opResponse | b[1], 0, 1}, g.epoch())}
	}
	g.requests = append(g.requests, "unsupported version")
	return [][]byte{g.headerPCP(0, uint8(pcpUnsuppVers), 0)}
}

func (g *gateway) epoch() uint32 { return uint32(g.clock.now().Sub(g.boot) / time.Second) }

func (g *gateway) headerPCP(op, result uint8, life uint32) []byte {
	b := []byte{pcpVersion, opResponse | op, 0, result}
	b = binary.BigEndian.AppendUint32(b, life)
	b = binary.BigEndian.AppendUint32(b, g.epoch())
	return append(b, make([]byte, 12)...)
}

// answerPCP is a server after RFC 6887 §11.
func (g *gateway) answerPCP(b []byte, from netip.Addr) [][]byte {
	if len(b) < pcpHeaderLen || netip.AddrFrom16([16]byte(b[8:24])).Unmap() != from {
		return [][]byte{g.headerPCP(b[1], 12, 0)}
	}
	if b[1] == opAnnounce {
		g.requests = append(g.requests, "pcp announce")
		return [][]byte{g.headerPCP(opAnnounce, g.sw.result, 0)}
	}
	life := binary.BigEndian.Uint32(b[4:])
	body := append([]byte(nil), b[pcpHeaderLen:pcpMapLen]...)
	n, port, external := nonce(body[:12]), binary.BigEndian.Uint16(body[16:]), binary.BigEndian.Uint16(body[18:])
	g.requests = append(g.requests, fmt.Sprintf("pcp map %d %d", external, life))
	if g.sw.result != 0 {
		return [][]byte{append(g.headerPCP(opMap, g.sw.result, g.sw.pause), body...)}
	}
	external, code := g.put(external, mapping{client: from.String(), port: port, nonce: n}, life)
	if code != 0 {
		return [][]byte{append(g.headerPCP(opMap, code, 30), body...)}
	}
	if life != 0 && g.sw.life != 0 {
		life = g.sw.life
	}
	if g.sw.liePort {
		port++
	}
	if g.sw.portZero {
		external = 0
	}
	binary.BigEndian.PutUint16(body[16:], port)
	binary.BigEndian.PutUint16(body[18:], external)
	ip := g.external().As16()
	copy(body[20:], ip[:])
	good := append(g.headerPCP(opMap, 0, life), body...)
	if g.sw.lieNonce {
		bad := append([]byte(nil), good...)
		bad[pcpHeaderLen] ^= 1
		binary.BigEndian.PutUint16(bad[pcpHeaderLen+18:], 666)
		return [][]byte{bad, good}
	}
	return [][]byte{good}
}

// put enters a mapping, or with life 0 deletes it.
func (g *gateway) put(external uint16, m mapping, life uint32) (uint16, uint8) {
	for have, old := range g.maps {
		if old.client != m.client || old.port != m.port {
			continue
		}
		if old.nonce != m.nonce {
			return 0, 2
		}
		if life == 0 && !g.sw.keepDeleted {
			delete(g.maps, have)
		}
		return have, 0
	}
	if life == 0 {
		return 0, 0
	}
	if external == 0 {
		external = m.port
	}
	external += g.sw.shift
	for g.maps[external].client != "" {
		external++
	}
	m.lease = life
	g.maps[external] = m
	return external, 0
}

// answerNATPMP is a server after RFC 6886 §3.
func (g *gateway) answerNATPMP(b []byte, from netip.Addr) []byte {
	head := binary.BigEndian.AppendUint32([]byte{natpmpVersion, opResponse | b[1], 0, g.sw.result}, g.epoch())
	if b[1] == 0 {
		g.requests = append(g.requests, "natpmp address")
		ip := g.external().As4()
		return append(head, ip[:]...)
	}
	port, external, life := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint32(b[8:])
	g.requests = append(g.requests, fmt.Sprintf("natpmp map %d %d", external, life))
	external, _ = g.put(external, mapping{client: from.String(), port: port}, life)
	if life == 0 {
		external = 0
	} else if g.sw.life != 0 {
		life = g.sw.life
	}
	if g.sw.liePort {
		port++
	}
	if g.sw.portZero {
		external = 0
	}
	head = binary.BigEndian.AppendUint16(head, port)
	head = binary.BigEndian.AppendUint16(head, external)
	return binary.BigEndian.AppendUint32(head, life)
}
