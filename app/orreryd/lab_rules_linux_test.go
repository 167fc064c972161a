package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/service/ipc"
)

// Parts of rule lists in the reference's JSON form.
const (
	onlyIP       = `{"type":"MATCH_ETHERTYPE","not":true,"etherType":2048},{"type":"MATCH_ETHERTYPE","not":true,"etherType":2054},{"type":"MATCH_ETHERTYPE","not":true,"etherType":34525},{"type":"ACTION_DROP"}`
	arpPasses    = `{"type":"MATCH_ETHERTYPE","etherType":2054},{"type":"ACTION_ACCEPT"}`
	icmp6Passes  = `{"type":"MATCH_IP_PROTOCOL","ipProtocol":58},{"type":"ACTION_ACCEPT"}`
	icmpPasses   = `{"type":"MATCH_IP_PROTOCOL","ipProtocol":1},{"type":"ACTION_ACCEPT"}`
	repliesPass  = `{"type":"MATCH_CHARACTERISTICS","mask":"0000000000000010"},{"type":"ACTION_ACCEPT"}`
	drop         = `{"type":"ACTION_DROP"}`
	toWebPasses  = `{"type":"MATCH_IP_PROTOCOL","ipProtocol":6},{"type":"MATCH_IP_DEST_PORT_RANGE","start":8080,"end":8080},{"type":"ACTION_ACCEPT"}`
	toBothPasses = `{"type":"MATCH_IP_PROTOCOL","ipProtocol":6},{"type":"MATCH_IP_DEST_PORT_RANGE","start":8080,"end":8081},{"type":"ACTION_ACCEPT"}`
)

func rulesOf(parts ...string) string { return `"rules":[` + strings.Join(parts, ",") + `]` }

// ruled is a private network with rules, and more fields if any.
func ruled(subnet, rules, more string) string {
	return fmt.Sprintf(`{"name":"ruled","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true},"routes":[{"target":"%[1]s.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"%[1]s.1","ipRangeEnd":"%[1]s.254"}],%[2]s%[3]s}`, subnet, rules, more)
}

// serve answers at a port of every address of the computer: TCP with its name,
// UDP with what came.
func (b *box) serve(port int) {
	t := b.lab.t
	t.Helper()
	inside(t, b.ns, func() {
		l, err := net.Listen("tcp", fmt.Sprintf("[::]:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenPacket("udp", fmt.Sprintf("[::]:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = l.Close(), u.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.WriteString(c, b.name)
				_ = c.Close()
			}
		}()
		go func() {
			p := make([]byte, 100)
			for {
				n, from, err := u.ReadFrom(p)
				if err != nil {
					return
				}
				_, _ = u.WriteTo(p[:n], from)
			}
		}()
	})
}

// reaches asks a service of another computer, by "tcp" or "udp", and waits a
// moment for the answer.
func (b *box) reaches(network, host string, port int) error {
	t := b.lab.t
	t.Helper()
	var c net.Conn
	var err error
	const patience = 600 * time.Millisecond
	inside(t, b.ns, func() {
		c, err = net.DialTimeout(network, net.JoinHostPort(host, fmt.Sprint(port)), patience)
	})
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if network == "udp" {
		if _, err := io.WriteString(c, "x"); err != nil {
			return err
		}
	}
	if n, err := c.Read(make([]byte, 100)); n == 0 {
		return fmt.Errorf("no answer: %w", err)
	}
	return nil
}

// reached waits until a service answers.
func (b *box) reached(host string, port int) time.Duration {
	b.lab.t.Helper()
	return until(b.lab.t, 30*time.Second, fmt.Sprintf("TCP port %d of %s for %s", port, host, b.name), func() error { return b.reaches("tcp", host, port) })
}

// unreached waits until a service does not answer any more.
func (b *box) unreached(host string, port int) time.Duration {
	b.lab.t.Helper()
	return until(b.lab.t, 30*time.Second, fmt.Sprintf("TCP port %d of %s closed to %s", port, host, b.name), func() error {
		if b.reaches("tcp", host, port) == nil {
			return errors.New("it answers")
		}
		return nil
	})
}

