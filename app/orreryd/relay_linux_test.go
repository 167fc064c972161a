package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// relayed is a lab with a root that is the controller too, a TCP relay, and two
// members of a network, of which a uses the relay after three seconds without
// UDP.
type relayed struct {
	*lab
	root, relay, a, b *box
	nwid              string
	addrA, addrB      string
}

// relayedNetwork makes one; nothing of it runs but the root and the relay.
func relayedNetwork(t *testing.T) *relayed {
	t.Helper()
	l := newLabAt(t, 44, "root", "relay", "a", "b")
	l.needsNFT()
	r := &relayed{lab: l, root: l.boxes[0], relay: l.boxes[1], a: l.boxes[2], b: l.boxes[3], addrA: "10.147.18.2", addrB: "10.147.18.3"}
	r.relay.execute("relay", "--listen", ":443", "--metrics", "127.0.0.1:9094")
	r.a.env = []string{deafnessVariable + "=3s"}
	r.a.write("local.conf", fmt.Appendf(nil, `{"settings":{"portMappingEnabled":false,"tcpFallbackRelay":"%v/443"}}`, r.relay.addr))
	for _, b := range []*box{r.root, r.b} {
		b.write("local.conf", []byte(`{"settings":{"portMappingEnabled":false,"allowTcpFallbackRelay":false}}`))
	}
	r.root.start()
	r.nwid = r.root.secret.Address.String() + "000018"
	r.root.control(http.MethodPost, "/"+r.nwid, `{"name":"relayed","private":true,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.147.18.0/24"},{"target":"0.0.0.0/0","via":"10.147.18.3"}],"ipAssignmentPools":[{"ipRangeStart":"10.147.18.1","ipRangeEnd":"10.147.18.254"}]}`)
	for b, addr := range map[*box]string{r.a: r.addrA, r.b: r.addrB} {
		r.root.control(http.MethodPost, "/"+r.nwid+"/member/"+b.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":[%q]}`, addr))
	}
	return r
}

// blockUDP lets no UDP through on the computer's physical interface, in either
// direction, until unblockUDP.
func (b *box) blockUDP() {
	b.lab.t.Helper()
	for _, rule := range []string{
		"add table inet blocked",
		"add chain inet blocked in { type filter hook input priority 0 ; }", "add rule inet blocked in iifname eth0 meta l4proto udp drop",
		"add chain inet blocked out { type filter hook output priority 0 ; }", "add rule inet blocked out oifname eth0 meta l4proto udp drop",
	} {
		must(b.lab.t, append([]string{"ip", "netns", "exec", b.ns, "nft"}, strings.Fields(rule)...)...)
	}
}

func (b *box) unblockUDP() {
	b.lab.t.Helper()
	must(b.lab.t, "ip", "netns", "exec", b.ns, "nft", "delete", "table", "inet", "blocked")
}

// tunneled waits until the computer uses its relay, or does not any more.
func (b *box) tunneled(d time.Duration, want bool) time.Duration {
	t := b.lab.t
	t.Helper()
	return until(t, d, fmt.Sprintf("TCP relay in use: %v", want), func() error {
		c, err := b.client.Config(ctx(t))
		if err == nil && c.TCPFallbackActive != want {
			err = errors.New("it is otherwise")
		}
		return err
	})
}

// count is a counter of the relay.
func (r *relayed) count(name string) (n uint64) {
	r.t.Helper()
	code, body := r.relay.raw("127.0.0.1:9094", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(value, &n); err == nil {
				return n
			}
		}
	}
	r.t.Fatalf("no counter %s: %d %s", name, code, body)
	return 0
}

