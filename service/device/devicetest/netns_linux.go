package devicetest

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Namespace is a network namespace for a test. It goes away with the test.
type Namespace struct {
	t testing.TB
	h netns.NsHandle
}

// NewNamespace makes a namespace in which the loopback interface is up. It
// skips the test when it may not.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	n := &Namespace{t: t, h: netns.None()}
	n.on(func() {
		h, err := netns.New()
		if err != nil {
			t.Skipf("cannot make a network namespace: %v", err)
		}
		n.h = h
		t.Cleanup(func() { _ = h.Close() })
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatalf("loopback in a new namespace: %v", err)
		}
	})
	return n
}

// Do runs f on a thread in the namespace. Sockets and devices that f opens
// belong there for ever. F must not start goroutines that open any.
func (n *Namespace) Do(f func()) {
	n.t.Helper()
	n.on(func() {
		if err := netns.Set(n.h); err != nil {
			n.t.Fatalf("enter namespace: %v", err)
		}
		f()
	})
}

// on runs f on a thread of its own kind and brings the thread back home.
func (n *Namespace) on(f func()) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		n.t.Fatalf("find own namespace: %v", err)
	}
	defer func() {
		if err := netns.Set(home); err != nil {
			// The thread stays locked, so that nothing else runs on it.
			n.t.Errorf("leave namespace: %v", err)
			return
		}
		_ = home.Close()
		runtime.UnlockOSThread()
	}()
	f()
}

// Wire connects two namespaces by a pair of Ethernet interfaces with the given
// names, MTU and addresses, and brings them up.
func Wire(t testing.TB, a, b *Namespace, nameA, nameB string, mtu int, addrsA, addrsB []netip.Prefix) {
	t.Helper()
	a.Do(func() {
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: nameA, MTU: mtu},
			PeerName:      nameB,
			PeerMTU:       uint32(mtu),
			PeerNamespace: netlink.NsFd(b.h),
		})
		if err != nil {
			t.Skipf("cannot make a pair of interfaces: %v", err)
		}
		Up(t, nameA, addrsA...)
	})
	b.Do(func() { Up(t, nameB, addrsB...) })
}

// Up gives an interface addresses, in the calling thread's namespace, and
// brings it up.
func Up(t testing.TB, name string, addrs ...netip.Prefix) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatalf("interface %s: %v", name, err)
	}
	for _, p := range addrs {
		a, err := netlink.ParseAddr(p.String())
		if err == nil {
			if p.Addr().Is6() {
				a.Flags = 0x02 // no duplicate detection, so usable at once
			}
			err = netlink.AddrAdd(link, a)
		}
		if err != nil {
			t.Fatalf("add %v to %s: %v", p, name, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatalf("bring %s up: %v", name, err)
	}
}

// String names the namespace in messages.
func (n *Namespace) String() string { return fmt.Sprintf("namespace %d", int(n.h)) }