// segmentTo is the first packet of a TCP connection as a frame between two
// members, in an explanation's form: without MACs.
func segmentTo(from, to string, port uint16) []byte {
	f := make([]byte, 14+40)
	f[12], f[13] = byte(ether.TypeIPv4>>8), byte(ether.TypeIPv4&0xff)
	ip := f[14:]
	ip[0], ip[3], ip[8], ip[9] = 0x45, 40, 64, ether.ProtoTCP
	src, dst := netip.MustParseAddr(from).As4(), netip.MustParseAddr(to).As4()
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	ip[20], ip[22], ip[23], ip[32], ip[33] = 0xc0, byte(port>>8), byte(port), 0x50, 2
	return f
}

// TestLabRulesServices: rules let pings and one TCP port pass, over IPv4 and
// IPv6, and nothing else; a change of them holds within seconds.
func TestLabRulesServices(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	fixed := []string{onlyIP, arpPasses, icmpPasses, icmp6Passes, repliesPass}
	nwid := s.found(0x60, ruled("10.161.0", rulesOf(append(fixed, toWebPasses, drop)...), ""))
	for _, x := range []*box{s.a, s.b} {
		s.admit(nwid, x, `{"authorized":true}`)
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b} {
		x.member(nwid, "OK")
		x.serve(8080)
		x.serve(8081)
	}
	four, six := map[*box]string{}, map[*box]string{}
	for _, x := range []*box{s.a, s.b} {
		four[x], six[x] = x.ip4(nwid), x.rfc4193(nwid)
	}
	t.Logf("pings after %v", s.a.pings(20*time.Second, four[s.b]))
	s.b.pings(10*time.Second, six[s.a])
	for _, way := range []struct{ from, to *box }{{s.a, s.b}, {s.b, s.a}} {
		for _, host := range []string{four[way.to], six[way.to]} {
			way.from.reached(host, 8080)
			if way.from.reaches("tcp", host, 8081) == nil || way.from.reaches("udp", host, 8080) == nil {
				t.Errorf("%s reaches more of %s than rules allow", way.from.name, host)
			}
		}
	}
	for _, x := range []struct{ at, other *box }{{s.a, s.b}, {s.b, s.a}} {
		if x.at.kind == referenceKind {
			continue
		}
		if r, err := x.at.client.NetworkRules(ctx(t), nwid); err != nil || len(r.Rules.Rules) != 16 || !strings.Contains(r.Rules.Text, "accept\n  ipprotocol tcp\n  and dport 8080\n;\n") {
			t.Errorf("%s: rules %+v, %v", x.at.name, r, err)
		}
		for port, verdict := range map[uint16]string{8080: "accept", 8081: "drop"} {
			for direction, ends := range map[string][2]*box{"out": {x.at, x.other}, "in": {x.other, x.at}} {
				q := ipc.FrameQuery{Frame: segmentTo(four[ends[0]], four[ends[1]], port), Direction: direction, From: ends[0].secret.Address.String(), To: ends[1].secret.Address.String()}
				e, err := x.at.client.ExplainFrame(ctx(t), nwid, q)
				if err != nil || e.Verdict != verdict || e.Why == "" || e.SourceMAC != identity.MACOf(mustNetwork(t, nwid), ends[0].secret.Address).String() {
					t.Errorf("%s, %s, port %d: %+v, %v; frame %s", x.at.name, direction, port, e, err, hex.EncodeToString(q.Frame))
				}
			}
		}
	}
	s.controller.post("/controller/network/"+nwid, "{"+rulesOf(append(fixed, toBothPasses, drop)...)+"}")
	t.Logf("another port is open after %v", s.a.reached(four[s.b], 8081))
	s.controller.post("/controller/network/"+nwid, "{"+rulesOf(append(fixed, toWebPasses, drop)...)+"}")
	t.Logf("and closed again after %v", s.a.unreached(four[s.b], 8081))
	s.a.reached(four[s.b], 8080)
}