// TestTCPRelay has UDP blocked for a computer: its traffic goes through the TCP
// relay, and by UDP again when that works.
func TestTCPRelay(t *testing.T) {
	t.Parallel()
	r := relayedNetwork(t)
	a, b := r.a, r.b
	r.startAll(a, b)
	for _, x := range []*box{a, b} {
		x.join(r.nwid, ipc.NetworkSettings{})
		x.network(r.nwid, ipc.OK)
	}
	a.pings(15*time.Second, r.addrB)
	a.tunneled(30*time.Second, false)
	earlier := r.count("orrery_relay_accepted_total")
	if earlier != 0 { // which is right on a machine that gives nobody a turn for that long
		t.Logf("%d connections to the relay although UDP works: three seconds passed without an answer", earlier)
	}

	a.blockUDP()
	t.Logf("the relay is connected %v after the block", a.tunneled(30*time.Second, true))
	t.Logf("traffic after %v more", a.pings(10*time.Second, r.addrB))
	b.pings(5*time.Second, r.addrA)
	a.online()
	if c, err := a.client.Config(ctx(t)); err != nil || c.TCPRelay.State != "connected" || c.TCPRelay.Sessions == 0 || !strings.Contains(c.TCPRelay.Text, "44.99.0.2:443") {
		t.Errorf("%v, relay: %+v", err, c.TCPRelay)
	}
	a.alert("tcprelay.connected")
	if p, err := a.client.Peer(ctx(t), r.root.secret.Address.String()); err != nil || !slices.ContainsFunc(p.Paths, func(p ipc.Path) bool { return p.TCPRelay && p.Preferred }) {
		t.Errorf("%v, root: %+v", err, p)
	}
	until(t, 10*time.Second, "long packets through the relay", func() error {
		if _, err := a.run("ping", "-n", "-c3", "-i0.2", "-s4000", "-W3", r.addrB); err != nil {
			return err
		}
		if sent, back := r.count("orrery_relay_udp_bytes_total"), r.count("orrery_relay_tcp_bytes_total"); sent < 12_000 || back < 12_000 {
			return fmt.Errorf("%d bytes went through the relay, %d came back", sent, back)
		}
		return nil
	})
	t.Logf("%d connections to the relay since the block", r.count("orrery_relay_accepted_total")-earlier)

	a.unblockUDP()
	t.Logf("the relay is left %v after the end of the block", a.tunneled(30*time.Second, false))
	a.noAlert("tcprelay")
	a.pings(5*time.Second, r.addrB)
	until(t, 10*time.Second, "end of the connection at the relay, and traffic without it", func() error {
		carried := r.count("orrery_relay_udp_datagrams_total")
		a.pings(5*time.Second, r.addrB)
		if n, clients := r.count("orrery_relay_udp_datagrams_total"), r.count("orrery_relay_clients"); n != carried || clients != 0 {
			return fmt.Errorf("%d clients, %d datagrams, then %d", clients, carried, n)
		}
		return nil
	})
	r.relay.stop()
}

// TestTCPRelayFromTheStart has a computer start where no UDP passes, with a
// relay that comes later and goes away for a while.
func TestTCPRelayFromTheStart(t *testing.T) {
	t.Parallel()
	r := relayedNetwork(t)
	a, b := r.a, r.b
	b.start()
	b.join(r.nwid, ipc.NetworkSettings{})
	r.relay.stop()
	a.blockUDP()
	a.start()
	a.join(r.nwid, ipc.NetworkSettings{})
	r.relay.execute("relay", "--listen", ":443", "--metrics", "127.0.0.1:9094")
	a.tunneled(45*time.Second, true)
	a.online()
	a.network(r.nwid, ipc.OK)
	t.Logf("traffic after %v more", a.pings(15*time.Second, r.addrB))
	r.relay.stop()
	a.tunneled(10*time.Second, false)
	r.relay.execute("relay", "--listen", ":443", "--metrics", "127.0.0.1:9094")
	a.tunneled(30*time.Second, true)
	a.pings(15*time.Second, r.addrB)
}

// TestForcedTCPRelay has a computer that must use its relay although UDP works:
// it sends no UDP at all. The setting is followed while it runs.
func TestForcedTCPRelay(t *testing.T) {
	t.Parallel()
	r := relayedNetwork(t)
	a, b := r.a, r.b
	conf := `{"settings":{"portMappingEnabled":false,"tcpFallbackRelay":"%v/443","forceTcpRelay":%v}}`
	a.write("local.conf", fmt.Appendf(nil, conf, r.relay.addr, true))
	must(t, "ip", "netns", "exec", a.ns, "nft", "add", "table", "inet", "watch")
	must(t, "ip", "netns", "exec", a.ns, "nft", "add", "chain", "inet", "watch", "out", "{", "type", "filter", "hook", "output", "priority", "0", ";", "}")
	must(t, "ip", "netns", "exec", a.ns, "nft", "add", "rule", "inet", "watch", "out", "oifname", "eth0", "meta", "l4proto", "udp", "counter")
	r.startAll(a, b)
	for _, x := range []*box{a, b} {
		x.join(r.nwid, ipc.NetworkSettings{})
		x.network(r.nwid, ipc.OK)
	}
	a.tunneled(5*time.Second, true)
	a.pings(15*time.Second, r.addrB)
	if rules := must(t, "ip", "netns", "exec", a.ns, "nft", "list", "table", "inet", "watch"); !strings.Contains(rules, "counter packets 0 ") {
		t.Errorf("UDP left the computer:\n%s", rules)
	}
	// A network that has the default route does not get the connection to the
	// relay, neither the one that there is nor a new one.
	yes := true
	if _, err := a.client.SetNetwork(ctx(t), r.nwid, ipc.NetworkSettings{AllowDefault: &yes}); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "default route", func() error {
		if route := must(t, "ip", "-n", a.ns, "route", "get", "44.99.0.2"); strings.Contains(route, "eth0") {
			return errors.New(route)
		}
		return nil
	})
	a.pings(5*time.Second, r.addrB)
	r.relay.stop()
	a.tunneled(10*time.Second, false)
	r.relay.execute("relay", "--listen", ":443", "--metrics", "127.0.0.1:9094")
	a.tunneled(30*time.Second, true)
	a.pings(15*time.Second, r.addrB)
	a.write("local.conf", fmt.Appendf(nil, conf, r.relay.addr, false))
	a.tunneled(40*time.Second, false)
	a.pings(15*time.Second, r.addrB)
}

