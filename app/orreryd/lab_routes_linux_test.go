package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// lanBehind connects a computer without a node to a card of its own of b's: a LAN
// 172.30.N.0/24 in which b is the router, .1, and the other .9. It returns how to
// run programs on the other.
func (s *scene) lanBehind(b *box, n int) func(args ...string) (string, error) {
	t := s.t
	t.Helper()
	ns := s.name + "-host" + b.name
	must(t, "ip", "netns", "add", ns)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	must(t, "ip", "-n", b.ns, "link", "add", "eth0lan", "type", "veth", "peer", "name", "lan", "netns", ns)
	must(t, "ip", "-n", b.ns, "addr", "add", fmt.Sprintf("172.30.%d.1/24", n), "dev", "eth0lan")
	must(t, "ip", "-n", b.ns, "link", "set", "eth0lan", "up")
	must(t, "ip", "netns", "exec", b.ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	must(t, "ip", "-n", ns, "addr", "add", fmt.Sprintf("172.30.%d.9/24", n), "dev", "lan")
	must(t, "ip", "-n", ns, "link", "set", "lan", "up")
	must(t, "ip", "-n", ns, "link", "set", "lo", "up")
	must(t, "ip", "-n", ns, "route", "add", "default", "via", fmt.Sprintf("172.30.%d.1", n))
	return func(args ...string) (string, error) {
		out, err := exec.Command("ip", append([]string{"netns", "exec", ns}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
		return string(out), err
	}
}

// TestLabRoutes has two members be the gateways between the LANs behind them, by
// managed routes. A third member reaches both.
func TestLabRoutes(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	c := s.box("c")
	hostA, hostB := s.lanBehind(s.a, 4), s.lanBehind(s.b, 5)
	s.begin()
	nwid := s.found(0x33, `{"name":"routes","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.149.0.0/24"},
		{"target":"172.30.4.0/24","via":"10.149.0.1"},{"target":"172.30.5.0/24","via":"10.149.0.2"}]}`)
	for i, x := range []*box{s.a, s.b, c} {
		s.admit(nwid, x, fmt.Sprintf(`{"authorized":true,"ipAssignments":["10.149.0.%d"]}`, i+1))
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b, c} {
		x.member(nwid, "OK")
	}
	reach := func(what string, run func(...string) (string, error), to string) {
		t.Helper()
		took := until(t, 60*time.Second, what, func() error {
			_, err := run("ping", "-n", "-c1", "-W1", to)
			return err
		})
		t.Logf("%s after %v", what, took.Round(time.Millisecond))
	}
	reach("LAN to LAN", hostA, "172.30.5.9")
	reach("and back", hostB, "172.30.4.9")
	reach("member to one LAN", c.run, "172.30.4.9")
	reach("member to the other", c.run, "172.30.5.9")
	reach("long packets", func(a ...string) (string, error) { return hostA(append(a, "-s", "4000")...) }, "172.30.5.9")
	// What the gateways tell of their LANs are no paths for the network itself.
	for _, x := range []*box{s.a, s.b, c} {
		var peers []struct {
			Address string
			Paths   []struct{ Address string }
		}
		if err := x.get("/peer", &peers); err != nil {
			t.Fatal(err)
		}
		for _, p := range peers {
			for _, path := range p.Paths {
				if strings.HasPrefix(path.Address, "172.30.") || strings.HasPrefix(path.Address, "10.149.") {
					t.Errorf("%s reaches %s by way of the network itself: %s", x.name, p.Address, path.Address)
				}
			}
		}
		// Nobody routes his own LAN into the network.
		if x != c {
			own := map[*box]string{s.a: "172.30.4.9", s.b: "172.30.5.9"}[x]
			if out, err := x.run("ip", "route", "get", own); err != nil || !strings.Contains(out, "dev eth0lan") {
				t.Errorf("%s sends to its own LAN by %s, %v", x.name, out, err)
			}
		}
	}
	// The network changes its routes.
	s.controller.post("/controller/network/"+nwid, `{"routes":[{"target":"10.149.0.0/24"},{"target":"172.30.4.0/24","via":"10.149.0.1"},{"target":"172.30.6.0/24","via":"10.149.0.2"}]}`)
	until(t, 90*time.Second, "end of a route", func() error {
		out, err := c.run("ip", "route", "show", "172.30.5.0/24")
		if err == nil && out != "" {
			err = errors.New(out)
		}
		return err
	})
	until(t, 90*time.Second, "a new route", func() error {
		out, err := c.run("ip", "route", "show", "172.30.6.0/24")
		if err == nil && !strings.Contains(out, "via 10.149.0.2") {
			err = fmt.Errorf("%q", out)
		}
		return err
	})
	reach("the other LAN, still", c.run, "172.30.4.9")
	// A gateway that dies and comes back is one again.
	s.a.kill()
	s.begin(s.a)
	reach("LAN of a gateway that came back", c.run, "172.30.4.9")
}
