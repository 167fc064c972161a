package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// mixed is a scene in which a has a device for IP packets, if it is ours, and b
// one for Ethernet, as the reference's always are: all that the kernel does for b
// is done for a by the port. The two have plain addresses of both families and
// those that are computed.
type mixed struct {
	*scene
	nwid, a4, b4, a6, b6 string
	deviceA, deviceB     string
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	s := newScene(t)
	m := &mixed{scene: s, a4: "10.150.0.1", b4: "10.150.0.2", a6: "fd00:150::1", b6: "fd00:150::2"}
	s.begin()
	m.nwid = s.found(0x50, `{"name":"mixed","private":true,"enableBroadcast":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true,"6plane":true},
		"routes":[{"target":"10.150.0.0/24"},{"target":"fd00:150::/64"}]}`)
	for i, x := range []*box{s.a, s.b} {
		s.admit(m.nwid, x, fmt.Sprintf(`{"authorized":true,"ipAssignments":["10.150.0.%d","10.150.0.%d","fd00:150::%d"]}`, i+1, i+11, i+1))
		x.enter(m.nwid, "{}")
	}
	if s.b.kind != referenceKind {
		if _, err := s.b.client.SetNetwork(ctx(t), m.nwid, ipc.NetworkSettings{Port: "tap"}); err != nil {
			t.Fatal(err)
		}
		until(t, 10*time.Second, "Ethernet device on b", func() error {
			for _, l := range s.b.links() {
				if l.Kind == "ether" {
					return nil
				}
			}
			return fmt.Errorf("%+v", s.b.links())
		})
	}
	m.deviceA, m.deviceB = s.a.member(m.nwid, "OK").Device, s.b.member(m.nwid, "OK").Device
	t.Logf("IPv4 after %v", s.a.pings(30*time.Second, m.b4))
	return m
}

// pings2 waits for answers both ways.
func (m *mixed) pings2(t *testing.T, what, toB, toA string) {
	t.Helper()
	t.Logf("%s after %v, back %v", what, m.a.pings(20*time.Second, toB), m.b.pings(20*time.Second, toA))
}

