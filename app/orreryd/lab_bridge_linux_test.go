package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// setPort changes the kind of a network's device, and waits until it is there.
func (b *box) setPort(t *testing.T, nwid, kind string) {
	t.Helper()
	if _, err := b.client.SetNetwork(ctx(t), nwid, ipc.NetworkSettings{Port: kind}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"tap": "ether", "tun": "none"}[kind]
	until(t, 10*time.Second, kind+" on "+b.name, func() error {
		m, err := b.membership(nwid)
		if err != nil {
			return err
		}
		for _, l := range b.links() {
			if l.Name == m.Device && l.Kind == want {
				return nil
			}
		}
		return fmt.Errorf("%+v", b.links())
	})
}

// orreryAlone skips a test in a mix of implementations.
func orreryAlone(t *testing.T, why string) {
	t.Helper()
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LAB_") && strings.HasSuffix(v, "="+referenceKind) {
			t.Skip("for Orrery alone: " + why)
		}
	}
}

// bridged is a scene with a network of which b and c are to be bridges, with a
// host on the LAN of each; a and d are other members, d with an Ethernet device.
type bridged struct {
	*scene
	c, d   *box
	nwid   string
	lb, lc *wire
	l, m   *box // hosts behind b and behind c
}

const (
	hostL4, hostL6 = "10.149.0.50", "fd00:149::50"
	hostM4, hostM6 = "10.149.0.60", "fd00:149::60"
	macL, macM     = "00:16:3e:00:00:50", "00:16:3e:00:00:60"
)

func newBridged(t *testing.T) *bridged {
	t.Helper()
	s := newScene(t, "c", "d")
	p := &bridged{scene: s, c: s.box("c"), d: s.box("d")}
	p.begin()
	p.nwid = p.found(0x49, `{"name":"bridged","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{},
		"routes":[{"target":"10.149.0.0/24"},{"target":"fd00:149::/64"}]}`)
	for i, x := range []*box{p.a, p.b, p.c, p.d} {
		p.admit(p.nwid, x, fmt.Sprintf(`{"authorized":true,"activeBridge":%v,"ipAssignments":["10.149.0.%d","fd00:149::%d"]}`, x == p.b, i+1, i+1))
	}
	p.a.enter(p.nwid, "{}")
	for _, x := range []*box{p.b, p.c, p.d} {
		x.ethernet(p.nwid)
	}
	p.lb, p.lc = p.wire(p.b), p.wire(p.c)
	p.l = p.lb.host("l", macL, hostL4+"/24", hostL6+"/64")
	p.m = p.lc.host("m", macM, hostM4+"/24", hostM6+"/64")
	for _, x := range []*box{p.a, p.b, p.c, p.d} {
		m := x.member(p.nwid, "OK")
		if x == p.b || x == p.c {
			map[*box]*wire{p.b: p.lb, p.c: p.lc}[x].connect(m.Device)
		}
	}
	return p
}

// bridging is what an Orrery computer says of a network's bridges.
func (p *bridged) bridging(b *box) ipc.Bridging {
	p.t.Helper()
	n, err := b.client.Network(ctx(p.t), p.nwid)
	if err != nil || n.Bridging == nil {
		p.t.Fatalf("bridges on %s: %+v, %v", b.name, n, err)
	}
	return *n.Bridging
}

