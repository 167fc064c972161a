package device_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"orrery/engine/identity"
	"orrery/service/device"
	"orrery/service/device/devicetest"
)

const (
	networkID identity.NetworkID = 0x8056c2e21c000001
	// patience bounds what a test waits for on the network.
	patience = 2 * time.Minute
)

var discard = slog.New(slog.DiscardHandler)

// host is one end of a copied pair of devices.
type host struct {
	ns  *devicetest.Namespace
	dev device.Device
}

// pair opens a device of the same network in two namespaces and copies packets
// between them until the test ends. It returns the largest batch read so far.
func pair(t testing.TB, kind device.Kind, mtu int) (a, b host, largest *atomic.Int64) {
	t.Helper()
	largest = new(atomic.Int64)
	hosts := [2]host{}
	for i := range hosts {
		h := &hosts[i]
		h.ns = devicetest.NewNamespace(t)
		h.ns.Do(func() {
			var err error
			h.dev, err = device.Open(device.Config{
				Network: networkID, Kind: kind, MTU: mtu, Log: discard,
				MAC: identity.MACOf(networkID, identity.Address(0x1000000001+i)),
			})
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
				t.Skipf("cannot open a device here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			devicetest.Up(t, h.dev.Name(), address(4, i), address(6, i))
		})
	}
	var wg sync.WaitGroup
	wg.Go(func() { carry(t, hosts[0].dev, hosts[1].dev, largest) })
	wg.Go(func() { carry(t, hosts[1].dev, hosts[0].dev, largest) })
	t.Cleanup(func() {
		for _, h := range hosts {
			if err := h.dev.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		wg.Wait()
	})
	return hosts[0], hosts[1], largest
}

// address is the address of host i.
func address(version, i int) netip.Prefix {
	if version == 4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 147, 17, byte(i + 1)}), 24)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(i + 1)}), 64)
}

// carry copies batches from one device to another until either is closed. The
// buffers lie next to each other, as they do in receive buffers.
func carry(t testing.TB, from, to device.Device, largest *atomic.Int64) {
	const room = 9100
	block := make([]byte, from.BatchSize()*room)
	bufs, out := make([][]byte, from.BatchSize()), make([][]byte, 0, from.BatchSize())
	sizes := make([]int, len(bufs))
	for i := range bufs {
		bufs[i] = block[i*room : (i+1)*room]
	}
	for {
		n, err := from.Read(bufs, sizes)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
			return
		}
		if int64(n) > largest.Load() {
			largest.Store(int64(n))
		}
		out = out[:0]
		for i := range n {
			out = append(out, bufs[i][:from.Headroom()+sizes[i]])
		}
		if err := to.Write(out); errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

// transfer sends size random bytes over TCP and compares sums.
func transfer(t testing.TB, from, to host, ip netip.Addr, size int) {
	t.Helper()
	var l net.Listener
	var c net.Conn
	var err error
	to.ns.Do(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(ip, 0).String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan [32]byte, 1)
	go func() {
		h := sha256.New()
		if s, err := l.Accept(); err == nil {
			_, _ = io.Copy(h, s) // the sum tells
			_ = s.Close()
		}
		received <- [32]byte(h.Sum(nil))
	}()
	from.ns.Do(func() { c, err = net.DialTimeout("tcp", l.Addr().String(), patience) })
	if err != nil {
		t.Fatal(err)
	}
	src := rand.NewChaCha8([32]byte{1})
	h := sha256.New()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.MultiWriter(c, h), src, int64(size)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case sum := <-received:
		if sum != [32]byte(h.Sum(nil)) {
			t.Error("what arrived is not what was sent")
		}
	case <-time.After(patience):
		t.Fatal("the transfer does not end")
	}
}