// TestLabHostPort has a port for IP packets behave as an Ethernet host does, in
// the eyes of one that has a kernel for that (spec 04 §15.7).
func TestLabHostPort(t *testing.T) {
	t.Parallel()
	m := newMixed(t)
	a, b := m.a, m.b

	t.Run("addresses of every kind", func(t *testing.T) {
		m.pings2(t, "IPv6", m.b6, m.a6)
		m.pings2(t, "RFC4193", b.ip(m.nwid, unique88), a.ip(m.nwid, unique88))
		m.pings2(t, "6PLANE", b.sixPlane(m.nwid), a.sixPlane(m.nwid))
		var ll [2]string
		for i, x := range []*box{a, b} {
			mac, err := identity.ParseMAC(x.member(m.nwid, "OK").MAC)
			if err != nil {
				t.Fatal(err)
			}
			ll[i] = identity.LinkLocal(mac).String()
		}
		m.pings2(t, "link-local", ll[1]+"%"+m.deviceA, ll[0]+"%"+m.deviceB)
	})
	t.Run("all of a 6PLANE prefix", func(t *testing.T) {
		inner := func(x *box) string {
			p := netip.MustParseAddr(x.sixPlane(m.nwid)).As16()
			p[11], p[13], p[15] = 0x12, 0x34, 0x56
			ip := netip.AddrFrom16(p).String()
			must(t, "ip", "-n", x.ns, "addr", "add", ip+"/128", "dev", "lo")
			return ip
		}
		m.pings2(t, "an inner address", inner(b), inner(a))
	})
	t.Run("neighbours are refreshed", func(t *testing.T) {
		// The kernel of b asks by unicast whether a is still there: only so, as
		// nothing may be asked of groups here.
		mac := a.member(m.nwid, "OK").MAC
		for family, ip := range map[string]string{"ipv4": m.a4, "ipv6": m.a6} {
			b.pings(10*time.Second, ip)
			if _, err := b.run("sh", "-c", fmt.Sprintf("echo 0 >/proc/sys/net/%s/neigh/%s/mcast_solicit", family, m.deviceB)); err != nil {
				t.Fatal(err)
			}
			probe := func() {
				must(t, "ip", "-n", b.ns, "neigh", "replace", ip, "lladdr", mac, "dev", m.deviceB, "nud", "probe")
			}
			probe()
			took := until(t, 5*time.Second, "confirmation of "+ip, func() error {
				out, err := b.run("ip", "neigh", "show", ip, "dev", m.deviceB)
				if err == nil && !strings.Contains(out, "REACHABLE") {
					err = errors.New(out)
				}
				if strings.Contains(out, "FAILED") { // it asks three times in three seconds
					probe()
				}
				return err
			})
			t.Logf("%s confirmed after %v", ip, took)
			must(t, "ip", "netns", "exec", b.ns, "sh", "-c", fmt.Sprintf("echo 3 >/proc/sys/net/%s/neigh/%s/mcast_solicit", family, m.deviceB))
			must(t, "ip", "-n", b.ns, "neigh", "flush", "dev", m.deviceB)
			b.pings(10*time.Second, ip)
		}
	})
	t.Run("broadcast", func(t *testing.T) {
		for _, x := range []*box{a, b} {
			if _, err := x.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts"); err != nil {
				t.Fatal(err)
			}
		}
		for from, answer := range map[*box]string{a: m.b4, b: m.a4} {
			patience := 20 * time.Second
			if a.kind == referenceKind || b.kind == referenceKind {
				patience = 150 * time.Second // it tells members of the broadcast group once a minute
			}
			took := until(t, patience, "answer of "+answer+" to a broadcast", func() error {
				// Its own answer counts, so there must be more to wait for.
				out, _ := from.run("ping", "-n", "-b", "-c5", "-i0.2", "-W1", "10.150.0.255")
				if !strings.Contains(out, "from "+answer+":") {
					return errors.New(out)
				}
				return nil
			})
			t.Logf("%s heard a broadcast of %s after %v", answer, from.name, took)
		}
	})
	t.Run("long packets", func(t *testing.T) {
		for from, to := range map[*box][2]string{a: {m.b4, m.b6}, b: {m.a4, m.a6}} {
			for i, overhead := range []int{28, 48} {
				size := fmt.Sprint(2800 - overhead)
				until(t, 10*time.Second, "packets of 2800 bytes to "+to[i], func() error {
					_, err := from.run("ping", "-n", "-c3", "-i0.2", "-W1", "-M", "do", "-s", size, to[i])
					return err
				})
			}
		}
	})
	t.Run("TCP", func(t *testing.T) {
		for _, to := range []string{m.b4, m.b6} {
			for _, reverse := range []bool{false, true} {
				r := m.transfer(t, a, b, to, 24<<20, reverse)
				t.Logf("24 MiB to %s (reverse %v): %.0f Mbit/s, %d retransmits, segments of %d bytes", to, reverse, r.rate/1e6, r.retransmits, r.segment)
				if want := 2800 - 40 - 12; to == m.b4 && r.segment != 0 && r.segment < want-100 {
					t.Errorf("segments of %d bytes, want about %d", r.segment, want)
				}
			}
		}
	})
	if a.kind == referenceKind {
		return
	}
	t.Run("a route by hand", func(t *testing.T) {
		const behind = "172.31.5.1"
		must(t, "ip", "-n", b.ns, "addr", "add", behind+"/32", "dev", "lo")
		must(t, "ip", "-n", a.ns, "route", "add", "172.31.0.0/16", "via", m.b4, "dev", m.deviceA)
		t.Logf("through b after %v", a.pings(20*time.Second, behind))
		must(t, "ip", "-n", a.ns, "route", "del", "172.31.0.0/16")
	})
	t.Run("the user's own MTU", func(t *testing.T) {
		set := func(mtu, want, segment int) {
			t.Helper()
			if _, err := a.client.SetNetwork(ctx(t), m.nwid, ipc.NetworkSettings{MTU: &mtu}); err != nil {
				t.Fatal(err)
			}
			until(t, 10*time.Second, fmt.Sprintf("MTU %d", want), func() error {
				for _, l := range a.links() {
					if l.Name == m.deviceA && l.MTU == want {
						return nil
					}
				}
				return fmt.Errorf("%+v", a.links())
			})
			for _, reverse := range []bool{false, true} {
				if r := m.transfer(t, a, b, m.b4, 4<<20, reverse); r.segment > segment || r.segment < segment-40 {
					t.Errorf("segments of %d bytes with an MTU of %d (reverse %v)", r.segment, want, reverse)
				}
			}
		}
		set(1400, 1400, 1360)
		// b knows nothing of it and is told; its kernel keeps to that then.
		until(t, 10*time.Second, "long packets of b", func() error {
			_, err := b.run("ping", "-n", "-c1", "-W1", "-M", "do", "-s", "2772", m.a4)
			if err == nil || !strings.Contains(err.Error(), "mtu") && !strings.Contains(err.Error(), "too long") {
				return fmt.Errorf("b was not told: %w", err)
			}
			return nil
		})
		must(t, "ip", "-n", b.ns, "route", "flush", "cache")
		set(0, 2800, 2760)
	})
	t.Run("another has the address", func(t *testing.T) {
		must(t, "ip", "-n", b.ns, "addr", "add", m.a4+"/24", "dev", m.deviceB)
		until(t, 30*time.Second, "alert", func() error {
			// b looks for the other address of a in the name of the first.
			must(t, "ip", "-n", b.ns, "neigh", "flush", "dev", m.deviceB)
			_, _ = b.run("ping", "-n", "-c1", "-W1", "-I", m.a4, "10.150.0.11")
			snap, err := a.client.Snapshot(ctx(t))
			if err != nil {
				return err
			}
			for _, x := range snap.Alerts {
				if x.ID == "network.address."+m.nwid {
					t.Log(x.Text)
					return nil
				}
			}
			return fmt.Errorf("%v", snap.Alerts)
		})
		must(t, "ip", "-n", b.ns, "addr", "del", m.a4+"/24", "dev", m.deviceB)
	})
}