// TestLabBridge joins two LANs to a network, by a bridge each, of which the
// second gets the right to later; members and hosts talk as on one wire.
func TestLabBridge(t *testing.T) {
	t.Parallel()
	p := newBridged(t)
	a, b, c, d, l, m := p.a, p.b, p.c, p.d, p.l, p.m
	a4, a6, d4 := "10.149.0.1", "fd00:149::1", "10.149.0.4"

	t.Run("both ways", func(t *testing.T) {
		t.Logf("a to L after %v", a.pings(30*time.Second, hostL4))
		t.Logf("L to a after %v", l.pings(20*time.Second, a4))
		t.Logf("IPv6 after %v, %v", a.pings(20*time.Second, hostL6), l.pings(20*time.Second, a6))
		t.Logf("d after %v, %v", d.pings(20*time.Second, hostL4), l.pings(20*time.Second, d4))
		for x, ip := range map[*box]string{a: a4, d: d4} {
			mac := x.member(p.nwid, "OK").MAC
			l.knows(ip, mac)
			until(t, 5*time.Second, "long packets", func() error {
				_, err := x.run("ping", "-n", "-c2", "-i0.2", "-W2", "-s1400", "-M", "do", hostL4)
				return err
			})
		}
		d.knows(hostL4, macL)
		if b.kind != referenceKind { // on the LAN itself it is a host as any other
			t.Logf("the bridge itself after %v, %v", a.pings(20*time.Second, "10.149.0.2"), l.pings(20*time.Second, "10.149.0.2"))
			b.pings(10*time.Second, hostL4)
			b.pings(10*time.Second, a4)
			if out, err := b.run("ss", "-uln"); err == nil && strings.Contains(out, "10.149.0.2:") {
				t.Errorf("the network's own packets leave by an address of the network:\n%s", out)
			}
		}
	})
	t.Run("groups and broadcasts", func(t *testing.T) {
		for _, x := range []*box{a, d} {
			device := x.member(p.nwid, "OK").Device
			mdns, dhcp := x.listen("224.0.0.251", 5353, device), x.listen("", 6767, "")
			took, from := l.shout(15*time.Second, "224.0.0.251:5353", mdns)
			if from != hostL4 {
				t.Errorf("%s heard %s", x.name, from)
			}
			again, _ := l.shout(15*time.Second, "255.255.255.255:6767", dhcp)
			t.Logf("%s heard a group after %v, a broadcast after %v", x.name, took, again)
		}
		at := l.listen("", 6768, "")
		took, from := a.shout(15*time.Second, "10.149.0.255:6768", at)
		if from != a4 {
			t.Errorf("L heard %s", from)
		}
		t.Logf("L heard a after %v", took)
	})
	t.Run("no right to", func(t *testing.T) { p.noRight(t) })
	t.Run("two bridges", func(t *testing.T) {
		p.admit(p.nwid, c, `{"activeBridge":true}`)
		t.Logf("M to a %v after it was allowed", m.pings(100*time.Second, a4)) // members refresh once a minute
		t.Logf("a to M %v", a.pings(20*time.Second, hostM4))
		t.Logf("d to M %v", d.pings(20*time.Second, hostM4))
		t.Logf("L to M %v, IPv6 %v", l.pings(100*time.Second, hostM4), l.pings(20*time.Second, hostM6))
		l.knows(hostM4, macM)
		p.seen(t, a, macM, c)
	})
	t.Run("a host moves", func(t *testing.T) {
		a.pings(20*time.Second, hostL4)
		p.seen(t, a, macL, b)
		p.lb.move(l, p.lc)
		t.Logf("L from elsewhere after %v", l.pings(20*time.Second, a4))
		t.Logf("to L elsewhere after %v, %v", a.pings(20*time.Second, hostL4), m.pings(20*time.Second, hostL4))
		p.seen(t, a, macL, c)
	})
	if b.kind != referenceKind {
		t.Run("cleanly undone", func(t *testing.T) { p.undone(t) })
	}
}

// noRight has c, a member like others, bridge: nothing passes, and is told of.
func (p *bridged) noRight(t *testing.T) {
	p.m.silent("10.149.0.1")
	p.a.silent(hostM4)
	if p.c.kind == referenceKind {
		return
	}
	st := p.bridging(p.c)
	if st.Refused == 0 || st.Allowed || st.Active || st.Port != "br0" || !slices.Equal(st.Bridges, []string{p.b.secret.Address.String()}) {
		t.Errorf("%+v", st)
	}
	if alert := p.c.alert("network.bridge." + p.nwid); !strings.Contains(alert.Advice, p.c.secret.Address.String()) {
		t.Errorf("%+v", alert)
	}
	if p.b.kind != referenceKind { // the LAN takes 1500, the network has 2800
		p.b.alert("network.bridgemtu." + p.nwid)
		p.b.noAlert("network.bridge." + p.nwid)
	}
}

// seen checks behind which bridge an Orrery computer has seen a host.
func (p *bridged) seen(t *testing.T, on *box, mac string, via *box) {
	t.Helper()
	if on.kind == referenceKind {
		return
	}
	until(t, 5*time.Second, mac+" behind "+via.name, func() error {
		hosts, err := on.client.BridgedHosts(ctx(t), p.nwid)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(hosts, func(h ipc.BridgedHost) bool {
			return h.MAC == mac && h.Via == via.secret.Address.String() && h.Local == (on == via)
		}) {
			return fmt.Errorf("%+v", hosts)
		}
		return nil
	})
}