// reference runs the reference on the computer and returns a function that calls
// its API. It skips the test unless REF_DIR names a directory with a build.
func (b *box) reference() (call func(method, path, body string) (int, string)) {
	t := b.lab.t
	t.Helper()
	node := exec.Command("ip", "netns", "exec", b.ns, filepath.Join(referenceDir(t), "zerotier-one"), "-U", "-p9993", b.home)
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Process.Kill(); _ = node.Wait() })
	call = func(method, path, body string) (int, string) {
		return b.raw("127.0.0.1:9993", fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ZT1-Auth: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			method, path, bytes.TrimSpace(b.read("authtoken.secret")), len(body), body))
	}
	until(t, 20*time.Second, "API of the reference", func() error {
		if _, err := os.Stat(filepath.Join(b.home, "authtoken.secret")); err != nil {
			return err
		}
		if code, body := call("GET", "/status", ""); code != http.StatusOK {
			return errors.New(body)
		}
		return nil
	})
	return call
}

// referenceDir is where a build of the reference is.
func referenceDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("REF_DIR")
	if dir == "" {
		t.Skip("REF_DIR does not say where a build of the reference is")
	}
	return dir
}

// TestReferenceUsesOurRelay has the reference as the client of our relay, with
// nothing else left to it.
func TestReferenceUsesOurRelay(t *testing.T) {
	referenceDir(t)
	r := relayedNetwork(t)
	a, b := r.a, r.b
	b.start()
	b.join(r.nwid, ipc.NetworkSettings{})
	a.write("local.conf", fmt.Appendf(nil, `{"settings":{"portMappingEnabled":false,"allowTcpFallbackRelay":true,"forceTcpRelay":true,"tcpFallbackRelay":"%v/443"}}`, r.relay.addr))
	a.blockUDP()
	call := a.reference()
	if code, body := call("POST", "/network/"+r.nwid, "{}"); code != http.StatusOK {
		t.Fatal(body)
	}
	until(t, 30*time.Second, "network of the reference", func() error {
		if _, body := call("GET", "/network/"+r.nwid, ""); !strings.Contains(body, r.addrA) {
			return errors.New(body)
		}
		return nil
	})
	t.Logf("traffic after %v more", a.pings(20*time.Second, r.addrB))
	if _, status := call("GET", "/status", ""); !strings.Contains(strings.ReplaceAll(status, " ", ""), `"tcpFallbackActive":true`) {
		t.Errorf("status of the reference: %s", status)
	}
	if n := r.count("orrery_relay_violations_total"); n != 0 || r.count("orrery_relay_udp_datagrams_total") == 0 {
		t.Errorf("%d violations", n)
	}
}

// TestRelayedToTheReference has a reference as root, controller and the other
// member, for a computer that reaches them through a TCP relay only.
func TestRelayedToTheReference(t *testing.T) {
	referenceDir(t)
	l := newLabAt(t, 44, "root", "relay", "a", "b")
	r := &relayed{lab: l, root: l.boxes[0], relay: l.boxes[1], a: l.boxes[2], b: l.boxes[3], addrA: "10.147.20.2", addrB: "10.147.20.3"}
	r.relay.execute("relay", "--listen", ":443", "--metrics", "127.0.0.1:9094")
	for _, x := range []*box{r.root, r.b} {
		x.write("local.conf", []byte(`{"settings":{"portMappingEnabled":false,"allowTcpFallbackRelay":false}}`))
	}
	r.a.write("local.conf", fmt.Appendf(nil, `{"settings":{"portMappingEnabled":false,"tcpFallbackRelay":"%v/443"}}`, r.relay.addr))
	r.a.env = []string{deafnessVariable + "=3s"}
	root, b := r.root.reference(), r.b.reference()
	nwid := r.root.secret.Address.String() + "000020"
	must := func(code int, body string) {
		t.Helper()
		if code != http.StatusOK {
			t.Fatal(code, body)
		}
	}
	must(root("POST", "/controller/network/"+nwid, `{"private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.147.20.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.147.20.1","ipRangeEnd":"10.147.20.254"}]}`))
	for x, addr := range map[*box]string{r.a: r.addrA, r.b: r.addrB} {
		must(root("POST", "/controller/network/"+nwid+"/member/"+x.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":[%q]}`, addr)))
	}
	must(b("POST", "/network/"+nwid, "{}"))
	r.a.blockUDP()
	r.a.start()
	r.a.join(nwid, ipc.NetworkSettings{})
	r.a.tunneled(20*time.Second, true)
	r.a.online()
	r.a.network(nwid, ipc.OK)
	t.Logf("traffic after %v more", r.a.pings(20*time.Second, r.addrB))
	r.a.unblockUDP()
	t.Logf("the relay is left %v after the end of the block", r.a.tunneled(30*time.Second, false))
	r.a.pings(10*time.Second, r.addrB)
}
