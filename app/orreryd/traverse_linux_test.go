package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// keepsPorts makes a gateway one that keeps ports where it can, and lets in
// answers from where was written to.
func (g *gateway) keepsPorts() {
	g.t.Helper()
	for _, line := range []string{"flush chain ip nat post", "add rule ip nat post oifname eth0 masquerade"} {
		must(g.t, append([]string{"ip", "netns", "exec", g.ns, "nft"}, strings.Fields(line)...)...)
	}
}

// TestConeToSymmetric has two computers behind gateways, one of which takes a
// random port for each destination: they are direct within 30 s of their first
// word, and the sockets that were opened for it are closed but for one.
func TestConeToSymmetric(t *testing.T) {
	t.Parallel()
	l := newLabAt(t, 47, "root", "a", "b")
	l.needsNFT()
	root, a, b := l.boxes[0], l.boxes[1], l.boxes[2]
	a.behind(1).keepsPorts()
	b.behind(2)
	for _, x := range l.boxes {
		x.write("local.conf", []byte(`{"settings":{"allowTcpFallbackRelay":false,"portMappingEnabled":false}}`))
	}
	root.start()
	nwid := root.secret.Address.String() + "000021"
	root.control(http.MethodPost, "/"+nwid, `{"name":"guessed","private":true,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.147.21.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.147.21.1","ipRangeEnd":"10.147.21.254"}]}`)
	for i, x := range []*box{a, b} {
		root.control(http.MethodPost, "/"+nwid+"/member/"+x.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":["10.147.21.%d"]}`, i+2))
	}
	l.startAll(a, b)
	for _, x := range []*box{a, b} {
		x.join(nwid, ipc.NetworkSettings{})
		x.network(nwid, ipc.OK)
	}
	until(t, 15*time.Second, "first word", func() error { return a.ping("10.147.21.3") })
	took := until(t, 30*time.Second, "direct path", func() error {
		if err := a.ping("10.147.21.3"); err != nil {
			return err
		}
		for _, x := range [2][2]*box{{a, b}, {b, a}} {
			p, err := x[0].client.Peer(ctx(t), x[1].secret.Address.String())
			if err != nil {
				return err
			}
			active := false
			for _, path := range p.Paths {
				active = active || path.Active && path.Preferred
			}
			if !active {
				return fmt.Errorf("paths are %+v", p.Paths)
			}
		}
		return nil
	})
	t.Logf("direct after %v", took)
	// A few sockets for each address and port, and one that became the path.
	until(t, 10*time.Second, "sockets closed", func() error {
		out, err := exec.Command("ip", "netns", "exec", b.ns, "ss", "-Huan").Output()
		if err != nil {
			return err
		}
		if n := strings.Count(string(out), "\n"); n > 16 {
			return fmt.Errorf("%d UDP sockets are open", n)
		}
		return nil
	})
}