// undone has b taken out of the bridge, put in again, killed there, and leave.
func (p *bridged) undone(t *testing.T) {
	b := p.b
	device := b.member(p.nwid, "OK").Device
	has := func(ifname string, want bool) {
		t.Helper()
		until(t, 10*time.Second, fmt.Sprintf("addresses on %s: %v", ifname, want), func() error {
			var got []string
			for _, l := range b.links() {
				if l.Name == ifname {
					got = l.addresses()
				}
			}
			routes := must(t, "ip", "-n", b.ns, "route", "show", "dev", ifname)
			if (len(got) == 2) != want || len(got) > 0 && !want || strings.Contains(routes, "10.149.") != want {
				return fmt.Errorf("%v %s", got, routes)
			}
			return nil
		})
	}
	has("br0", true)
	has(device, false)
	must(t, "ip", "-n", b.ns, "link", "set", device, "nomaster")
	has("br0", false)
	has(device, true)
	b.pings(20*time.Second, "10.149.0.1")
	p.lb.connect(device)
	has("br0", true)
	has(device, false)
	b.setPort(t, p.nwid, "tun")
	has("br0", false)
	has(device, true)
	b.alert("network.bridge." + p.nwid)
	b.setPort(t, p.nwid, "tap")
	has(device, true)
	must(t, "ip", "-n", b.ns, "link", "add", "br1", "type", "bridge")
	must(t, "ip", "-n", b.ns, "link", "set", device, "master", "br1")
	must(t, "ip", "-n", b.ns, "link", "set", "br1", "up")
	has("br1", true)
	must(t, "ip", "-n", b.ns, "link", "del", "br1")
	has(device, true)
	b.pings(20*time.Second, "10.149.0.1")
	p.lb.connect(device)
	has("br0", true)
	b.kill()
	has("br0", true) // what nobody could take away
	b.start("--port", "9993", "--compat-api")
	b.member(p.nwid, "OK")
	has("br0", false)
	has(device, true)
	p.lb.connect(device)
	has("br0", true)
	if err := b.client.Leave(ctx(t), p.nwid); err != nil {
		t.Fatal(err)
	}
	has("br0", false)
	until(t, 5*time.Second, "end of the device", func() error {
		if _, err := b.run("ip", "link", "show", device); err == nil {
			return errors.New("it is there")
		}
		return nil
	})
}

// TestBridgesOnOneWire has two bridges of a network on one LAN, which is a loop.
// It must not become a storm, and all talk.
func TestBridgesOnOneWire(t *testing.T) {
	t.Parallel()
	orreryAlone(t, "the reference lets the frames go round")
	p := newBridged(t)
	p.admit(p.nwid, p.c, `{"activeBridge":true}`)
	p.l.pings(100*time.Second, hostM4)
	must(t, "ip", "-n", p.b.ns, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", p.c.ns)
	must(t, "ip", "-n", p.c.ns, "link", "set", "cable", "master", "br0", "up")
	p.lb.connect("cable")
	frames := func() (n uint64) {
		for _, x := range []*box{p.b, p.c} {
			n += p.sent(x)
		}
		return n
	}
	for range 20 { // hosts and members cause broadcasts
		_, _ = p.l.run("ping", "-n", "-c1", "-W1", "10.149.0.200")
		_, _ = p.d.run("ping", "-n", "-c1", "-W1", "10.149.0.201")
		if p.bridging(p.b).Looped+p.bridging(p.c).Looped > 0 {
			break
		}
	}
	before, begun := frames(), time.Now()
	p.a.pings(20*time.Second, hostL4)
	p.l.pings(20*time.Second, "10.149.0.1")
	p.m.pings(20*time.Second, "10.149.0.1")
	p.d.pings(20*time.Second, hostM4)
	until(t, 5*time.Second, "two seconds", func() error {
		if time.Since(begun) < 2*time.Second {
			return errors.New("later")
		}
		return nil
	})
	if n := float64(frames()-before) / time.Since(begun).Seconds(); n > 500 {
		t.Errorf("%.0f frames a second enter the network", n)
	} else {
		t.Logf("%.0f frames a second enter the network", n)
	}
	looped := p.b
	if p.bridging(p.c).Looped > 0 {
		looped = p.c
	}
	looped.alert("network.loop." + p.nwid)
}

// sent is how many frames the host of an Orrery computer sent into the network.
func (p *bridged) sent(b *box) uint64 {
	p.t.Helper()
	page, err := b.client.Metrics(ctx(p.t))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "zt_network_packets{") && strings.Contains(line, `direction="tx"`) && strings.Contains(line, p.nwid) {
			var n float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n); err != nil {
				p.t.Fatal(err)
			}
			return uint64(n)
		}
	}
	p.t.Fatalf("no count in\n%s", page)
	return 0
}

