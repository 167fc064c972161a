package udp

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"orrery/engine/vl1"
	"orrery/service/device/devicetest"
)

var (
	wire4 = [2]netip.Prefix{netip.MustParsePrefix("192.168.77.1/24"), netip.MustParsePrefix("192.168.77.2/24")}
	wire6 = [2]netip.Prefix{netip.MustParsePrefix("fd77::1/64"), netip.MustParsePrefix("fd77::2/64")}
)

// wired opens sockets in two namespaces with a wire between them.
func wired(t testing.TB, mtu int, cfg Config) (a, b *Sockets) {
	t.Helper()
	x, y := devicetest.NewNamespace(t), devicetest.NewNamespace(t)
	devicetest.Wire(t, x, y, "v0", "v1", mtu, []netip.Prefix{wire4[0], wire6[0]}, []netip.Prefix{wire4[1], wire6[1]})
	x.Do(func() { a = open(t, cfg) })
	y.Do(func() { b = open(t, cfg) })
	return a, b
}

// warm sends one datagram ahead, because few wait for the neighbour's address.
func warm(t testing.TB, a *Sockets, in *inbox, to netip.AddrPort) {
	t.Helper()
	if err := a.Send(run(1, 1, to)); err != nil {
		t.Fatal(err)
	}
	in.wait(t, 1)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got = nil
}

func expect(t testing.TB, in *inbox, batch []vl1.Datagram) {
	t.Helper()
	for i, d := range in.wait(t, len(batch)) {
		if !bytes.Equal(d.Data, batch[i].Data) {
			t.Fatalf("datagram %d differs", i)
		}
	}
}

func TestOffloadsOverWire(t *testing.T) {
	for _, ip := range []netip.Addr{wire4[1].Addr(), wire6[1].Addr()} {
		a, b := wired(t, 1500, Config{})
		if a.Stats().Offloads != len(a.IDs()) {
			t.Skip("this kernel does not segment UDP")
		}
		in, to := listen(t, b), netip.AddrPortFrom(ip, uint16(b.Port()))
		warm(t, a, in, to)
		batch := run(300, 1432, to)
		batch[299].Data = batch[299].Data[:700]
		if err := a.Send(batch); err != nil {
			t.Fatal(err)
		}
		expect(t, in, batch)
		s, r := a.Stats(), b.Stats()
		if s.SendCalls != 2 || s.SentDatagrams != 301 {
			t.Errorf("%v: sent %d datagrams in %d calls", ip, s.SentDatagrams, s.SendCalls)
		}
		if r.ReceivedDatagrams != 301 || r.ReceivedBytes != 1+299*1432+700 {
			t.Errorf("%v: received %+v", ip, r)
		}
	}
}

// TestSmallWire sends segments that are larger than the wire takes: the kernel
// refuses to segment them, but fragments them one by one.
func TestSmallWire(t *testing.T) {
	for _, ip := range []netip.Addr{wire4[1].Addr(), wire6[1].Addr()} {
		a, b := wired(t, 1300, Config{})
		in, to := listen(t, b), netip.AddrPortFrom(ip, uint16(b.Port()))
		warm(t, a, in, to)
		var all []vl1.Datagram
		for i := range maxRefusals + 2 {
			batch := slices.Concat(run(3, 1432, to), run(5, 1000, to), run(2, 1433, to))
			if i < maxRefusals/3 && a.Stats().Offloads != len(a.IDs()) {
				t.Errorf("%v: the offload was given up after %d sends", ip, i)
			}
			if err := a.Send(batch); err != nil {
				t.Fatal(err)
			}
			all = append(all, batch...)
		}
		expect(t, in, all)
		if s := a.Stats(); s.SendErrors != 0 || s.SentDatagrams != uint64(1+len(all)) {
			t.Errorf("%v: %+v", ip, s)
		}
	}
}

// TestOnlySmallWire has nothing but refused segments: the offload is given up.
func TestOnlySmallWire(t *testing.T) {
	a, b := wired(t, 1300, Config{})
	before := a.Stats().Offloads
	if before == 0 {
		t.Skip("this kernel does not segment UDP")
	}
	in, to := listen(t, b), netip.AddrPortFrom(wire4[1].Addr(), uint16(b.Port()))
	warm(t, a, in, to)
	batch := run(3*2*maxRefusals, 1432, to)
	for i := 0; i < len(batch); i += 3 {
		if err := a.Send(batch[i : i+3]); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, in, batch)
	if got := a.Stats().Offloads; got != before-1 {
		t.Errorf("%d sockets segment, want %d", got, before-1)
	}
}