// echo sends datagrams from one host to the other and back.
func echo(t testing.TB, from, to host, ip netip.Addr, size, count int) {
	t.Helper()
	var server, client net.PacketConn
	var err error
	to.ns.Do(func() { server, err = net.ListenPacket("udp", netip.AddrPortFrom(ip, 0).String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 65536)
		for {
			n, a, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			if _, err := server.WriteTo(buf[:n], a); err != nil {
				return
			}
		}
	}()
	from.ns.Do(func() { client, err = net.ListenPacket("udp", ":0") })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	for i := range count {
		msg := bytes.Repeat([]byte{byte(i)}, size)
		if _, err := client.WriteTo(msg, server.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		n, _, err := client.ReadFrom(buf)
		if err != nil {
			t.Fatalf("datagram %d of %d bytes: %v", i, size, err)
		}
		if !bytes.Equal(buf[:n], msg) {
			t.Fatalf("datagram %d came back changed", i)
		}
	}
}

func TestTUN(t *testing.T) {
	for _, mtu := range []int{1280, 2800, 9000} {
		a, b, largest := pair(t, device.L3, mtu)
		if a.dev.Name() != "ztmjfmfyq5" || a.dev.Kind() != device.L3 || a.dev.MTU() != mtu {
			t.Errorf("device %s, %v, MTU %d", a.dev.Name(), a.dev.Kind(), a.dev.MTU())
		}
		for i := range 2 {
			from, to := a, b
			if i == 1 {
				from, to = b, a
			}
			for _, version := range []int{4, 6} {
				ip := address(version, 1-i).Addr()
				echo(t, from, to, ip, 1, 5)
				echo(t, from, to, ip, 1200, 20)
				echo(t, from, to, ip, 20000, 3) // fragments
				transfer(t, from, to, ip, 8<<20)
			}
		}
		if largest.Load() < 2 {
			t.Error("no offload: every batch had one packet")
		}
	}
}

func TestTUNFlows(t *testing.T) {
	a, b, _ := pair(t, device.L3, 2800)
	var wg sync.WaitGroup
	for range 6 { // more than one flow in a batch
		wg.Go(func() { transfer(t, a, b, address(4, 1).Addr(), 4<<20) })
		wg.Go(func() { transfer(t, b, a, address(6, 0).Addr(), 4<<20) })
	}
	wg.Wait()
}

func TestTAP(t *testing.T) {
	a, b, _ := pair(t, device.L2, 2800)
	if a.dev.Kind() != device.L2 || a.dev.Headroom() != 0 {
		t.Errorf("kind %v, headroom %d", a.dev.Kind(), a.dev.Headroom())
	}
	a.ns.Do(func() {
		link, err := netlink.LinkByName(a.dev.Name())
		if err != nil {
			t.Fatal(err)
		}
		want := identity.MACOf(networkID, 0x1000000001).String()
		if got := link.Attrs().HardwareAddr.String(); got != want {
			t.Errorf("MAC %s, want %s", got, want)
		}
	})
	for _, version := range []int{4, 6} {
		echo(t, a, b, address(version, 1).Addr(), 1200, 20)
		transfer(t, a, b, address(version, 1).Addr(), 8<<20)
		transfer(t, b, a, address(version, 0).Addr(), 8<<20)
	}
}

// TestTAPFollowsNobody: another program's MAC does not stay, and routers on the
// network become default routers only if they may.
func TestTAPFollowsNobody(t *testing.T) {
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		mac := identity.MACOf(networkID, 0x1000000001)
		d, err := device.Open(device.Config{Network: networkID, Kind: device.L2, MAC: mac, Log: discard})
		if err != nil {
			t.Skipf("cannot open a device here: %v", err)
		}
		defer d.Close()
		link, err := netlink.LinkByName(d.Name())
		if err == nil {
			err = netlink.LinkSetHardwareAddr(link, net.HardwareAddr{2, 1, 2, 3, 4, 5})
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := d.(interface{ KeepMAC() error }).KeepMAC(); err != nil {
				t.Fatal(err)
			}
			if link, err = netlink.LinkByName(d.Name()); err != nil || link.Attrs().HardwareAddr.String() != mac.String() {
				t.Errorf("MAC %v, %v, want %v", link.Attrs().HardwareAddr, err, mac)
			}
		}
		for _, on := range []bool{false, true, false} {
			if err := d.(interface{ AllowDefaultRouter(bool) error }).AllowDefaultRouter(on); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + d.Name() + "/accept_ra_defrtr")
			if err == nil && (b[0] == '1') != on {
				t.Errorf("allowed %v: %s", on, b)
			}
		}
	})
}

// needsTUN skips a test where the kernel has no TUN devices.
func needsTUN(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a kernel with TUN devices: %v", err)
	}
	_ = f.Close()
}

func TestNameTaken(t *testing.T) {
	needsTUN(t)
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		var names []string
		for range 3 {
			d, err := device.Open(device.Config{Network: networkID, Log: discard})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			names = append(names, d.Name())
			if d.MTU() != device.DefaultMTU {
				t.Errorf("MTU %d", d.MTU())
			}
		}
		if names[0] != "ztmjfmfyq5" || names[1] != "ztmjfmfyq6" || names[2] != "ztmjfmfyq7" {
			t.Errorf("names %v", names)
		}
		if _, err := device.Open(device.Config{Name: names[0], Log: discard}); !errors.Is(err, os.ErrExist) {
			t.Errorf("taken name: %v", err)
		}
		if _, err := device.Open(device.Config{Name: "../zt", Log: discard}); !errors.Is(err, device.ErrName) {
			t.Errorf("bad name: %v", err)
		}
	})
}

