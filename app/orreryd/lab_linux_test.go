package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// A lab is a router and computers on it, each in a network namespace of its
// own, that run this test binary as orreryd. The computer "a" is in a subnet of
// its own. Nothing of it is connected to the machine's own network.

//go:embed testdata/secrets.txt
var secretLines string

// labs counts the labs of this process, for names.
var labs atomic.Int32

const (
	labPrefix = "orreryd-test-"
	// grace is what tests wait in vain before they fail, beyond what a thing
	// takes on a machine that does little else. It costs nothing when that comes.
	grace = 2 * time.Minute
)

type lab struct {
	t      *testing.T
	name   string
	net    byte // the first byte of its physical addresses
	boxes  []*box
	planet []byte
}

// box is a computer.
type box struct {
	lab    *lab
	name   string
	ns     string
	addr   netip.Addr // on the physical network
	secret *identity.Secret
	kind   string // what a scene runs on it
	home   string
	env    []string // more of the environment
	quicks int      // calls of quick
	client *ipc.Client

	cmd    *exec.Cmd
	life   *os.File
	output *output
	ended  chan struct{}
}

// newLab makes a lab with a computer for each name; the first is the root of
// the lab's planet. Homes are made, nothing runs.
func newLab(t *testing.T, names ...string) *lab {
	t.Helper()
	return newLabAt(t, 10, names...)
}

// newLabAt is newLab with another first byte of the physical addresses, such as
// 44 for addresses of the Internet instead of private ones.
func newLabAt(t *testing.T, net byte, names ...string) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	for _, tool := range []string{"ip", "ping"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs the program %s", tool)
		}
	}
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("needs a kernel with IPv6")
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a kernel with TUN devices: %v", err)
	}
	_ = tun.Close()
	t.TempDir() // so that homes are removed only after what runs there is gone
	sweep()
	l := &lab{t: t, net: net, name: fmt.Sprintf("%s%d-%d", labPrefix, os.Getpid(), labs.Add(1))}
	sw := l.name + "-switch"
	if out, err := exec.Command("ip", "netns", "add", sw).CombinedOutput(); err != nil {
		t.Skipf("cannot make a network namespace: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", sw).Run() })
	l.needs("bridges", "ip", "-n", sw, "link", "add", "br0", "type", "bridge")
	must(t, "ip", "-n", sw, "link", "set", "br0", "up")
	for _, gateway := range []string{"%d.99.0.254/24", "%d.97.0.254/24"} {
		must(t, "ip", "-n", sw, "addr", "add", fmt.Sprintf(gateway, net), "dev", "br0")
	}
	l.needs("a router", "ip", "netns", "exec", sw, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	for i, name := range names {
		l.add(sw, name, i)
	}
	l.makePlanet()
	return l
}

// needs runs a program without which the test cannot be made here.
func (l *lab) needs(what string, args ...string) {
	l.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		l.t.Skipf("needs %s: %s: %v %s", what, strings.Join(args, " "), err, out)
	}
}

// needsNFT skips the test where there is no nftables, or none in the kernel.
func (l *lab) needsNFT() {
	l.t.Helper()
	l.needs("nftables", "ip", "netns", "exec", l.name+"-switch", "nft", "add table inet probe; delete table inet probe")
}

// needsIPTables is the same for iptables, as a router's.
func (l *lab) needsIPTables() {
	l.t.Helper()
	l.needs("iptables", "ip", "netns", "exec", l.name+"-switch", "iptables", "-w", "-A", "FORWARD", "-p", "udp", "--sport", "9", "-j", "ACCEPT")
}

