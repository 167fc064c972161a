package main

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// suites counts the packets that a computer gets from and sends to another: bare
// ones, which no cipher protects, and the others. Parts that follow the first
// have no place for a cipher: they are told by their mark and not counted.
func (b *box) suites(other *box) {
	b.lab.t.Helper()
	for _, rule := range []string{
		"add table inet suites",
		"add chain inet suites in { type filter hook input priority 0 ; }", "add chain inet suites out { type filter hook output priority 0 ; }",
	} {
		must(b.lab.t, append([]string{"ip", "netns", "exec", b.ns, "nft"}, strings.Fields(rule)...)...)
	}
	for chain, end := range map[string]string{"in": "saddr", "out": "daddr"} {
		for name, op := range map[string]string{"bare": "==", "sealed": "!="} {
			must(b.lab.t, "ip", "netns", "exec", b.ns, "nft", fmt.Sprintf("add counter inet suites %s%s", chain, name))
			// The UDP header has 64 bits; the packet's byte 13 marks a part, and
			// bits 3 to 5 of its byte 18 are the cipher.
			must(b.lab.t, "ip", "netns", "exec", b.ns, "nft", fmt.Sprintf(
				"add rule inet suites %s ip %s %v udp length > 35 @th,168,8 != 0xff @th,208,8 & 0x38 %s 0x10 counter name %s%s", chain, end, other.addr, op, chain, name))
		}
	}
}

// suite is one of the counts: inbare, insealed, outbare, outsealed.
func (b *box) suite(name string) (n int) {
	t := b.lab.t
	t.Helper()
	text := must(t, "ip", "netns", "exec", b.ns, "nft", "list", "counter", "inet", "suites", name)
	_, text, _ = strings.Cut(text, "packets ")
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err, text)
	}
	return n
}

// TestTrustedPathWithTheReference has a network with the reference on a trusted
// path: frames of any length go without armour in both directions. With another
// ID at one end nothing arrives, and everything does once it is the same again.
func TestTrustedPathWithTheReference(t *testing.T) {
	referenceDir(t)
	l := newLab(t, "root", "a", "b")
	l.needsNFT()
	root, a, b := l.boxes[0], l.boxes[1], l.boxes[2]
	const conf = `{"settings":{"portMappingEnabled":false,"allowTcpFallbackRelay":false},"physical":{%s}}`
	trust := func(x *box, prefix string, id int) {
		x.write("local.conf", fmt.Appendf(nil, conf, fmt.Sprintf(`"%s":{"trustedPathId":%d}`, prefix, id)))
	}
	const id = 101010024
	root.write("local.conf", fmt.Appendf(nil, conf, ""))
	trust(a, b.addr.String()+"/32", id)
	trust(b, "10.97.0.0/16", id)
	root.start()
	nwid := root.secret.Address.String() + "000025"
	root.control(http.MethodPost, "/"+nwid, `{"name":"trusted","private":true,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.147.25.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.147.25.1","ipRangeEnd":"10.147.25.254"}]}`)
	addrs := map[*box]string{a: "10.147.25.2", b: "10.147.25.3"}
	for x, addr := range addrs {
		root.control(http.MethodPost, "/"+nwid+"/member/"+x.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":[%q]}`, addr))
	}
	a.suites(b)
	call := b.reference()
	if code, body := call("POST", "/network/"+nwid, "{}"); code != http.StatusOK {
		t.Fatal(body)
	}
	a.start()
	a.join(nwid, ipc.NetworkSettings{})
	a.network(nwid, ipc.OK)
	a.pings(20*time.Second, addrs[b])
	// both waits until bare packets go both ways, or sealed ones.
	both := func(kind string) {
		t.Helper()
		in, out := a.suite("in"+kind), a.suite("out"+kind)
		took := until(t, 45*time.Second, kind+" packets both ways", func() error {
			if err := a.ping(addrs[b]); err != nil {
				return err
			}
			if a.suite("in"+kind) < in+5 || a.suite("out"+kind) < out+5 {
				return errors.New("none yet")
			}
			return nil
		})
		t.Logf("%s packets both ways after %v", kind, took)
	}
	both("bare")
	in, out, inSealed, outSealed := a.suite("inbare"), a.suite("outbare"), a.suite("insealed"), a.suite("outsealed")
	for x, to := range map[*box]string{a: addrs[b], b: addrs[a]} {
		if text, err := exec.Command("ip", "netns", "exec", x.ns, "ping", "-n", "-q", "-c20", "-i0.05", "-s2600", "-W3", to).CombinedOutput(); err != nil || !strings.Contains(string(text), " 0% packet loss") {
			t.Errorf("long packets from %s: %s", x.name, text)
		}
	}
	if n, m := a.suite("inbare")-in, a.suite("outbare")-out; n < 40 || m < 40 {
		t.Errorf("80 long packets: %d bare ones came, %d went", n, m)
	}
	if n, m := a.suite("insealed")-inSealed, a.suite("outsealed")-outSealed; n > 20 || m > 20 {
		t.Errorf("%d sealed packets came, %d went: more than the few answers and probes", n, m)
	}

	trust(a, b.addr.String()+"/32", id+1)
	until(t, 40*time.Second, "end of the talk with another ID", func() error {
		if a.ping(addrs[b]) == nil {
			return errors.New("answered")
		}
		return nil
	})
	a.silent(addrs[b])
	in = a.suite("inbare")
	b.silent(addrs[a])
	if a.suite("inbare") == in {
		t.Error("the reference sent no bare packets that could be refused")
	}
	trust(a, b.addr.String()+"/32", id)
	both("bare")
}
