package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// recovery is how long traffic takes at most to flow again after the link's
// return, on a machine that is idle.
const recovery = 3 * time.Second

// roamer is a lab in which a talks to b and changes its place on the network.
// The root is the controller too. All have IPv4, and IPv6 if asked for.
type roamer struct {
	*lab
	root, a, b  *box
	nwid, addrB string
}

func newRoamer(t *testing.T, six bool) *roamer {
	t.Helper()
	l := newLab(t, "root", "a", "b")
	r := &roamer{lab: l, root: l.boxes[0], a: l.boxes[1], b: l.boxes[2], addrB: "10.147.18.3"}
	var endpoints []netip.AddrPort
	for i, x := range l.boxes {
		own := []netip.Addr{x.addr}
		if six {
			own = append(own, netip.AddrFrom16([16]byte{0xfd, 0x99, 15: byte(i + 1)}))
			must(t, "ip", "-n", x.ns, "addr", "add", own[1].String()+"/64", "dev", "eth0", "nodad")
		}
		for _, ip := range own {
			if i == 0 {
				endpoints = append(endpoints, netip.AddrPortFrom(ip, 9993))
			}
		}
	}
	key := world.GenerateSigningKey(func(b []byte) { b[0] = 9 })
	w, err := world.NewPlanet(78, clock.Wall(time.Now().UnixMilli()), []world.Root{{Identity: r.root.secret.Identity, Endpoints: endpoints}}, key.Public, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range l.boxes {
		x.write("planet", w.AppendBinary(nil))
	}
	l.startAll(l.boxes...)
	nwid := r.root.secret.Address.String() + "000018"
	r.nwid = nwid
	r.root.control(http.MethodPost, "/"+nwid, `{"name":"roam","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.147.18.0/24"}]}`)
	for x, addr := range map[*box]string{r.a: "10.147.18.2", r.b: r.addrB} {
		r.root.control(http.MethodPost, "/"+nwid+"/member/"+x.secret.Address.String(), fmt.Sprintf(`{"authorized":true,"ipAssignments":[%q]}`, addr))
		x.join(nwid, ipc.NetworkSettings{})
	}
	r.a.network(nwid, ipc.OK)
	r.b.network(nwid, ipc.OK)
	r.a.pings(15*time.Second, r.addrB)
	r.direct()
	return r
}

// direct waits until a has a direct path to b.
func (r *roamer) direct() {
	r.t.Helper()
	until(r.t, 20*time.Second, "direct path", func() error {
		_ = r.a.quick(r.addrB)
		p, err := r.a.client.Peer(ctx(r.t), r.b.secret.Address.String())
		if err == nil && !p.Direct {
			err = errors.New("relayed")
		}
		return err
	})
}

// quick sends one echo request and waits 200 ms for the answer; every fourth time
// longer, for machines on which answers are that slow.
func (b *box) quick(to string) error {
	patience := "-W0.2"
	if b.quicks++; b.quicks%4 == 0 {
		patience = "-W2"
	}
	out, err := exec.Command("ip", "netns", "exec", b.ns, "ping", "-n", "-c1", patience, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s", bytes.TrimSpace(out))
	}
	return nil
}

// ip changes something of a's physical network.
func (r *roamer) ip(args ...string) {
	r.t.Helper()
	must(r.t, append([]string{"ip", "-n", r.a.ns}, args...)...)
}

// recovers measures how long it takes until a reaches b again.
func (r *roamer) recovers(what string, since time.Time) {
	r.t.Helper()
	until(r.t, recovery, "traffic after "+what, func() error { return r.a.quick(r.addrB) })
	r.t.Logf("%s: traffic after %v", what, time.Since(since).Round(10*time.Millisecond))
}

// lost waits until a has noticed that its network is gone.
func (r *roamer) lost() {
	r.t.Helper()
	until(r.t, 10*time.Second, "notice of the loss", func() error {
		s, err := r.a.client.Status(ctx(r.t))
		if err == nil && s.Online {
			err = errors.New("online")
		}
		return err
	})
}

// TestRoaming moves a computer as a laptop is moved.
func TestRoaming(t *testing.T) {
	t.Parallel()
	r := newRoamer(t, true)
	sw := r.name + "-switch"
	t.Run("cable pulled and plugged in", func(t *testing.T) {
		r.t = t
		must(t, "ip", "-n", sw, "link", "set", "p1", "down")
		r.lost()
		if r.a.quick(r.addrB) == nil {
			t.Error("traffic without a cable")
		}
		must(t, "ip", "-n", sw, "link", "set", "p1", "up")
		r.recovers("the cable", time.Now())
	})
	t.Run("interface down and up", func(t *testing.T) {
		r.t = t
		r.ip("link", "set", "eth0", "down")
		r.lost()
		r.ip("link", "set", "eth0", "up")
		r.ip("route", "add", "default", "via", "10.97.0.254") // which went with the interface
		r.recovers("the interface", time.Now())
	})
	t.Run("another subnet", func(t *testing.T) {
		r.t = t
		must(t, "ip", "-n", sw, "addr", "add", "10.98.0.254/24", "dev", "br0")
		r.ip("addr", "flush", "dev", "eth0", "scope", "global")
		r.ip("addr", "add", "10.98.0.9/24", "dev", "eth0")
		r.ip("route", "add", "default", "via", "10.98.0.254")
		r.recovers("the move", time.Now())
		r.sockets("at the new address alone", func(on string) bool {
			return !strings.Contains(on, "10.97.") && !strings.Contains(on, "fd99::") && strings.Contains(on, "10.98.0.9/")
		})
	})
	t.Run("IPv6 only", func(t *testing.T) {
		r.t = t
		r.ip("addr", "add", "fd99::77/64", "dev", "eth0", "nodad")
		r.direct()
		r.ip("addr", "flush", "dev", "eth0", "scope", "global")
		r.ip("addr", "add", "fd99::77/64", "dev", "eth0", "nodad")
		r.recovers("the loss of IPv4", time.Now())
		r.sockets("of IPv6 alone", func(on string) bool { return !strings.Contains(on, "10.") && strings.Contains(on, "fd99::77/") })
	})
	t.Run("IPv4 again", func(t *testing.T) {
		r.t = t
		r.ip("addr", "flush", "dev", "eth0", "scope", "global")
		r.ip("addr", "add", r.a.addr.String()+"/24", "dev", "eth0")
		r.ip("route", "add", "default", "via", "10.97.0.254")
		r.recovers("the return of IPv4", time.Now())
	})
	t.Run("two ways", func(t *testing.T) { r.t = t; twoWays(t, r) })
	t.Run("new interface of the same name", func(t *testing.T) {
		r.t = t
		r.ip("link", "del", "eth0")
		must(t, "ip", "-n", sw, "link", "add", "p1", "type", "veth", "peer", "name", "eth0", "netns", r.a.ns)
		must(t, "ip", "-n", sw, "link", "set", "p1", "master", "br0", "up")
		r.ip("addr", "add", r.a.addr.String()+"/24", "dev", "eth0")
		r.ip("link", "set", "eth0", "up")
		r.ip("route", "add", "default", "via", "10.97.0.254")
		r.recovers("the new interface", time.Now())
	})
	t.Run("no network", func(t *testing.T) { r.t = t; noNetwork(t, r) })
	for _, x := range r.boxes {
		x.stop()
	}
}

// twoWays connects a to a second network, less preferred, and pulls the cable
// of the first.
func twoWays(t *testing.T, r *roamer) {
	sw := r.name + "-switch"
	must(t, "ip", "-n", sw, "link", "add", "p9", "type", "veth", "peer", "name", "eth0b", "netns", r.a.ns)
	must(t, "ip", "-n", sw, "addr", "add", "10.96.0.254/24", "dev", "p9")
	must(t, "ip", "-n", sw, "link", "set", "p9", "up")
	r.ip("addr", "add", "10.96.0.9/24", "dev", "eth0b")
	r.ip("link", "set", "eth0b", "up")
	r.ip("route", "add", "default", "via", "10.96.0.254", "metric", "700")
	r.sockets("on both", func(on string) bool {
		return strings.Contains(on, "10.96.0.9/") && strings.Contains(on, r.a.addr.String()+"/")
	})
	must(t, "ip", "-n", sw, "link", "set", "p1", "down")
	r.recovers("the loss of one of two ways", time.Now())
	r.sockets("none without a cable", func(on string) bool { return !strings.Contains(on, r.a.addr.String()+"/") })
	r.recovers("the end of its sockets", time.Now())
	must(t, "ip", "-n", sw, "link", "set", "p1", "up")
	r.ip("link", "del", "eth0b")
	r.recovers("the change back", time.Now())
}

// sockets waits until a's UDP sockets are where they should be.
func (r *roamer) sockets(what string, are func(on string) bool) {
	r.t.Helper()
	until(r.t, 10*time.Second, "sockets, "+what, func() error {
		if on := r.a.listening(); !are(on) {
			return errors.New(on)
		}
		return nil
	})
}

// listening lists where the computer's UDP sockets are.
func (b *box) listening() string {
	c, err := b.client.Config(ctx(b.lab.t))
	if err != nil {
		b.lab.t.Fatal(err)
	}
	return strings.Join(c.ListeningOn, " ")
}

// noNetwork leaves a without any address: nothing is said, and nothing done.
func noNetwork(t *testing.T, r *roamer) {
	r.ip("link", "set", "eth0", "down")
	r.lost()
	pid := r.a.pid()
	lines := strings.Count(r.a.output.String(), "\n")
	before := cpu(t, pid)
	const window = 4 * time.Second
	<-time.After(window) // what is measured is that nothing happens
	used := cpu(t, pid) - before
	t.Logf("without a network: %v of CPU time in %v", used, window)
	if used > window/4 { // it takes 10 ms
		t.Errorf("%v of CPU time in %v without a network", used, window)
	}
	// A part that is slower than the others may say once that its network is gone.
	if now := r.a.output.String(); strings.Count(now, "\n") > lines+2 {
		t.Errorf("the log grows without a network:\n%s", now)
	}
	r.ip("link", "set", "eth0", "up")
	r.ip("route", "add", "default", "via", "10.97.0.254")
	r.recovers("no network", time.Now())
}

// pid is the process ID of the computer's orreryd, which ip became.
func (b *box) pid() int {
	b.lab.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", b.cmd.Process.Pid))
	if err != nil || !bytes.Contains(data, []byte("run\x00")) {
		b.lab.t.Fatalf("process %d is %q, %v", b.cmd.Process.Pid, data, err)
	}
	return b.cmd.Process.Pid
}

// cpu is the CPU time that a process has used, in steps of 10 ms.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	f := strings.Fields(string(rest))
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestBlockedPorts has a router that lets nothing through from and to the ports
// that a uses. Once that is certain, a takes another one by itself. It is sooner
// certain after a resume; without one it takes two minutes, which the simulator
// shows.
func TestBlockedPorts(t *testing.T) {
	t.Parallel()
	r := newRoamer(t, false)
	r.needsIPTables()
	sw := r.name + "-switch"
	c, err := r.a.client.Config(ctx(t))
	if err != nil || c.SecondaryPort == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, port := range []int{c.PrimaryPort, c.SecondaryPort, c.TertiaryPort} {
		for _, rule := range [][]string{{"-s", r.a.addr.String(), "-p", "udp", "--sport"}, {"-d", r.a.addr.String(), "-p", "udp", "--dport"}} {
			must(t, append(append([]string{"ip", "netns", "exec", sw, "iptables", "-w", "-A", "FORWARD"}, rule...), strconv.Itoa(port), "-j", "DROP")...)
		}
	}
	must(t, "ip", "-n", sw, "link", "set", "p1", "down")
	r.lost()
	must(t, "ip", "-n", sw, "link", "set", "p1", "up")
	// A search for a direct way opens sockets of its own and may be first with the
	// traffic; the roots need the new port.
	begun := time.Now()
	took := until(t, 60*time.Second, "traffic by another port", func() error { return r.a.quick(r.addrB) })
	t.Logf("ports blocked: traffic after %v", took.Round(10*time.Millisecond))
	until(t, 60*time.Second, "another port", func() error {
		now, err := r.a.client.Config(ctx(t))
		if err != nil || now.SecondaryPort == c.SecondaryPort || now.SecondaryPort == 0 || now.PrimaryPort != c.PrimaryPort {
			return fmt.Errorf("ports %+v after %+v, %v", now, c, err)
		}
		return nil
	})
	t.Logf("another port after %v", time.Since(begun).Round(10*time.Millisecond))
	r.a.online()
	until(t, 15*time.Second, "traffic", func() error { return r.a.quick(r.addrB) })
	if n := strings.Count(r.a.output.String(), "another UDP port is tried"); n != 1 {
		t.Errorf("%d other ports were tried", n)
	}
}

// TestRouteOverOurselves has a network with a route to the very subnet in which
// the others are on the physical network: what carries the network must not go
// into it. It is no default route, so the firewall mark does not help; that the
// sockets are bound to their device does.
func TestRouteOverOurselves(t *testing.T) {
	t.Parallel()
	r := newRoamer(t, false)
	r.root.control(http.MethodPost, "/"+r.nwid, fmt.Sprintf(`{"routes":[{"target":"10.147.18.0/24"},{"target":"10.99.0.0/24","via":%q}]}`, r.addrB))
	device := r.a.network(r.nwid, ipc.OK).Device
	until(t, 20*time.Second, "route over the physical network", func() error {
		if out := must(t, "ip", "-n", r.a.ns, "route", "get", r.root.addr.String()); !strings.Contains(out, "dev "+device) {
			return errors.New(out)
		}
		return nil
	})
	r.direct()
	for _, x := range []*box{r.root, r.b} {
		p, err := r.a.client.Peer(ctx(t), x.secret.Address.String())
		if err != nil || !p.Direct {
			t.Errorf("%s: %+v, %v", x.name, p, err)
		}
	}
	// All paths anew, with the route there from the start.
	sw := r.name + "-switch"
	must(t, "ip", "-n", sw, "link", "set", "p1", "down")
	r.lost()
	must(t, "ip", "-n", sw, "link", "set", "p1", "up")
	r.recovers("the cable, with a route over it", time.Now())
	r.a.online()
	r.direct()
}