func TestTTL(t *testing.T) {
	for name, cfg := range transports {
		t.Run(name, func(t *testing.T) {
			a := open(t, cfg)
			sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			p := ipv4.NewPacketConn(sink)
			if err := p.SetControlMessage(ipv4.FlagTTL, true); err != nil {
				t.Fatal(err)
			}
			to := sink.LocalAddr().(*net.UDPAddr).AddrPort()
			batch := run(5, 4, to)
			batch[1].TTL, batch[2].TTL, batch[3].TTL = 2, 2, 7
			if err := a.Send(batch); err != nil {
				t.Fatal(err)
			}
			if err := sink.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			var got []int
			for range batch {
				_, cm, _, err := p.ReadFrom(make([]byte, 100))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, cm.TTL)
			}
			if got[1] != 2 || got[2] != 2 || got[3] != 7 || got[0] != got[4] || got[0] < 32 {
				t.Errorf("TTLs %v, want the default, 2, 2, 7, the default", got)
			}
		})
	}
}

// TestUnreachable has no route: losses are counted, and the rest goes on.
func TestUnreachable(t *testing.T) {
	a, b := wired(t, 1500, Config{})
	in := listen(t, b)
	good := netip.AddrPortFrom(wire4[1].Addr(), uint16(b.Port()))
	batch := slices.Concat(run(3, 100, netip.MustParseAddrPort("203.0.113.9:9")), run(2, 100, good))
	if err := a.Send(batch); err != nil {
		t.Fatal(err)
	}
	expect(t, in, batch[3:])
	if s := a.Stats(); s.SendErrors != 3 || s.SentDatagrams != 2 {
		t.Errorf("%+v", s)
	}
}

func TestOptions(t *testing.T) {
	ns := devicetest.NewNamespace(t) // as root, so all of them can be set
	var s *Sockets
	ns.Do(func() { s = open(t, Config{Mark: 0x6f72}) })
	for _, sk := range s.regular {
		raw, err := sk.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		level, discover := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
		if sk.v6 {
			level, discover = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
		}
		err = raw.Control(func(fd uintptr) {
			for _, o := range []struct {
				name             string
				level, opt, want int
			}{
				{"receive buffer", unix.SOL_SOCKET, unix.SO_RCVBUF, 2 * socketBuffer}, // the kernel doubles it
				{"send buffer", unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * socketBuffer},
				{"address reuse", unix.SOL_SOCKET, unix.SO_REUSEADDR, 0},
				{"mark", unix.SOL_SOCKET, unix.SO_MARK, 0x6f72},
				{"MTU discovery", level, discover, unix.IP_PMTUDISC_DONT},
			} {
				if got, err := unix.GetsockoptInt(int(fd), o.level, o.opt); err != nil || got != o.want {
					t.Errorf("socket %d: %s is %d, want %d (%v)", sk.id, o.name, got, o.want, err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoIPv6(t *testing.T) {
	s := open(t, Config{})
	update(t, s, Wildcard(s.Port(), Primary)[:1]) // as on a machine without
	to := netip.AddrPortFrom(loopback6, 9)
	if err := s.Send(run(2, 10, to)); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Unroutable != 2 || st.SentDatagrams != 0 {
		t.Errorf("%+v", st)
	}
}

func TestSurveyOfInterfaces(t *testing.T) {
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		for _, name := range []string{"eth7", "ztabcdefgh", "eth9", "br9"} {
			err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "p" + name})
			if err != nil {
				t.Skipf("cannot make interfaces: %v", err)
			}
			if name != "eth9" { // which has no carrier
				devicetest.Up(t, "p"+name)
			}
		}
		devicetest.Up(t, "br9", netip.MustParsePrefix("172.18.0.1/16"))
		devicetest.Up(t, "eth7", wire4[0], wire6[0])
		devicetest.Up(t, "ztabcdefgh", netip.MustParsePrefix("10.147.17.1/24"))
		devicetest.Up(t, "eth9", netip.MustParsePrefix("10.44.17.1/24"))
		eth, err := netlink.LinkByName("eth7")
		if err == nil {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP("fd77::99"), Mask: net.CIDRMask(64, 128)}, PreferedLft: 0, ValidLft: 3600}
			err = netlink.AddrAdd(eth, a) // deprecated and, until checked, tentative
		}
		if err == nil {
			_, all, _ := net.ParseCIDR("0.0.0.0/0")
			err = netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Dst: all, Gw: net.IP(wire4[1].Addr().AsSlice()), Table: 77})
		}
		if err != nil {
			t.Fatal(err)
		}
		var v Surveyor
		got, err := v.Survey(Rules{})
		if err != nil {
			t.Fatal(err)
		}
		want := []netip.Addr{wire4[0].Addr(), wire6[0].Addr(), netip.MustParseAddr("172.18.0.1")}
		slices.SortFunc(got.Places[1:], func(a, b Place) int { return b.Addr.Compare(a.Addr) })
		if !slices.Equal(addrs(got.Places), want) || !got.Link {
			t.Fatalf("got %+v, want %v", got, want)
		}
		for i, c := range []struct {
			device, reach string
			uplink        bool
		}{{"eth7", "", true}, {"eth7", "fd77::/64", false}, {"br9", "172.18.0.0/16", false}} {
			p := got.Places[i]
			if p.Device != c.device || p.Uplink != c.uplink || c.reach != "" && !slices.Contains(p.Reach, netip.MustParsePrefix(c.reach)) || c.uplink && p.Reach != nil {
				t.Errorf("%+v, want %+v", p, c)
			}
		}
		got, err = v.Survey(Rules{
			Own:     func(name string) bool { return name == "br9" || name == "ztabcdefgh" },
			Exclude: func(name string, ip netip.Addr) bool { return name == "eth7" && ip.Is4() },
		})
		if err != nil || !slices.Equal(addrs(got.Places), want[1:2]) {
			t.Errorf("got %v, %v, want %v", got, err, want[1:2])
		}
	})
}

