package netmon

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"orrery/service/device/devicetest"
)

func TestLinuxNotices(t *testing.T) {
	ns := devicetest.NewNamespace(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var notices <-chan Notice
	ns.Do(func() {
		cfg := config()
		cfg.Quiet = 20 * time.Millisecond
		var err error
		if notices, err = Watch(ctx, cfg); err != nil {
			t.Fatal(err)
		}
	})
	until := func(what string, enough func(Notice) bool) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		var all Notice
		for !enough(all) {
			select {
			case n, ok := <-notices:
				if !ok {
					t.Fatalf("%s: the channel is closed", what)
				}
				all.merge(n)
			case <-deadline:
				t.Fatalf("%s: noticed only %+v", what, all)
			}
		}
	}
	ns.Do(func() {
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a"}, PeerName: "b"}); err != nil {
			t.Skipf("cannot make interfaces: %v", err)
		}
	})
	until("a new interface", func(n Notice) bool { return n.Links })
	ns.Do(func() { devicetest.Up(t, "a", netip.MustParsePrefix("10.1.1.1/24")) })
	until("a new address", func(n Notice) bool { return n.Addresses && n.Routes })
	cancel()
	for range notices { // until it is closed
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	msg := func(kind uint16) syscall.NetlinkMessage {
		return syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind}}
	}
	for _, c := range []struct {
		kinds []uint16
		want  Notice
	}{
		{nil, Notice{}},
		{[]uint16{unix.RTM_NEWNEIGH}, Notice{}},
		{[]uint16{unix.RTM_DELLINK, unix.RTM_NEWADDR}, Notice{Links: true, Addresses: true}},
		{[]uint16{unix.RTM_DELROUTE}, Notice{Routes: true}},
	} {
		var msgs []syscall.NetlinkMessage
		for _, k := range c.kinds {
			msgs = append(msgs, msg(k))
		}
		if got := digest(msgs); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.kinds, got, c.want)
		}
	}
}
