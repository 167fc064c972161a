package netcfg

import (
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"orrery/service/device/devicetest"
)

// TestLinuxBridge puts a port's addresses and routes on its bridge and back.
func TestLinuxBridge(t *testing.T) {
	inNamespace(t, func(journal string) {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		if err := netlink.LinkAdd(bridge); err != nil {
			t.Skipf("no bridges here: %v", err)
		}
		devicetest.Up(t, "br0")
		port, err := netlink.LinkByName("zt0")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := BridgeOf("zt0"); err != nil || b.Name != "" {
			t.Errorf("a lone interface has the bridge %+v, %v", b, err)
		}
		if _, err := BridgeOf("nothere"); !errors.Is(err, ErrNoInterface) {
			t.Errorf("no interface: %v", err)
		}
		m := linuxManager(t, journal)
		want := State{
			Interface: "zt0", Up: true, MTU: 1500, Mark: 0x6f72, Discovery: true, Addresses: prefixes("10.147.17.5/24", "fd00::5/88"),
			Routes: []Route{routeTo("10.9.0.0/16", "10.147.17.9"), routeTo("0.0.0.0/0", "10.147.17.9")},
		}
		apply(t, m, want)
		if err := netlink.LinkSetMaster(port, bridge); err != nil {
			t.Fatal(err)
		}
		b, err := BridgeOf("zt0")
		if err != nil || b.Name != "br0" || b.MTU != 1500 {
			t.Fatalf("%+v, %v", b, err)
		}
		want.Bridge = b.Name
		apply(t, m, want)
		has(t, everything(t, "br0"), "addr 10.147.17.5/24", "addr fd00::5/88", "route 10.9.0.0/16 via 10.147.17.9", "route 0.0.0.0/0 via 10.147.17.9 metric 5000 proto static table 28530",
			"route 224.0.0.0/4 ", "route 255.255.255.255/32 ")
		if n := len(apply(t, m, want)); n != 0 {
			t.Errorf("%d changes when nothing is to do", n)
		}
		// As after a crash.
		m = linuxManager(t, journal)
		clean(t, everything(t, "br0"))
		apply(t, m, want)
		if err := netlink.LinkSetNoMaster(port); err != nil {
			t.Fatal(err)
		}
		want.Bridge = ""
		apply(t, m, want)
		clean(t, everything(t, "br0"))
		has(t, everything(t, "zt0"), "addr 10.147.17.5/24", "route 10.9.0.0/16 via 10.147.17.9", "route 224.0.0.0/4 ")
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// clean checks that nothing of ours is left on a bridge.
func clean(t *testing.T, has []string) {
	t.Helper()
	for _, s := range has {
		if strings.Contains(s, "10.147") || strings.Contains(s, "10.9.") || strings.Contains(s, "fd00") || strings.Contains(s, "224.0") || strings.Contains(s, "255.255.255.255/") {
			t.Errorf("left on the bridge: %s", s)
		}
	}
}