func mustNetwork(t *testing.T, text string) identity.NetworkID {
	t.Helper()
	id, err := identity.ParseNetworkID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestLabRulesTags: only members whose tags are equal talk; a change of a tag
// brings them together, or apart.
func TestLabRulesTags(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	c := s.box("c")
	s.begin()
	nwid := s.found(0x61, ruled("10.162.0", rulesOf(onlyIP, arpPasses, icmp6Passes,
		`{"type":"MATCH_TAGS_DIFFERENCE","id":1000,"value":0},{"type":"ACTION_ACCEPT"}`, drop), `,"tags":[{"id":1000,"default":null}]`))
	tag := func(x *box, value int) {
		t.Helper()
		s.admit(nwid, x, fmt.Sprintf(`{"authorized":true,"tags":[[1000,%d]]}`, value))
	}
	for x, value := range map[*box]int{s.a: 1, s.b: 1, c: 2} {
		tag(x, value)
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b, c} {
		x.member(nwid, "OK")
	}
	to := map[*box]string{}
	for _, x := range []*box{s.a, s.b, c} {
		to[x] = x.ip4(nwid)
	}
	t.Logf("equal tags after %v", s.a.pings(30*time.Second, to[s.b]))
	s.b.pings(10*time.Second, to[s.a])
	s.a.silent(to[c])
	c.silent(to[s.b])
	tag(c, 1)
	t.Logf("a third member after %v", s.a.pings(70*time.Second, to[c]))
	tag(s.b, 7)
	t.Logf("one is apart after %v", s.a.cut(70*time.Second, to[s.b]))
	s.b.silent(to[c])
	s.a.pings(10*time.Second, to[c])
}

// TestLabRulesCapability: what rules refuse to all, a capability allows to the
// one member that has it, until it is taken away.
func TestLabRulesCapability(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	c := s.box("c")
	s.begin()
	nwid := s.found(0x62, ruled("10.163.0", rulesOf(onlyIP, arpPasses, icmpPasses, icmp6Passes, repliesPass),
		`,"capabilities":[{"id":5,"default":false,`+rulesOf(toWebPasses)+`}]`))
	for _, x := range []*box{s.a, s.b, c} {
		capabilities := "[]"
		if x == s.a {
			capabilities = "[5]"
		}
		s.admit(nwid, x, `{"authorized":true,"capabilities":`+capabilities+`}`)
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b, c} {
		x.member(nwid, "OK")
		x.serve(8080)
	}
	b, third := s.b.ip4(nwid), c.ip4(nwid)
	s.a.pings(30*time.Second, b)
	c.pings(30*time.Second, b)
	s.b.pings(30*time.Second, third)
	t.Logf("with the capability after %v", s.a.reached(b, 8080))
	s.a.reached(third, 8080)
	if c.reaches("tcp", b, 8080) == nil || s.b.reaches("tcp", third, 8080) == nil || s.b.reaches("tcp", s.a.ip4(nwid), 8080) == nil {
		t.Error("members without the capability connect")
	}
	s.admit(nwid, c, `{"capabilities":[5]}`)
	t.Logf("granted to another after %v", c.reached(b, 8080))
	s.admit(nwid, s.a, `{"capabilities":[]}`)
	t.Logf("taken away after %v", s.a.unreached(b, 8080))
	c.reached(b, 8080)
	s.a.pings(10*time.Second, b)
}

// TestLabRevokedStaysOut: who was expelled stays out for a member that was killed
// and started again since, although its certificate is valid by its date.
func TestLabRevokedStaysOut(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.onlyOurs(s.a) // the reference forgets revocations
	s.begin()
	nwid := s.found(0x63, ruled("10.164.0", rulesOf(`{"type":"ACTION_ACCEPT"}`), ""))
	for _, x := range []*box{s.a, s.b} {
		s.admit(nwid, x, `{"authorized":true}`)
		x.enter(nwid, "{}")
		x.member(nwid, "OK")
	}
	a, b := s.a.ip4(nwid), s.b.ip4(nwid)
	s.a.pings(30*time.Second, b)
	s.admit(nwid, s.b, `{"authorized":false}`)
	t.Logf("cut after %v", s.a.cut(5*time.Second, b))
	asked := s.b.asked()
	s.a.silent(b)
	s.a.silent("10.164.0.255")
	if n := s.b.asked() - asked; n != 0 {
		t.Errorf("the expelled member has got %d pings", n)
	}
	until(t, 5*time.Second, "revocation on disk", func() error {
		if text := s.a.readIf("networks.d/" + nwid + ".revoked"); !strings.HasPrefix(string(text), s.b.secret.Address.String()) {
			return fmt.Errorf("%q", text)
		}
		return nil
	})
	s.a.kill()
	s.begin(s.a)
	s.a.member(nwid, "OK")
	asked = s.b.asked()
	s.b.silent(a)
	s.a.silent(b)
	if n := s.b.asked() - asked; n != 0 {
		t.Errorf("the expelled member has got %d pings after the restart", n)
	}
	s.admit(nwid, s.b, `{"authorized":true}`)
	s.b.member(nwid, "OK")
	t.Logf("back after %v", s.a.pings(30*time.Second, b)) // b says nothing by itself
	s.b.pings(10*time.Second, a)
}

// received is the count of packets that the network's device has given to the
// computer.
func (b *box) received(nwid string) (n int) {
	t := b.lab.t
	t.Helper()
	m, err := b.membership(nwid)
	if err != nil {
		t.Fatal(err)
	}
	text, err := b.run("cat", "/sys/class/net/"+m.Device+"/statistics/rx_packets")
	if err != nil {
		t.Fatal(err)
	}
	return number(t, strings.TrimSpace(text))
}

// TestLabRulesTee: rules have an observer get copies of pings from both ends,
// without standing in the way; or all pings instead of the one they are for. An
// observer has an Ethernet device: the copies are not addressed to it.
func TestLabRulesTee(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	c := s.box("c")
	s.begin()
	echo := `{"type":"MATCH_ICMP","icmpType":8,"icmpCode":0},`
	rulesWith := func(action string) string {
		return rulesOf(echo+fmt.Sprintf(`{"type":%q,"address":%q,"flags":0,"length":0}`, action, c.secret.Address.String()), `{"type":"ACTION_ACCEPT"}`)
	}
	nwid := s.found(0x64, ruled("10.165.0", rulesWith("ACTION_TEE"), ""))
	for _, x := range []*box{s.a, s.b, c} {
		s.admit(nwid, x, `{"authorized":true}`)
		if x == c && x.kind != referenceKind {
			x.join(nwid, ipc.NetworkSettings{Port: "tap"})
		} else {
			x.enter(nwid, "{}")
		}
		x.member(nwid, "OK")
	}
	b := s.b.ip4(nwid)
	s.a.pings(30*time.Second, b)
	c.pings(30*time.Second, b)
	s.a.pings(30*time.Second, c.ip4(nwid))
	const pings = 20
	many := func() error {
		_, err := s.a.run("ping", "-n", fmt.Sprintf("-c%d", pings), "-i0.05", "-W1", b)
		return err
	}
	copies := func(before, want int) {
		t.Helper()
		until(t, 5*time.Second, "copies", func() error {
			if got := c.received(nwid) - before; got < want {
				return fmt.Errorf("%d copies of %d pings, want %d", got, pings, want)
			}
			return nil
		})
	}
	before := c.received(nwid)
	if err := many(); err != nil {
		t.Error(err)
	}
	copies(before, 2*pings)

	s.controller.post("/controller/network/"+nwid, "{"+rulesWith("ACTION_REDIRECT")+"}")
	t.Logf("redirected after %v", s.a.cut(10*time.Second, b))
	before, asked := c.received(nwid), s.b.asked()
	if err := many(); err == nil {
		t.Error("pings that are redirected get answers")
	}
	copies(before, pings)
	if n := s.b.asked() - asked; n != 0 {
		t.Errorf("%d of the pings that are redirected reached the one they are for", n)
	}
}