// TestDevices has the same address on two devices: each socket has its own
// traffic, whatever the routes say, and loses it with a change of the device.
func TestDevices(t *testing.T) {
	x := devicetest.NewNamespace(t)
	far := [2]*devicetest.Namespace{devicetest.NewNamespace(t), devicetest.NewNamespace(t)}
	devicetest.Wire(t, x, far[0], "v0", "w0", 1500, wire4[:1], wire4[1:])
	devicetest.Wire(t, x, far[1], "v1", "w1", 1500, wire4[:1], wire4[1:])
	var a *Sockets
	var index [2]int
	port := 0
	x.Do(func() {
		for i, name := range []string{"v0", "v1"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				t.Fatal(err)
			}
			index[i] = l.Attrs().Index
		}
		a = open(t, Config{})
		port = a.Port()
		update(t, a, []Binding{
			{Local: netip.AddrPortFrom(wire4[0].Addr(), uint16(port)), Device: "v0", Index: index[0]},
			{Local: netip.AddrPortFrom(wire4[0].Addr(), uint16(port)), Device: "v1", Index: index[1]},
		})
	})
	in := listen(t, a)
	ids := a.IDs()
	for i, ns := range far {
		var b *Sockets
		ns.Do(func() { b = open(t, Config{}) })
		back := listen(t, b)
		if err := b.Send(run(1, 10+i, netip.AddrPortFrom(wire4[0].Addr(), uint16(port)))); err != nil {
			t.Fatal(err)
		}
		if d := in.wait(t, i+1)[i]; d.Socket != ids[i] || len(d.Data) != 10+i {
			t.Errorf("%d bytes by socket %d, want socket %d", len(d.Data), d.Socket, ids[i])
		}
		to := netip.AddrPortFrom(wire4[1].Addr(), uint16(b.Port()))
		if err := a.Send([]vl1.Datagram{{Data: []byte{byte(i)}, Remote: to, Socket: ids[i]}}); err != nil {
			t.Fatal(err)
		}
		if d := back.wait(t, 1)[0]; d.Data[0] != byte(i) {
			t.Errorf("device %d: got %v", i, d.Data)
		}
	}
	if x := a.Status(); len(x) != 2 || x[1].Device != "v1" || x[1].Stats.SentBytes != 1 || x[1].Stats.ReceivedBytes != 11 {
		t.Errorf("%+v", x)
	}
	x.Do(func() {
		if err := a.Update([]Binding{{Local: netip.AddrPortFrom(wire4[0].Addr(), uint16(port)), Device: "v0", Index: index[0] + 1000}}); err != nil {
			t.Fatal(err)
		}
	})
	if now := a.IDs(); len(now) != 1 || now[0] == ids[0] {
		t.Errorf("a device that was made anew kept socket %d", now)
	}
}

func TestSegmentSize(t *testing.T) {
	t.Parallel()
	control := func(level, kind int32, value uint32) []byte {
		b := make([]byte, unix.CmsgSpace(4))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = level, kind
		h.SetLen(unix.CmsgLen(4))
		binary.NativeEndian.PutUint32(b[unix.CmsgLen(0):], value)
		return b
	}
	other := control(unix.SOL_SOCKET, 99, 5)
	gro := control(unix.IPPROTO_UDP, unix.UDP_GRO, 1432)
	for _, c := range []struct {
		in   []byte
		want int
	}{{nil, 0}, {gro, 1432}, {other, 0}, {slices.Concat(other, gro), 1432}, {gro[:10], 0}, {gro[:18], 0}} {
		if got := segmentSize(c.in); got != c.want {
			t.Errorf("% x: %d, want %d", c.in, got, c.want)
		}
	}
}

func FuzzSegmentSize(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 104, 0, 0, 0, 152, 5, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { segmentSize(b) })
}

// BenchmarkWire sends over a pair of interfaces and waits for the arrival.
func BenchmarkWire(b *testing.B) {
	for name, cfg := range transports {
		b.Run(name, func(b *testing.B) {
			s, sink := wired(b, 1500, cfg)
			benchThrough(b, s, sink, netip.AddrPortFrom(wire4[1].Addr(), uint16(sink.Port())))
		})
	}
}
