package dns

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// onResolved is a manager on a machine with a fake systemd-resolved, which knows
// the interface lo.
func onResolved(t *testing.T) (*Manager, *fakeResolved, *privateBus) {
	t.Helper()
	b := newPrivateBus(t)
	f := newFakeResolved(t, b, 1)
	m := onBus(t, b, "nameserver 127.0.0.53\n", nil)
	return m, f, b
}

// onBus is a manager on a machine with a bus and a resolv.conf.
func onBus(t *testing.T, b *privateBus, resolvConf string, change func(*linux)) *Manager {
	t.Helper()
	dir := t.TempDir()
	bus := newBus(resolvedName, nmName)
	bus.address = b.address()
	l := newLinux(bus)
	l.resolvConf, l.nsswitch = filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "nsswitch.conf")
	if err := os.WriteFile(l.resolvConf, []byte(resolvConf), 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(l)
	}
	m, err := openOn(l, Config{Journal: filepath.Join(dir, "dns.journal"), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

var lo = Interface{Name: "lo", Index: 1}

func (m *Manager) becomes(t *testing.T, network string, s State, says string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s is %+v", network, m.Status(network))
		}
	}()
	until(t, string(s)+" of "+network, func() bool {
		got := m.Status(network)
		return got.State == s && strings.Contains(got.Reason, says)
	})
}

const splitWanted = "[10.147.20.1 fd00::53] [{corp.internal false}] default=false trusted=[corp.internal] tls=no"

func splitOffer() Offer {
	o := offer(netA, "corp.internal")
	o.Servers, o.Inside = addrs("10.147.20.1", "fd00::53"), append(o.Inside, netip.MustParsePrefix("fd00::/64"))
	return o
}

// Every call is what the resolver documents, in an order in which no other query
// ever goes to the network.
func TestResolvedCalls(t *testing.T) {
	t.Parallel()
	m, f, _ := onResolved(t)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Applied, "")
	if got := f.link(1); got != splitWanted {
		t.Errorf("the resolver has %s", got)
	}
	want := "SetLinkDefaultRoute 1 false,SetLinkDomains 1 [{corp.internal false}],SetLinkDNSSECNegativeTrustAnchors 1 [corp.internal]," +
		"SetLinkDNSOverTLS 1 no,SetLinkDNS 1 [{2 [10 147 20 1]} {10 [253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 83]}]"
	if got := strings.Join(f.called("SetLink"), ","); got != want {
		t.Errorf("calls\n%s\nwant\n%s", got, want)
	}
	m.Set(lo, splitOffer())
	until(t, "a look", func() bool { return len(f.called("GetLink")) > 0 })
	o := splitOffer()
	o.All = true
	m.Set(lo, o)
	until(t, "all queries", func() bool {
		return strings.Contains(f.link(1), "[{corp.internal false} {. true}] default=true")
	})
	m.becomes(t, netA, Applied, "")
	f.called("")
	m.Set(lo, o)
	until(t, "a look", func() bool { return len(f.called("GetLink")) > 0 })
	if got := f.called("SetLink"); len(got) > 0 {
		t.Errorf("what is right was set again: %v", got)
	}
	m.Remove(netA)
	if got := f.link(1); got != "" || len(f.called("FlushCaches")) != 1 {
		t.Errorf("after leaving the resolver has %s, or kept what it had been told", got)
	}
}

// A resolver that was started anew, or told otherwise by somebody, is told again
// at once.
func TestResolvedRestartsAndRivals(t *testing.T) {
	t.Parallel()
	m, f, _ := onResolved(t)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Applied, "")

	f.end()
	m.becomes(t, netA, Failed, "does not run")
	f.forget(1)
	f.begin()
	m.becomes(t, netA, Applied, "")
	if got := f.link(1); got != splitWanted {
		t.Errorf("after a restart the resolver has %s", got)
	}

	f.mu.Lock()
	f.links[1].Servers = []linkServer{{2, []byte{8, 8, 8, 8}}}
	f.mu.Unlock()
	f.notify()
	until(t, "repair", func() bool { return f.link(1) == splitWanted })

	f.forget(1) // silently
	m.Recheck()
	until(t, "repair", func() bool { return f.link(1) == splitWanted })
}

// A resolver that the kernel's news has not reached yet knows the interface a
// moment later.
func TestResolvedLateLink(t *testing.T) {
	t.Parallel()
	m, f, _ := onResolved(t)
	f.forget()
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Failed, "does not know the network's interface lo")
	f.forget(1)
	m.becomes(t, netA, Applied, "")
}