func TestSetMTU(t *testing.T) {
	needsTUN(t)
	for _, kind := range []device.Kind{device.L3, device.L2} {
		ns := devicetest.NewNamespace(t)
		ns.Do(func() {
			d, err := device.Open(device.Config{Network: networkID, Kind: kind, Log: discard})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if err := d.SetMTU(1400); err != nil || d.MTU() != 1400 {
				t.Errorf("%v: MTU %d, %v", kind, d.MTU(), err)
			}
			link, err := netlink.LinkByName(d.Name())
			if err != nil || link.Attrs().MTU != 1400 {
				t.Errorf("%v: the system has MTU %d, %v", kind, link.Attrs().MTU, err)
			}
			if err := netlink.LinkSetMTU(link, 1500); err != nil || d.MTU() != 1500 {
				t.Errorf("%v: MTU %d after another program's change, %v", kind, d.MTU(), err)
			}
			if err := d.SetMTU(70000); !errors.Is(err, device.ErrMTU) {
				t.Errorf("%v: MTU 70000: %v", kind, err)
			}
		})
	}
}

// TestMTURaised lets another program raise the MTU over the size of our
// buffers: packets are lost, the device is not.
func TestMTURaised(t *testing.T) {
	a, b, _ := pair(t, device.L3, 2800)
	for _, h := range []host{a, b} {
		h.ns.Do(func() {
			link, err := netlink.LinkByName(h.dev.Name())
			if err == nil {
				err = netlink.LinkSetMTU(link, 65000)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	var c net.Conn
	var err error
	a.ns.Do(func() { c, err = net.Dial("udp", netip.AddrPortFrom(address(4, 1).Addr(), 9).String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Write(make([]byte, 30000)); err != nil {
			t.Logf("the system refuses: %v", err)
		}
	}
	echo(t, a, b, address(4, 1).Addr(), 100, 3)
}

func TestClosedAndDeleted(t *testing.T) {
	needsTUN(t)
	for _, kind := range []device.Kind{device.L3, device.L2} {
		for _, deleted := range []bool{false, true} {
			ns := devicetest.NewNamespace(t)
			var d device.Device
			ns.Do(func() {
				var err error
				if d, err = device.Open(device.Config{Network: networkID, Kind: kind, Log: discard}); err != nil {
					t.Fatal(err)
				}
				devicetest.Up(t, d.Name())
			})
			ended := make(chan error, 1)
			go func() {
				bufs, sizes := [][]byte{make([]byte, 4000)}, make([]int, 1)
				for {
					if _, err := d.Read(bufs, sizes); err != nil {
						ended <- err
						return
					}
				}
			}()
			ns.Do(func() {
				if !deleted {
					return
				}
				link, err := netlink.LinkByName(d.Name())
				if err == nil {
					err = netlink.LinkDel(link)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			if !deleted {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
			select {
			case err := <-ended:
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%v, deleted %v: Read ends with %v", kind, deleted, err)
				}
			case <-time.After(patience):
				t.Fatalf("%v, deleted %v: Read does not end", kind, deleted)
			}
			packet := make([]byte, d.Headroom()+60)
			packet[d.Headroom()] = 0x45
			if err := d.Write([][]byte{packet}); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%v, deleted %v: Write ends with %v", kind, deleted, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// BenchmarkTUN copies between two TUN devices while one TCP stream runs.
func BenchmarkTUN(b *testing.B) {
	for _, mtu := range []int{1400, 2800} {
		b.Run(strconv.Itoa(mtu), func(b *testing.B) {
			x, y, _ := pair(b, device.L3, mtu)
			c := stream(b, x, y)
			chunk := make([]byte, 1<<20)
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// stream connects two hosts by TCP and throws away what arrives.
func stream(t testing.TB, from, to host) net.Conn {
	t.Helper()
	var l net.Listener
	var c net.Conn
	var err error
	to.ns.Do(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(address(4, 1).Addr(), 0).String()) })
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if s, err := l.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, s) // ends when the other end closes
			_ = s.Close()
		}
	}()
	from.ns.Do(func() { c, err = net.DialTimeout("tcp", l.Addr().String(), patience) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = l.Close()
	})
	return c
}