// add connects a computer to the switch.
func (l *lab) add(sw, name string, i int) {
	t := l.t
	t.Helper()
	secret, err := identity.ParseSecret(strings.Fields(secretLines)[i])
	if err != nil {
		t.Fatal(err)
	}
	subnet := byte(99)
	if name == "a" {
		subnet = 97
	}
	b := &box{lab: l, name: name, ns: l.name + "-" + name, addr: netip.AddrFrom4([4]byte{l.net, subnet, 0, byte(i + 1)}), secret: secret}
	must(t, "ip", "netns", "add", b.ns)
	t.Cleanup(func() {
		b.kill()
		_ = exec.Command("ip", "netns", "del", b.ns).Run()
		if t.Failed() && b.output != nil {
			t.Logf("log of %s:\n%s", b.name, b.output)
		}
	})
	port := fmt.Sprintf("p%d", i)
	must(t, "ip", "-n", sw, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", b.ns)
	must(t, "ip", "-n", sw, "link", "set", port, "master", "br0", "up")
	must(t, "ip", "-n", b.ns, "addr", "add", b.addr.String()+"/24", "dev", "eth0")
	must(t, "ip", "-n", b.ns, "link", "set", "eth0", "up")
	must(t, "ip", "-n", b.ns, "link", "set", "lo", "up")
	must(t, "ip", "-n", b.ns, "route", "add", "default", "via", fmt.Sprintf("%d.%d.0.254", l.net, subnet))
	b.home = t.TempDir()
	b.write("identity.secret", []byte(secret.Text()))
	b.client = ipc.NewClient(filepath.Join(b.home, "orreryd.sock"))
	l.boxes = append(l.boxes, b)
}

// makePlanet signs a planet whose root is the first computer.
func (l *lab) makePlanet() {
	key := world.GenerateSigningKey(func(b []byte) {
		for i := range b {
			b[i] = byte(i*7 + 1)
		}
	})
	root := l.boxes[0]
	roots := []world.Root{{Identity: root.secret.Identity, Endpoints: []netip.AddrPort{netip.AddrPortFrom(root.addr, 9993)}}}
	w, err := world.NewPlanet(77, clock.Wall(time.Now().UnixMilli()), roots, key.Public, key)
	if err != nil {
		l.t.Fatal(err)
	}
	l.planet = w.AppendBinary(nil)
	for _, b := range l.boxes {
		b.write("planet", l.planet)
	}
}

// sweep deletes, once, what tests that were killed have left behind, also one
// that had the number of this process.
var sweep = sync.OnceFunc(func() {
	left := func(name string) bool {
		rest, ours := strings.CutPrefix(name, labPrefix)
		pid, _, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(pid)
		return ours && err == nil && (n == os.Getpid() || !alive(n))
	}
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); left(name) {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	}
	const etc = "/etc/netns" // what computers have in place of the machine's own files
	folders, _ := os.ReadDir(etc)
	for _, f := range folders {
		if left(f.Name()) {
			_ = os.RemoveAll(filepath.Join(etc, f.Name()))
		}
	}
	_ = os.Remove(etc) // if it is empty
})

// alive reports whether a process runs.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}

// must runs a program of the system.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// shown reads into v what a program of the system prints as JSON. When something
// changes meanwhile, ip says so on its error output, and has to be asked again.
func shown(t *testing.T, v any, args ...string) {
	t.Helper()
	until(t, 5*time.Second, "JSON of "+strings.Join(args, " "), func() error {
		var out, said bytes.Buffer
		c := exec.Command(args[0], args[1:]...)
		c.Stdout, c.Stderr = &out, &said
		if err := c.Run(); err != nil || said.Len() > 0 {
			return fmt.Errorf("%v %s", err, said.Bytes())
		}
		return json.Unmarshal(out.Bytes(), v)
	})
}

// output is what a process wrote.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// write puts a file into the home.
func (b *box) write(name string, data []byte) {
	b.lab.t.Helper()
	path := filepath.Join(b.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.lab.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.lab.t.Fatal(err)
	}
}

func (b *box) read(name string) []byte {
	b.lab.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.home, name))
	if err != nil {
		b.lab.t.Fatal(err)
	}
	return data
}