// unique88 picks the RFC4193 address that follows from a member's address.
func unique88(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && b[0] == 0xfd && b[9] == 0x99 && b[10] == 0x93
}

// transferred is what iperf3 says of a transfer.
type transferred struct {
	rate        float64 // bits a second
	retransmits int
	segment     int
}

// transfer sends so many bytes by TCP, from from to the address to of at, or back.
func (m *mixed) transfer(t *testing.T, from, at *box, to string, bytes int, reverse bool) transferred {
	t.Helper()
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.Skip("needs the program iperf3")
	}
	args := []string{"timeout", "60", "iperf3", "-J", "-c", to, "-n", fmt.Sprint(bytes), "--connect-timeout", "5000"}
	if reverse {
		args = append(args, "-R")
	}
	type side struct {
		Bytes       float64
		Rate        float64 `json:"bits_per_second"`
		Retransmits int
	}
	var doc struct {
		Start struct {
			Segment int `json:"tcp_mss_default"`
		}
		End struct {
			Sent     side `json:"sum_sent"`
			Received side `json:"sum_received"`
		}
	}
	until(t, 60*time.Second, "iperf3 to "+to, func() error {
		serve := exec.Command("ip", "netns", "exec", at.ns, "timeout", "100", "iperf3", "-s", "-1", "-B", to)
		if err := serve.Start(); err != nil {
			return err
		}
		defer func() { _ = serve.Process.Kill(); _ = serve.Wait() }()
		until(t, 10*time.Second, "iperf3 to listen", func() error {
			if out, err := at.run("ss", "-Hltn", "sport = :5201"); err != nil || out == "" {
				return errors.Join(errors.New("it does not"), err)
			}
			return nil
		})
		out, err := from.run(args...)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if max(doc.End.Sent.Bytes, doc.End.Received.Bytes) < float64(bytes) {
			return errors.New("not all of it was sent")
		}
		return nil
	})
	return transferred{doc.End.Sent.Rate, doc.End.Sent.Retransmits, doc.Start.Segment}
}

// TestLabLongDatagramsAreLost drops datagrams above 1,300 bytes between the two
// without a word. A session that exchanges long messages does not hang, and a
// connection opened then uses segments that travel whole.
func TestLabLongDatagramsAreLost(t *testing.T) {
	t.Parallel()
	m := newMixed(t)
	m.needsIPTables()
	if m.a.kind == referenceKind && m.b.kind == referenceKind {
		t.Skip("the reference does not find out what a line carries")
	}
	for _, x := range []*box{m.a, m.b} {
		// Else the filter would see a batch as one long datagram.
		must(t, "ip", "-n", x.ns, "link", "set", "eth0", "gso_max_segs", "1")
	}
	for from, to := range map[*box]*box{m.a: m.b, m.b: m.a} {
		must(t, "ip", "netns", "exec", m.name+"-switch", "iptables", "-A", "FORWARD", "-p", "udp", "-s", from.addr.String(), "-d", to.addr.String(),
			"-m", "length", "--length", "1329:65535", "-j", "DROP")
	}
	// The one that can finds out begins to send.
	back := m.a.kind == referenceKind
	start := time.Now()
	r := m.transfer(t, m.a, m.b, m.b4, 1<<20, back)
	t.Logf("the first MiB took %v: %d retransmits, segments of %d bytes", time.Since(start), r.retransmits, r.segment)
	for _, reverse := range []bool{!back, back} {
		until(t, 60*time.Second, "connection with segments that fit", func() error {
			if r = m.transfer(t, m.a, m.b, m.b4, 4<<20, reverse); r.segment > 1300-38-40 {
				return fmt.Errorf("segments of %d bytes", r.segment)
			}
			return nil
		})
		t.Logf("4 MiB (reverse %v) at %.0f Mbit/s: %d retransmits, segments of %d bytes", reverse, r.rate/1e6, r.retransmits, r.segment)
	}
}
