package dns

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// busConfig lets everybody do everything, on a bus that nobody else knows.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>
`

// privateBus is a bus daemon of the test's own, which can end and come back.
type privateBus struct {
	t      *testing.T
	config string
	socket string
	cmd    *exec.Cmd
}

func newPrivateBus(t *testing.T) *privateBus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon: make deps")
	}
	dir, err := os.MkdirTemp("", "bus") //nolint:usetesting // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &privateBus{t: t, config: filepath.Join(dir, "bus.conf"), socket: filepath.Join(dir, "s")}
	if err := os.WriteFile(b.config, fmt.Appendf(nil, busConfig, b.socket), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	b.start()
	return b
}

func (b *privateBus) start() {
	b.t.Helper()
	_ = os.Remove(b.socket)
	b.cmd = exec.Command("dbus-daemon", "--config-file="+b.config, "--nofork", "--nopidfile", "--print-address=1")
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it listens once it says where
		b.t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
}

func (b *privateBus) stop() {
	if b.cmd != nil {
		_ = b.cmd.Process.Kill()
		_ = b.cmd.Wait()
		b.cmd = nil
	}
}

func (b *privateBus) address() string { return "unix:path=" + b.socket }

// connect connects a service of the test.
func (b *privateBus) connect() *dbus.Conn {
	b.t.Helper()
	c, err := dbus.Connect(b.address())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// fakeResolved plays systemd-resolved. It keeps to what that has been seen to do:
// errors, and the notice that comes with new servers.
type fakeResolved struct {
	t    *testing.T
	conn *dbus.Conn
	old  bool // a version without default routes

	mu    sync.Mutex
	links map[int32]*fakeLink
	calls []string
	fail  map[string]*dbus.Error // by method
	hang  chan struct{}          // until it is closed
}

type fakeLink struct {
	Servers []linkServer
	Domains []linkDomain
	Default bool
	Trusted []string
	TLS     string
}

func newFakeResolved(t *testing.T, b *privateBus, links ...int32) *fakeResolved {
	t.Helper()
	f := &fakeResolved{t: t, conn: b.connect(), fail: make(map[string]*dbus.Error)}
	f.forget(links...)
	for _, l := range links {
		path := linkPath(l)
		if err := f.conn.Export(fakeLinkProperties{f, l}, path, "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
	f.begin()
	return f
}

// begin takes the name, and end gives it up.
func (f *fakeResolved) begin() {
	f.t.Helper()
	methods := map[string]any{
		"GetLink": f.GetLink, "SetLinkDomains": f.SetLinkDomains, "SetLinkDNS": f.SetLinkDNS, "RevertLink": f.RevertLink, "FlushCaches": f.FlushCaches,
		"SetLinkDNSSECNegativeTrustAnchors": f.SetLinkDNSSECNegativeTrustAnchors, "SetLinkDNSOverTLS": f.SetLinkDNSOverTLS,
	}
	if !f.old {
		methods["SetLinkDefaultRoute"] = f.SetLinkDefaultRoute
	}
	if err := f.conn.ExportMethodTable(methods, resolvedPath, "org.freedesktop.resolve1.Manager"); err != nil {
		f.t.Fatal(err)
	}
	if r, err := f.conn.RequestName(resolvedName, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		f.t.Fatalf("take the name: %v, %v", r, err)
	}
}

func (f *fakeResolved) end() {
	f.t.Helper()
	if _, err := f.conn.ReleaseName(resolvedName); err != nil {
		f.t.Fatal(err)
	}
}

// forget has the resolver know just these interfaces, and nothing of them.
func (f *fakeResolved) forget(links ...int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = make(map[int32]*fakeLink)
	for _, l := range links {
		f.links[l] = &fakeLink{Default: true}
	}
}

func linkPath(l int32) dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("%s/link/_3%d", resolvedPath, l))
}

// enter notes a call and meets its trouble.
func (f *fakeResolved) enter(method string, index int32, args ...any) (*fakeLink, *dbus.Error) {
	f.mu.Lock()
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprint(method, " ", index, " ", fmt.Sprint(args...))))
	hang, fail, link := f.hang, f.fail[method], f.links[index]
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if fail == nil && link == nil && index != 0 {
		fail = dbus.NewError("org.freedesktop.resolve1.NoSuchLink", []any{"No such link"})
	}
	return link, fail
}

// change enters a call that changes an interface.
func (f *fakeResolved) change(method string, index int32, arg any, set func(*fakeLink)) *dbus.Error {
	link, err := f.enter(method, index, arg)
	if err != nil {
		return err
	}
	f.mu.Lock()
	set(link)
	f.mu.Unlock()
	if method == "SetLinkDNS" {
		f.notify()
	}
	return nil
}

// notify is the notice that somebody has set servers.
func (f *fakeResolved) notify() {
	_ = f.conn.Emit(resolvedPath, "org.freedesktop.DBus.Properties.PropertiesChanged", "org.freedesktop.resolve1.Manager",
		map[string]dbus.Variant{"DNS": dbus.MakeVariant("changed")}, []string{})
}

func (f *fakeResolved) GetLink(index int32) (dbus.ObjectPath, *dbus.Error) {
	_, err := f.enter("GetLink", index)
	return linkPath(index), err
}

func (f *fakeResolved) SetLinkDefaultRoute(index int32, on bool) *dbus.Error {
	return f.change("SetLinkDefaultRoute", index, on, func(l *fakeLink) { l.Default = on })
}

func (f *fakeResolved) SetLinkDomains(index int32, domains []linkDomain) *dbus.Error {
	return f.change("SetLinkDomains", index, domains, func(l *fakeLink) { l.Domains = domains })
}

func (f *fakeResolved) SetLinkDNS(index int32, servers []linkServer) *dbus.Error {
	return f.change("SetLinkDNS", index, servers, func(l *fakeLink) { l.Servers = servers })
}

func (f *fakeResolved) SetLinkDNSSECNegativeTrustAnchors(index int32, names []string) *dbus.Error {
	return f.change("SetLinkDNSSECNegativeTrustAnchors", index, names, func(l *fakeLink) { l.Trusted = names })
}

func (f *fakeResolved) SetLinkDNSOverTLS(index int32, mode string) *dbus.Error {
	return f.change("SetLinkDNSOverTLS", index, mode, func(l *fakeLink) { l.TLS = mode })
}

func (f *fakeResolved) RevertLink(index int32) *dbus.Error {
	return f.change("RevertLink", index, "", func(l *fakeLink) { *l = fakeLink{Default: true} })
}

func (f *fakeResolved) FlushCaches() *dbus.Error {
	_, err := f.enter("FlushCaches", 0)
	return err
}

// fakeLinkProperties are the properties of an interface.
type fakeLinkProperties struct {
	f     *fakeResolved
	index int32
}

// GetAll implements org.freedesktop.DBus.Properties.
func (p fakeLinkProperties) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	l := p.f.links[p.index]
	if l == nil {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", nil)
	}
	all := map[string]dbus.Variant{"DNS": dbus.MakeVariant(l.Servers), "Domains": dbus.MakeVariant(l.Domains), "ScopesMask": dbus.MakeVariant(uint64(1))}
	if !p.f.old {
		all["DefaultRoute"] = dbus.MakeVariant(l.Default)
	}
	return all, nil
}

// link is what the resolver has of an interface, as text.
func (f *fakeResolved) link(index int32) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.links[index]
	if l == nil || len(l.Servers)+len(l.Domains) == 0 {
		return ""
	}
	var servers []string
	for _, s := range l.Servers {
		servers = append(servers, net.IP(s.Address).String())
	}
	return fmt.Sprintf("%v %v default=%v trusted=%v tls=%s", servers, l.Domains, l.Default, l.Trusted, l.TLS)
}

// called returns and forgets the calls that match.
func (f *fakeResolved) called(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(f.calls), func(c string) bool { return !strings.HasPrefix(c, prefix) })
	f.calls = nil
	return out
}

// putProgram writes a program. No process is started meanwhile: it would have the
// file open for writing for a moment, and the kernel runs no such file.
func putProgram(t *testing.T, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// until waits for the kernel and other programs.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