// command is this binary as orreryd on the computer.
func (b *box) command(args ...string) *exec.Cmd {
	c := exec.Command("ip", append([]string{"netns", "exec", b.ns, os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), executeVariable+"=1")
	return c
}

// start starts orreryd and waits until it answers.
func (b *box) start(flags ...string) {
	b.lab.t.Helper()
	b.launch(flags...)
	b.awake()
}

// launch starts orreryd.
func (b *box) launch(flags ...string) {
	b.lab.t.Helper()
	b.execute(append([]string{"run", "--home", b.home}, flags...)...)
}

// execute starts a command of orreryd that goes on until it is stopped.
func (b *box) execute(args ...string) {
	t := b.lab.t
	t.Helper()
	life, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if b.output == nil {
		b.output = &output{}
	}
	b.cmd = b.command(args...)
	b.cmd.Env = append(append(b.cmd.Env, executeVariable+"="+lifeLine), b.env...)
	b.cmd.Stdout, b.cmd.Stderr, b.cmd.ExtraFiles = b.output, b.output, []*os.File{life}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = life.Close()
	b.life, b.ended = far, make(chan struct{})
	cmd, ended := b.cmd, b.ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// awake waits until orreryd answers.
func (b *box) awake() {
	t := b.lab.t
	t.Helper()
	until(t, 20*time.Second, "answer of "+b.name, func() error {
		select {
		case <-b.ended:
			t.Fatalf("%s has ended: %v\n%s", b.name, b.cmd.ProcessState, b.output)
		default:
		}
		_, err := b.client.Status(ctx(t))
		return err
	})
}

// startAll starts orreryd on several computers at once.
func (l *lab) startAll(boxes ...*box) {
	l.t.Helper()
	for _, b := range boxes {
		b.launch()
	}
	for _, b := range boxes {
		b.awake()
	}
}

// stop ends orreryd orderly.
func (b *box) stop() {
	t := b.lab.t
	t.Helper()
	begun := time.Now()
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	defer func() { t.Logf("%s stopped in %v", b.name, time.Since(begun)) }()
	if code := b.exit(); code != 0 {
		t.Errorf("%s ended with exit code %d\n%s", b.name, code, b.output)
	}
}

// exit waits for the end of the process and returns its exit code.
func (b *box) exit() int {
	t := b.lab.t
	t.Helper()
	select {
	case <-b.ended:
	case <-time.After(grace):
		_ = b.cmd.Process.Signal(syscall.SIGQUIT)
		<-b.ended
		t.Fatalf("%s does not end\n%s", b.name, b.output)
	}
	_ = b.life.Close()
	if strings.Contains(b.output.String(), "DATA RACE") {
		t.Errorf("%s has a data race", b.name)
	}
	return b.cmd.ProcessState.ExitCode()
}

// kill ends orreryd as a crash would.
func (b *box) kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill()
	<-b.ended
	_ = b.life.Close()
}

// fails runs orreryd where it must not start, and returns what it says.
func (b *box) fails(code int, args ...string) string {
	t := b.lab.t
	t.Helper()
	c := b.command(args...)
	deadline := time.AfterFunc(grace, func() { _ = c.Process.Kill() })
	defer deadline.Stop()
	out, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Errorf("orreryd %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// ctx ends with the test, and before the test's grace does.
func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), grace/2)
	t.Cleanup(cancel)
	return c
}

// until waits for a condition. What takes longer than d is told of: on a machine
// that has time for it, it should not. Nobody knows how long it takes on others.
func until(t *testing.T, d time.Duration, what string, cond func() error) time.Duration {
	t.Helper()
	begun := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(pause*2, 100*time.Millisecond) {
		err := cond()
		took := time.Since(begun)
		if err == nil {
			if took > d {
				t.Logf("%s: only after %v, should be within %v", what, took, d)
			}
			return took
		}
		if took > d+grace {
			t.Fatalf("no %s within %v: %v", what, took, err)
		}
		<-time.After(pause) // between two looks
	}
}

// online waits until a root answers.
func (b *box) online() {
	b.lab.t.Helper()
	until(b.lab.t, 15*time.Second, "root for "+b.name, func() error {
		s, err := b.client.Status(ctx(b.lab.t))
		if err == nil && !s.Online {
			err = errors.New("offline")
		}
		return err
	})
}

// network waits until a network has a status and addresses, and returns it.
func (b *box) network(nwid string, status ipc.NetworkStatus) *ipc.Network {
	t := b.lab.t
	t.Helper()
	var n *ipc.Network
	until(t, 15*time.Second, fmt.Sprintf("status %s of %s on %s", status, nwid, b.name), func() (err error) {
		if n, err = b.client.Network(ctx(t), nwid); err != nil {
			return err
		}
		if n.Status != status || status == ipc.OK && n.Device == "" {
			return fmt.Errorf("%s, device %q, %s", n.Status, n.Device, n.Detail)
		}
		return nil
	})
	return n
}

// join joins a network.
func (b *box) join(nwid string, s ipc.NetworkSettings) {
	b.lab.t.Helper()
	if _, err := b.client.Join(ctx(b.lab.t), nwid, s); err != nil {
		b.lab.t.Fatalf("%s joins %s: %v", b.name, nwid, err)
	}
}

