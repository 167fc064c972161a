package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"orrery/service/ipc"
)

// responder is a name server of the test: it has one address for every name,
// and notes what it was asked.
type responder struct {
	conn   *net.UDPConn
	answer netip.Addr

	mu    sync.Mutex
	asked []string
}

// newResponder starts one on a computer.
func newResponder(b *box, answer string) *responder {
	r := &responder{conn: b.listen("", 53, ""), answer: netip.MustParseAddr(answer)}
	go r.serve() // until the socket is closed
	return r
}

func (r *responder) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var m dnsmessage.Message
		if err != nil || m.Unpack(buf[:n]) != nil || m.Response || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		r.mu.Lock()
		r.asked = append(r.asked, strings.TrimSuffix(strings.ToLower(q.Name.String()), "."))
		r.mu.Unlock()
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		if q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: r.answer.As4()},
			}}
		}
		if b, err := m.Pack(); err == nil {
			_, _ = r.conn.WriteToUDPAddrPort(b, from) // whoever asked asks again
		}
	}
}

// names returns what it was asked, each name once.
func (r *responder) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.asked)
	return slices.Compact(slices.Clone(r.asked))
}

// exchange asks a server from a computer for the address of a name.
func (b *box) exchange(server netip.AddrPort, name string) (netip.Addr, error) {
	var conn net.Conn
	if err := b.inside(func() (err error) {
		conn, err = net.Dial("udp4", server.String())
		return err
	}); err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = conn.Close() }()
	q, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return netip.Addr{}, err
	}
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4242, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: q, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	text, err := query.Pack()
	if err != nil {
		return netip.Addr{}, err
	}
	if _, err := conn.Write(text); err != nil {
		return netip.Addr{}, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		return netip.Addr{}, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil || m.ID != 4242 {
		return netip.Addr{}, fmt.Errorf("answer %d: %w", m.ID, err)
	}
	for _, a := range m.Answers {
		if x, ok := a.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(x.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of %s: %v", name, m.RCode)
}

// busOfNames is a message bus for one computer, on which its resolver is.
type busOfNames struct {
	b   *box
	dir string // readable by all
	env string
}

const busOfNamesConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>
`

// newBusOfNames starts one, before orreryd is started there. What asks for names
// on the computer finds systemd-resolved in charge.
func newBusOfNames(t *testing.T, b *box) *busOfNames {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon: make deps")
	}
	dir, err := os.MkdirTemp("", "orreryd-bus") //nolint:usetesting // other users must get there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	x := &busOfNames{b: b, dir: dir, env: "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + filepath.Join(dir, "bus")}
	etc := b.etc()
	passwd, _ := os.ReadFile("/etc/passwd")
	group, _ := os.ReadFile("/etc/group")
	for path, text := range map[string]string{
		filepath.Join(etc, "resolv.conf"): "# Made by a test.\nnameserver 127.0.0.53\n",
		filepath.Join(dir, "bus.conf"):    fmt.Sprintf(busOfNamesConfig, filepath.Join(dir, "bus")),
		// The user as which systemd-resolved runs.
		filepath.Join(dir, "passwd"): string(passwd) + "systemd-resolve:x:64999:64999::/:/usr/sbin/nologin\n",
		filepath.Join(dir, "group"):  string(group) + "systemd-resolve:x:64999:\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	x.attend(t, "exec dbus-daemon --config-file="+filepath.Join(dir, "bus.conf")+" --nofork --nopidfile")
	until(t, 10*time.Second, "bus", func() error {
		_, err := os.Stat(filepath.Join(dir, "bus"))
		return err
	})
	b.env = append(b.env, x.env)
	return x
}

// attend runs a line of shell on the computer, with users of the test's own,
// until the returned function is called or the test ends.
func (x *busOfNames) attend(t *testing.T, line string) (stop func()) {
	t.Helper()
	script := fmt.Sprintf("mount --bind %[1]s/passwd /etc/passwd; mount --bind %[1]s/group /etc/group; (%[2]s) & p=$!; trap 'kill -9 $p' EXIT; cat >/dev/null", x.dir, line)
	c := exec.Command("ip", "netns", "exec", x.b.ns, "sh", "-ec", script)
	c.Env = append(os.Environ(), x.env)
	log := &output{}
	c.Stdout, c.Stderr = log, log
	life, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = life.Close()
		_ = c.Wait() // killed
		if t.Failed() {
			t.Logf("%s says:\n%s", line, log)
		}
	})
	t.Cleanup(stop)
	return stop
}

// stub is where programs ask systemd-resolved.
var stub = netip.MustParseAddrPort("127.0.0.53:53")

// TestLabNames has a network's names resolved by its own server, through the
// tunnel, and no others: by a systemd-resolved that is played, and by the real
// one if the machine has it, or RESOLVED_DIR.
func TestLabNames(t *testing.T) {
	t.Parallel()
	t.Run("played", func(t *testing.T) {
		t.Parallel()
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		names(t, func(x *busOfNames, lan netip.Addr) string {
			return fmt.Sprintf("%s=%v exec %s", playVariable, lan, program)
		})
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		program := filepath.Join("/", os.Getenv("RESOLVED_DIR"), "lib/systemd/systemd-resolved")
		if _, err := os.Stat(program); err != nil {
			t.Skip("needs systemd-resolved")
		}
		names(t, func(x *busOfNames, lan netip.Addr) string {
			conf := filepath.Join(x.dir, "lan.conf")
			if err := os.WriteFile(conf, fmt.Appendf(nil, "nameserver %v\n", lan), 0o644); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("mount --bind %s /etc/resolv.conf; mount -t tmpfs none /run; mkdir -p /run/systemd/resolve; chown systemd-resolve:systemd-resolve /run/systemd/resolve; exec %s",
				conf, program)
		})
	})
}

// names tells the story of a network with name servers. Line is what runs the
// resolver, with the server of the local network.
func names(t *testing.T, line func(x *busOfNames, lan netip.Addr) string) {
	s := newScene(t)
	if s.a.kind == referenceKind {
		t.Skip("the reference applies no name servers on Linux")
	}
	lan := newResponder(s.root, "192.0.2.1")
	x := newBusOfNames(t, s.a)
	command := line(x, s.root.addr)
	stop := x.attend(t, command)
	s.begin()
	const inside, outside = "192.0.2.77", "192.0.2.1"
	own := newResponder(s.b, inside)
	nwid := s.found(0x53, `{"name":"names","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.149.0.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.149.0.100","ipRangeEnd":"10.149.0.254"}],"dns":{"domain":"corp.internal","servers":["10.149.0.53"]}}`)
	s.admit(nwid, s.b, `{"authorized":true,"ipAssignments":["10.149.0.53"]}`)
	s.admit(nwid, s.a, `{"authorized":true}`)
	s.b.enter(nwid, "{}")
	s.a.enter(nwid, "{}")
	s.a.member(nwid, "OK")
	s.b.member(nwid, "OK")
	s.a.pings(20*time.Second, "10.149.0.53")
	asks := func(name, want string) {
		t.Helper()
		d := until(t, 20*time.Second, name+" is "+want, func() error {
			got, err := s.a.exchange(stub, name)
			if err == nil && got.String() != want {
				err = fmt.Errorf("it is %v", got)
			}
			return err
		})
		t.Logf("%s is %s after %v", name, want, d)
	}
	state := func(want, says string) *ipc.DNS {
		t.Helper()
		var got ipc.DNS
		until(t, 20*time.Second, "name servers "+want, func() error {
			got = s.a.network(nwid, ipc.OK).DNS
			if got.State != want || !strings.Contains(got.Reason, says) {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
		return &got
	}

	// Unasked, nothing is done.
	state("ignored", "may not change")
	asks("files.corp.internal", outside)
	s.a.enter(nwid, `{"allowDNS":true}`)
	asks("files.corp.internal", inside)
	asks("www.example.com", outside)
	if d := state("applied", ""); d.By != "systemd-resolved" || d.All || d.Domain != "corp.internal" {
		t.Errorf("%+v", d)
	}
	var m struct {
		DNS map[string]any `json:"dns"`
	}
	if err := s.a.get("/network/"+nwid, &m); err != nil || fmt.Sprint(m.DNS) != "map[domain:corp.internal servers:[10.149.0.53]]" {
		t.Errorf("the reference's API has %v, %v", m.DNS, err)
	}

	// Another network has its own domain and server at the same time, and cannot
	// have this one's domain.
	const second = "192.0.2.88"
	two := newResponder(s.controller, second)
	other := s.found(0x54, `{"name":"two","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.150.0.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.150.0.100","ipRangeEnd":"10.150.0.254"}],"dns":{"domain":"two.internal","servers":["10.150.0.53"]}}`)
	s.admit(other, s.controller, `{"authorized":true,"ipAssignments":["10.150.0.53"]}`)
	s.admit(other, s.a, `{"authorized":true}`)
	s.controller.enter(other, "{}")
	s.a.enter(other, `{"allowDNS":true}`)
	s.a.member(other, "OK")
	s.controller.member(other, "OK")
	s.a.pings(20*time.Second, "10.150.0.53")
	asks("files.two.internal", second)
	asks("more.corp.internal", inside)
	asks("mail.example.com", outside)
	s.controller.post("/controller/network/"+other, `{"dns":{"domain":"corp.internal","servers":["10.150.0.53"]}}`)
	until(t, 20*time.Second, "one domain for one network", func() error {
		if d := s.a.network(other, ipc.OK).DNS; d.State != "refused" || !strings.Contains(d.Reason, nwid) {
			return fmt.Errorf("%+v", d)
		}
		return nil
	})
	asks("mine.corp.internal", inside)
	if got := two.names(); strings.Contains(strings.Join(got, " "), "corp") {
		t.Errorf("the second network's server was asked for the first's names: %v", got)
	}
	if code, answer, err := s.a.call(http.MethodDelete, "/network/"+other, ""); err != nil || code != http.StatusOK {
		t.Fatalf("leave: %d %s %v", code, answer, err)
	}

	// A resolver that starts anew is told again; one that is gone is said to be.
	stop()
	state("failed", "")
	x.attend(t, command)
	asks("again.corp.internal", inside)
	state("applied", "")

	// The service is killed, and the resolver keeps nothing of a device that is
	// gone; the next start sets it again.
	s.a.kill()
	asks("dead.corp.internal", outside)
	s.begin(s.a)
	asks("alive.corp.internal", inside)
	state("applied", "")
	asks("secret.corp.internal", inside)

	// The controller thinks otherwise.
	s.controller.post("/controller/network/"+nwid, `{"dns":{"domain":"lab.internal","servers":["10.149.0.53"]}}`)
	asks("files.lab.internal", inside)
	asks("late.corp.internal", outside)
	s.controller.post("/controller/network/"+nwid, `{"dns":{"domain":"com","servers":["10.149.0.53"]}}`)
	state("refused", "public suffix")
	asks("www.captured.com", outside)
	asks("later.lab.internal", outside)
	s.a.alert("network.dns." + nwid)
	s.controller.post("/controller/network/"+nwid, `{"dns":{"domain":"lab.internal","servers":["192.0.2.53"]}}`)
	state("refused", "not inside the network")
	for _, name := range own.names() {
		if !strings.HasSuffix(name, ".corp.internal") && !strings.HasSuffix(name, ".lab.internal") {
			t.Errorf("the network's server was asked for %s", name)
		}
	}
	if strings.Contains(strings.Join(lan.names(), " "), "secret.corp.internal") {
		t.Errorf("the local network's server was asked for the network's names: %v", lan.names())
	}

	// All queries, once the user says so.
	s.controller.post("/controller/network/"+nwid, `{"dns":{"domain":"","servers":["10.149.0.53"]}}`)
	state("ignored", "but no domain")
	asks("none.example.com", outside)
	yes := true
	if _, err := s.a.client.SetNetwork(ctx(t), nwid, ipc.NetworkSettings{DNSDefault: &yes}); err != nil {
		t.Fatal(err)
	}
	asks("all.example.com", inside)
	if d := state("applied", ""); !d.All {
		t.Errorf("%+v", d)
	}
	s.a.noAlert("network.dns.")

	if code, answer, err := s.a.call(http.MethodDelete, "/network/"+nwid, ""); err != nil || code != http.StatusOK {
		t.Fatalf("leave: %d %s %v", code, answer, err)
	}
	asks("left.example.com", outside)
	until(t, 10*time.Second, "empty journal", func() error {
		if _, err := os.Stat(filepath.Join(s.a.home, "dns-journal.json")); err == nil {
			return errors.New("it is there")
		}
		return nil
	})
}
