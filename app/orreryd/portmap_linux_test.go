package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"orrery/service/ipc"
)

// gateway is a computer's way to the rest of the lab: a symmetric NAT that lets
// in answers only, and passes ports on when it is asked to by NAT-PMP.
type gateway struct {
	t    *testing.T
	ns   string
	addr netip.Addr // outside
	conn net.PacketConn
	done chan struct{}

	mu       sync.Mutex        // guards what follows
	mappings map[uint16]uint16 // internal port by external
	most     int               // the most mappings at a time
	made     int
	deleted  int
}

// behind puts a computer behind a gateway, which takes over its address.
func (b *box) behind(number int) *gateway {
	t := b.lab.t
	t.Helper()
	g := &gateway{t: t, ns: b.ns + "-gw", addr: b.addr, done: make(chan struct{}), mappings: make(map[uint16]uint16)}
	must(t, "ip", "netns", "add", g.ns)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", g.ns).Run() })
	lan := fmt.Sprintf("192.168.%d.", number)
	for _, line := range []string{
		"ip -n BOX link set eth0 netns GW",
		"ip -n GW link set lo up",
		"ip -n GW addr add " + b.addr.String() + "/24 dev eth0",
		"ip -n GW link set eth0 up",
		"ip -n GW route add default via " + via(b.addr),
		"ip -n GW link add lan type veth peer name eth0 netns BOX",
		"ip -n GW addr add " + lan + "1/24 dev lan",
		"ip -n GW link set lan up",
		"ip -n BOX addr add " + lan + "2/24 dev eth0",
		"ip -n BOX link set eth0 up",
		"ip -n BOX route add default via " + lan + "1",
		"ip netns exec GW nft add table ip nat",
		"ip netns exec GW nft add chain ip nat pre { type nat hook prerouting priority -100 ; }",
		"ip netns exec GW nft add chain ip nat post { type nat hook postrouting priority 100 ; }",
		"ip netns exec GW nft add rule ip nat post oifname eth0 masquerade fully-random",
		"ip netns exec GW nft add chain ip nat through { type filter hook forward priority 0 ; policy drop ; }",
		"ip netns exec GW nft add rule ip nat through iifname lan accept",
		"ip netns exec GW nft add rule ip nat through ct state established,related accept",
		"ip netns exec GW nft add rule ip nat through ct status dnat accept",
	} {
		must(t, strings.Fields(strings.NewReplacer("BOX", b.ns, "GW", g.ns).Replace(line))...)
	}
	must(t, "ip", "netns", "exec", g.ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	g.listen(lan)
	return g
}

// via is the router of an address of the lab.
func via(a netip.Addr) string {
	b := a.As4()
	b[3] = 254
	return netip.AddrFrom4(b).String()
}

// listen serves NAT-PMP inside the gateway's namespace.
func (g *gateway) listen(lan string) {
	g.t.Helper()
	inside(g.t, g.ns, func() {
		var err error
		if g.conn, err = net.ListenPacket("udp4", lan+"1:5351"); err != nil {
			g.t.Fatal(err)
		}
	})
	g.t.Cleanup(func() { _ = g.conn.Close(); <-g.done })
	begun := time.Now()
	go func() {
		defer close(g.done)
		b := make([]byte, 2048)
		for {
			n, from, err := g.conn.ReadFrom(b)
			if err != nil {
				return
			}
			if answer := g.answer(b[:n], uint32(time.Since(begun)/time.Second)+1000, lan+"2"); answer != nil {
				_, _ = g.conn.WriteTo(answer, from)
			}
		}
	}()
}

// inside runs f in a namespace.
func inside(t *testing.T, ns string, f func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	there, err := netns.GetFromName(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		t.Fatal(err)
	}
	f()
	if err := netns.Set(home); err != nil {
		t.Fatal(err) // the thread stays locked and ends with the goroutine
	}
	runtime.UnlockOSThread()
}

// answer is the gateway's answer to a request (RFC 6886): it keeps one lease of
// an hour for each internal port.
func (g *gateway) answer(q []byte, epoch uint32, to string) []byte {
	if len(q) < 2 || q[0] != 0 {
		return binary.BigEndian.AppendUint32([]byte{0, 128, 0, 1}, epoch) // another version
	}
	a := binary.BigEndian.AppendUint32([]byte{0, 128 | q[1], 0, 0}, epoch)
	switch {
	case q[1] == 0:
		ip := g.addr.As4()
		return append(a, ip[:]...)
	case q[1] != 1 || len(q) != 12:
		return nil
	}
	internal, external := binary.BigEndian.Uint16(q[4:]), binary.BigEndian.Uint16(q[6:])
	life := binary.BigEndian.Uint32(q[8:])
	g.mu.Lock()
	defer g.mu.Unlock()
	for e, i := range g.mappings {
		if i == internal && life == 0 {
			delete(g.mappings, e)
			g.deleted++
		} else if i == internal {
			external = e
		}
	}
	if life > 0 {
		if _, had := g.mappings[external]; !had {
			external += 1000 // not the port that was asked for
			g.mappings[external] = internal
			g.made++
			g.most = max(g.most, len(g.mappings))
		}
		life = 3600
	} else {
		external = 0
	}
	g.apply(to)
	a = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(a, internal), external)
	return binary.BigEndian.AppendUint32(a, life)
}