// TestPortKind changes a network's device at run time, without leaving.
func TestPortKind(t *testing.T) {
	t.Parallel()
	orreryAlone(t, "the reference has one kind of device")
	s := newScene(t)
	s.begin()
	nwid := s.found(0x4a, `{"name":"kinds","private":false,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true},"mtu":1700,
		"routes":[{"target":"10.150.0.0/24"},{"target":"172.30.0.0/16","via":"10.150.0.250"}],"ipAssignmentPools":[{"ipRangeStart":"10.150.0.1","ipRangeEnd":"10.150.0.99"}]}`)
	for _, x := range []*box{s.a, s.b} {
		x.enter(nwid, "{}")
		x.member(nwid, "OK")
	}
	to, self := s.b.ip4(nwid), s.a.ip4(nwid)
	s.a.pings(20*time.Second, to)
	name := s.a.member(nwid, "OK").Device
	check := func(kind string) {
		t.Helper()
		s.a.pings(20*time.Second, to)
		s.b.pings(20*time.Second, self)
		s.a.pings(20*time.Second, s.b.rfc4193(nwid))
		m := s.a.member(nwid, "OK")
		ls := s.a.links()
		if len(ls) != 1 || ls[0].Name != name || ls[0].MTU != 1700 || len(ls[0].addresses()) != 2 {
			t.Errorf("as %s: %+v, was %s", kind, ls, name)
		} else if kind == "tap" && (ls[0].Kind != "ether" || ls[0].MAC != m.MAC) || kind == "tun" && ls[0].Kind != "none" {
			t.Errorf("as %s: kind %s, MAC %s, want MAC %s", kind, ls[0].Kind, ls[0].MAC, m.MAC)
		}
		if r := must(t, "ip", "-n", s.a.ns, "route"); !strings.Contains(r, "172.30.0.0/16 via 10.150.0.250 dev "+name) {
			t.Errorf("as %s: routes\n%s", kind, r)
		}
		state := strings.TrimSpace(must(t, "ip", "netns", "exec", s.a.ns, "cat", "/sys/class/net/"+name+"/carrier"))
		if state != "1" {
			t.Errorf("as %s: carrier is %s", kind, state)
		}
		s.a.noAlert("network.")
	}
	check("tun")
	for _, kind := range []string{"tap", "tun", "tap"} {
		s.a.setPort(t, nwid, kind)
		check(kind)
	}
	// A program that gives new interfaces MACs of its own taste is put right.
	must(t, "ip", "-n", s.a.ns, "link", "set", name, "address", "02:11:22:33:44:55")
	until(t, 8*time.Second, "the network's MAC", func() error {
		if ls := s.a.links(); len(ls) != 1 || ls[0].MAC != s.a.member(nwid, "OK").MAC {
			return fmt.Errorf("%+v", ls)
		}
		return nil
	})
	check("tap")
	must(t, "ip", "-n", s.a.ns, "link", "del", name)
	until(t, 15*time.Second, "another device", func() error {
		if ls := s.a.links(); len(ls) != 1 {
			return fmt.Errorf("%+v", ls)
		}
		return nil
	})
	check("tap")
	s.a.kill()
	s.begin(s.a)
	s.a.member(nwid, "OK")
	check("tap")
	s.a.setPort(t, nwid, "tun")
	check("tun")
	// What the user adds to an Ethernet device is heard of on the network.
	s.a.setPort(t, nwid, "tap")
	must(t, "ip", "-n", s.a.ns, "addr", "add", "10.150.0.201/24", "dev", name)
	s.b.pings(20*time.Second, "10.150.0.201")
	must(t, "ip", "-n", s.a.ns, "maddr", "add", "01:00:5e:01:02:03", "dev", name)
	until(t, 10*time.Second, "the group", func() error {
		n, err := s.a.client.Network(ctx(t), nwid)
		if err == nil && !slices.Contains(n.Multicast, "01:00:5e:01:02:03/00000000") {
			err = fmt.Errorf("%v", n.Multicast)
		}
		return err
	})
	// A network that wants a bridge of a device that cannot be one says so.
	s.a.setPort(t, nwid, "tun")
	s.admit(nwid, s.a, `{"activeBridge":true}`)
	if a := s.a.alert("network.bridge." + nwid); !strings.Contains(a.Advice, "orreryctl set "+nwid+" port=tap") {
		t.Errorf("%+v", a)
	}
	s.a.setPort(t, nwid, "tap")
	s.a.noAlert("network.bridge.")
}
