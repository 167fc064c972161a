package netcfg

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orrery/service/device/devicetest"
	"orrery/service/netcfg/verdict"
)

// TestMachine looks at a machine with a card, a bridge that has a device of
// ours, another VPN with rules of its own, and a device of ours.
func TestMachine(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the program ip")
	}
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		run := func(line string) {
			t.Helper()
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				t.Skipf("ip %s: %s", line, out)
			}
		}
		for _, line := range []string{
			"link add eth0 type veth peer name far0", "link set far0 up", "link set eth0 up", "addr add 192.168.1.7/24 dev eth0",
			"addr add 2001:db8::7/64 dev eth0 nodad", "route add default via 192.168.1.1", "-6 route add default via 2001:db8::1",
			"route add 10.50.0.0/16 via 192.168.1.2", "route add 10.60.0.0/16 nexthop via 192.168.1.2 nexthop via 192.168.1.3", "route add blackhole 10.70.0.0/16",
			"tuntap add dev strange mode tun", "link set strange up", "addr add 10.8.0.2 peer 10.8.0.1 dev strange", "route add default dev strange table 51820",
			"route add 10.99.0.0/16 dev strange table 7", "rule add not fwmark 51820 table 51820",
			"link add br0 type bridge", "link set br0 up", "addr add 10.20.0.1/24 dev br0",
			"link add ours0 type veth peer name far1", "link set ours0 up master br0", "tuntap add dev ours1 mode tun", "link set ours1 up", "addr add 10.30.0.1/24 dev ours1",
			"link add down0 type veth peer name far2", "addr add 10.40.0.1/24 dev down0",
		} {
			run(line)
		}
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/eth0/rp_filter", []byte("1"), 0o600); err != nil {
			t.Skip(err)
		}
		m := linuxManager(t, filepath.Join(t.TempDir(), "journal.json"))
		defer m.Close()
		found, all, err := m.Machine([]string{"ours0", "ours1"}, prefixes("10.0.0.0/8", "192.168.0.0/16"))
		if err != nil || !all {
			t.Fatal(err, all)
		}
		var got []string
		for _, f := range found.Interfaces {
			if strings.HasPrefix(f.Name, "far") {
				continue
			}
			got = append(got, fmt.Sprintf("%s %d strict %v", f.Name, f.Class, f.Strict))
			for _, a := range f.Addresses {
				if !a.Addr().IsLinkLocalUnicast() {
					got = append(got, f.Name+" "+a.String())
				}
			}
		}
		for _, r := range found.Routes {
			if r.Target.Addr().IsLinkLocalUnicast() || r.Target.Addr().IsMulticast() {
				continue // they come when the kernel likes
			}
			got = append(got, fmt.Sprintf("route %v by %s", r.Target, r.Interface))
		}
		slices.Sort(got)
		want := []string{
			"br0 10.20.0.1/24", "br0 3 strict false", "eth0 0 strict true", "eth0 192.168.1.7/24", "eth0 2001:db8::7/64",
			"ours0 3 strict false", "ours1 10.30.0.1/24", "ours1 3 strict false",
			"route 0.0.0.0/0 by eth0", "route 0.0.0.0/0 by strange", "route 10.50.0.0/16 by eth0", "route 10.60.0.0/16 by eth0", "route 10.60.0.0/16 by eth0",
			"route 10.8.0.1/32 by strange", "route 192.168.1.0/24 by eth0", "route 2001:db8::/64 by eth0", "route ::/0 by eth0",
			"strange 1 strict false", "strange 10.8.0.1/32", "strange 10.8.0.2/32",
		}
		compare(t, "the machine", got, want)
		if verdict.Own != 3 || verdict.VPN != 1 {
			t.Error("the classes above are others")
		}
		// Of a router's thousands only those that matter are kept.
		var batch strings.Builder
		for i := range 3 * maxOthers {
			fmt.Fprintf(&batch, "route add 11.%d.%d.0/24 dev eth0\n", i/256, i%256)
		}
		add := exec.Command("ip", "-batch", "-")
		add.Stdin = strings.NewReader(batch.String())
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		found, all, err = m.Machine([]string{"ours0", "ours1"}, prefixes("11.5.200.0/21"))
		last := 0
		for _, r := range found.Routes {
			if r.Target.Bits() > 1 && r.Target.Overlaps(netip.MustParsePrefix("11.5.200.0/21")) {
				last++
			}
		}
		if err != nil || all || last != 8 || len(found.Routes) > maxOthers+20 {
			t.Errorf("%d routes, %d of them wanted, all %v, %v", len(found.Routes), last, all, err)
		}
	})
}