// control makes a call to the computer's controller.
func (b *box) control(method, path, body string) map[string]any {
	t := b.lab.t
	t.Helper()
	status, answer, err := b.client.Reference(ctx(t), method, "/controller/network"+path, []byte(body))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s /controller/network%s: %d %s, %v", method, path, status, answer, err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(answer, &doc); err != nil {
		t.Fatalf("%s /controller/network%s: %v", method, path, err)
	}
	return doc
}

// ping sends one echo request.
func (b *box) ping(to string) error {
	out, err := exec.Command("ip", "netns", "exec", b.ns, "ping", "-n", "-c1", "-W1", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s", bytes.TrimSpace(out))
	}
	return nil
}

// pings waits for an answer to a ping and returns how long that took.
func (b *box) pings(d time.Duration, to string) time.Duration {
	b.lab.t.Helper()
	return until(b.lab.t, d, fmt.Sprintf("answer to %s from %s", b.name, to), func() error { return b.ping(to) })
}

// silent checks that pings get no answer.
func (b *box) silent(to string) {
	b.lab.t.Helper()
	for range 2 {
		if b.ping(to) == nil {
			b.lab.t.Errorf("%s has answered %s", to, b.name)
		}
	}
}

// link is an interface as the system's tools show it.
type link struct {
	Name  string `json:"ifname"`
	MTU   int    `json:"mtu"`
	MAC   string `json:"address"`
	Kind  string `json:"link_type"`
	Addrs []struct {
		Local string `json:"local"`
		Bits  int    `json:"prefixlen"`
	} `json:"addr_info"`
}

// links lists the interfaces that networks have on the computer.
func (b *box) links() []link {
	t := b.lab.t
	t.Helper()
	var all []link
	shown(t, &all, "ip", "-n", b.ns, "-j", "addr", "show")
	return slices.DeleteFunc(all, func(l link) bool { return l.Name == "lo" || strings.HasPrefix(l.Name, "eth0") })
}

// addresses are those of an interface, without its link-local one.
func (l *link) addresses() (all []string) {
	for _, a := range l.Addrs {
		if p := netip.PrefixFrom(netip.MustParseAddr(a.Local), a.Bits); !p.Addr().IsLinkLocalUnicast() {
			all = append(all, p.String())
		}
	}
	slices.Sort(all)
	return all
}

// alert waits for an alert whose ID begins with prefix.
func (b *box) alert(prefix string) ipc.Alert {
	t := b.lab.t
	t.Helper()
	var found ipc.Alert
	until(t, 10*time.Second, "alert "+prefix, func() error {
		s, err := b.client.Snapshot(ctx(t))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.Alerts, func(a ipc.Alert) bool { return strings.HasPrefix(a.ID, prefix) })
		if i < 0 {
			return fmt.Errorf("alerts are %v", s.Alerts)
		}
		found = s.Alerts[i]
		return nil
	})
	if found.Title == "" || found.Text == "" || found.Advice == "" || found.Since.IsZero() || found.Severity == "" {
		t.Errorf("alert %s is not complete: %+v", prefix, found)
	}
	return found
}

// noAlert waits until there is no alert whose ID begins with prefix.
func (b *box) noAlert(prefix string) {
	t := b.lab.t
	t.Helper()
	until(t, 10*time.Second, "end of alert "+prefix, func() error {
		s, err := b.client.Snapshot(ctx(t))
		if err != nil {
			return err
		}
		for _, a := range s.Alerts {
			if strings.HasPrefix(a.ID, prefix) {
				return fmt.Errorf("%+v", a)
			}
		}
		return nil
	})
}

// dial connects from within the computer's namespace.
func (b *box) dial(to string) (net.Conn, error) {
	t := b.lab.t
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := netns.Set(home); err != nil {
			t.Error(err) // the thread stays locked and ends with the goroutine
			return
		}
		_ = home.Close()
		runtime.UnlockOSThread()
	}()
	there, err := netns.GetFromName(b.ns)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		t.Fatal(err)
	}
	return net.DialTimeout("tcp", to, 5*time.Second)
}

// raw sends bytes to the compatible API and returns status and body; without an
// answer, 0 and why: who just stops to listen may take a connection and cut it.
func (b *box) raw(to, request string) (int, string) {
	t := b.lab.t
	t.Helper()
	conn, err := b.dial(to)
	if err != nil {
		return 0, err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(grace / 2))
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0, err.Error()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, body.String()
}