func TestResolvedRefuses(t *testing.T) {
	t.Parallel()
	for method, c := range map[string]struct{ name, says string }{
		"SetLinkDNS":          {"org.freedesktop.resolve1.LinkBusy", "systemd-networkd manages"},
		"SetLinkDomains":      {"org.freedesktop.DBus.Error.AccessDenied", "does not let this service"},
		"SetLinkDefaultRoute": {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "does not let this service"},
		"GetLink":             {"org.freedesktop.DBus.Error.Failed", "did not take"},
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			m, f, _ := onResolved(t)
			f.mu.Lock()
			f.fail[method] = dbus.NewError(c.name, []any{"no"})
			f.mu.Unlock()
			m.Set(lo, splitOffer())
			m.becomes(t, netA, Failed, c.says)
			if s := m.Status(netA); s.Advice == "" || s.By != "systemd-resolved" {
				t.Errorf("%+v", s)
			}
			f.mu.Lock()
			clear(f.fail)
			f.mu.Unlock()
			m.becomes(t, netA, Applied, "")
		})
	}
}

// What newer versions have is not needed; without default routes domains keep
// other queries away.
func TestResolvedOldVersion(t *testing.T) {
	t.Parallel()
	b := newPrivateBus(t)
	f := newFakeResolved(t, b, 1)
	f.end()
	f.old = true
	unknown := dbus.NewError("org.freedesktop.DBus.Error.UnknownMethod", nil)
	f.fail["SetLinkDNSSECNegativeTrustAnchors"], f.fail["SetLinkDNSOverTLS"] = unknown, unknown
	f.begin()
	m := onBus(t, b, "nameserver 127.0.0.53\n", nil)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Applied, "")
	if got := f.link(1); !strings.Contains(got, "[{corp.internal true}]") {
		t.Errorf("the resolver has %s", got)
	}
	f.called("")
	m.Recheck()
	until(t, "a look", func() bool { return len(f.called("GetLink")) > 0 })
	if got := f.called("SetLink"); len(got) > 0 {
		t.Errorf("what is right was set again: %v", got)
	}
}

// A resolver that does not answer costs neither the network nor its end more
// than seconds.
func TestResolvedHangs(t *testing.T) {
	t.Parallel()
	m, f, _ := onResolved(t)
	hang := make(chan struct{})
	f.mu.Lock()
	f.hang = hang
	f.mu.Unlock()
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Failed, "does not answer")
	start := time.Now()
	m.Remove(netA)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("the end took %v, a call may take %v", time.Since(start), callLimit)
	close(hang)
}

// A bus that ends and comes back is connected to again.
func TestBusRestarts(t *testing.T) {
	t.Parallel()
	m, f, b := onResolved(t)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Applied, "")
	b.stop()
	m.becomes(t, netA, Failed, "")
	b.start()
	f.conn = b.connect()
	f.forget(1)
	if err := f.conn.Export(fakeLinkProperties{f, 1}, linkPath(1), "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	f.begin()
	m.becomes(t, netA, Applied, "")
	if got := f.link(1); got != splitWanted {
		t.Errorf("the resolver has %s", got)
	}
}

// A bus that accepts connections and says nothing holds nobody up.
func TestBusHangs(t *testing.T) {
	t.Parallel()
	b := newPrivateBus(t)
	f := newFakeResolved(t, b, 1)
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	m := onBus(t, b, "nameserver 127.0.0.53\n", nil)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Failed, "")
	t.Logf("it took %v to say so, a call may take %v", time.Since(start), callLimit)
	if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m.becomes(t, netA, Applied, "")
	if got := f.link(1); got != splitWanted {
		t.Errorf("the resolver has %s", got)
	}
}

// In a bridge of the system the device has no addresses, and the bridge's name
// servers are not ours to change.
func TestResolvedBridge(t *testing.T) {
	t.Parallel()
	m, f, _ := onResolved(t)
	m.Set(lo, splitOffer())
	m.becomes(t, netA, Applied, "")
	m.Set(Interface{Name: "lo", Index: 1, Bridge: "br0"}, splitOffer())
	m.becomes(t, netA, Unsupported, "in the bridge br0")
	if got := f.link(1); got != "" {
		t.Errorf("the resolver has %s", got)
	}
}

// What a killed run left on an interface that is still there is reverted by the
// next; an interface of the same name that is another is left alone.
func TestResolvedJournal(t *testing.T) {
	t.Parallel()
	for _, index := range []int{1, 7} {
		b := newPrivateBus(t)
		f := newFakeResolved(t, b, 1)
		f.mu.Lock()
		f.links[1].Servers = []linkServer{{2, []byte{10, 147, 20, 1}}}
		f.mu.Unlock()
		dir := t.TempDir()
		j := journal{filepath.Join(dir, "dns.journal")}
		if err := j.save([]entry{{By: "systemd-resolved", Network: netA, Interface: "lo", Index: index}}); err != nil {
			t.Fatal(err)
		}
		bus := newBus(resolvedName)
		bus.address = b.address()
		m, err := openOn(newLinux(bus), Config{Journal: j.path, Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		if reverted := f.link(1) == ""; reverted != (index == 1) {
			t.Errorf("index %d: reverted %v", index, reverted)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