// apply makes the system pass on what is mapped. The caller holds mu.
func (g *gateway) apply(to string) {
	_ = exec.Command("ip", "netns", "exec", g.ns, "nft", "flush", "chain", "ip", "nat", "pre").Run()
	for e, i := range g.mappings {
		rule := fmt.Sprintf("add rule ip nat pre iifname eth0 udp dport %d dnat to %s:%d", e, to, i)
		if out, err := exec.Command("ip", append([]string{"netns", "exec", g.ns, "nft"}, strings.Fields(rule)...)...).CombinedOutput(); err != nil {
			g.t.Errorf("%s: %s", rule, out)
		}
	}
}

// mapped is the address at which the computer can be reached, if there is one
// mapping.
func (g *gateway) mapped() (netip.AddrPort, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for e := range g.mappings {
		if len(g.mappings) == 1 {
			return netip.AddrPortFrom(g.addr, e), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%d mappings", len(g.mappings))
}

// TestMappedPort has two computers behind symmetric NATs, of which one passes a
// port on: they talk directly, at that port. One mapping serves for two lives of
// the node, and is deleted at its orderly end.
func TestMappedPort(t *testing.T) {
	t.Parallel()
	l := newLabAt(t, 44, "root", "a", "b")
	l.needsNFT()
	root, a, b := l.boxes[0], l.boxes[1], l.boxes[2]
	gw := a.behind(1)
	b.behind(2)
	for _, x := range l.boxes {
		x.write("local.conf", fmt.Appendf(nil, `{"settings":{"allowTcpFallbackRelay":false,"portMappingEnabled":%v}}`, x == a))
	}
	root.start()
	nwid := root.secret.Address.String() + "000019"
	root.control(http.MethodPost, "/"+nwid, `{"name":"mapped","private":true,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.147.19.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.147.19.1","ipRangeEnd":"10.147.19.254"}]}`)
	for i, x := range []*box{a, b} {
		root.control(http.MethodPost, "/"+nwid+"/member/"+x.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":["10.147.19.%d"]}`, i+2))
	}
	l.startAll(a, b)
	for _, x := range []*box{a, b} {
		x.join(nwid, ipc.NetworkSettings{})
		x.network(nwid, ipc.OK)
	}
	var at netip.AddrPort
	until(t, 15*time.Second, "mapping", func() (err error) { at, err = gw.mapped(); return err })
	direct := func() {
		t.Helper()
		took := until(t, 60*time.Second, "path to "+at.String(), func() error {
			if err := b.ping("10.147.19.2"); err != nil {
				return err
			}
			p, err := b.client.Peer(ctx(t), a.secret.Address.String())
			if err != nil {
				return err
			}
			for _, x := range p.Paths {
				if x.Address == at.String() && x.Active && x.Preferred {
					return nil
				}
			}
			return fmt.Errorf("paths are %+v", p.Paths)
		})
		t.Logf("direct after %v", took)
	}
	direct()
	if c, err := a.client.Config(ctx(t)); err != nil || c.Mapping.State != "mapped" || c.Mapping.External != at.String() || c.Mapping.Method != "NAT-PMP" ||
		c.Mapping.LeftSeconds < 3000 || c.Mapping.Port != c.TertiaryPort || c.TCPRelay.State != "off" {
		t.Errorf("%v, mapping: %+v", err, c.Mapping)
	}
	a.kill()
	a.start()
	a.network(nwid, ipc.OK)
	direct()
	if again, err := gw.mapped(); err != nil || again != at {
		t.Errorf("after a crash the mapping is %v, %v; it was %v", again, err, at)
	}
	gw.mu.Lock()
	if gw.made != 1 || gw.most != 1 {
		t.Errorf("%d mappings were made, %d at a time", gw.made, gw.most)
	}
	gw.mu.Unlock()
	// By the setting, while it runs: deleted, and made again.
	setting := `{"settings":{"allowTcpFallbackRelay":false,"portMappingEnabled":%v}}`
	a.write("local.conf", fmt.Appendf(nil, setting, false))
	until(t, 10*time.Second, "deletion", func() error {
		if at, err := gw.mapped(); err == nil {
			return errors.New(at.String())
		}
		return nil
	})
	a.write("local.conf", fmt.Appendf(nil, setting, true))
	until(t, 10*time.Second, "mapping", func() error { _, err := gw.mapped(); return err })
	a.stop()
	until(t, 5*time.Second, "deletion at the end", func() error {
		if at, err := gw.mapped(); err == nil {
			return errors.New(at.String())
		}
		return nil
	})
}
