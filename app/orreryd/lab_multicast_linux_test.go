package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// multicastNetwork makes a network with more fields than the pool of 10.150.N.0/24.
func (s *scene) multicastNetwork(n int, more string) string {
	return s.found(0x50+n, fmt.Sprintf(`{"name":"multicast %d","private":true,"v4AssignMode":{"zt":true},"routes":[{"target":"10.150.%d.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.150.%d.1","ipRangeEnd":"10.150.%d.254"}]%s}`, n, n, n, n, more))
}

// both has both members join a network, with settings for those that are ours.
func (s *scene) both(nwid string, set ipc.NetworkSettings) {
	s.t.Helper()
	for _, x := range []*box{s.a, s.b} {
		s.admit(nwid, x, `{"authorized":true}`)
		x.enter(nwid, "{}")
		if x.kind != referenceKind {
			if _, err := x.client.SetNetwork(ctx(s.t), nwid, set); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, x := range []*box{s.a, s.b} {
		x.member(nwid, "OK")
	}
}

// TestLabDiscovery has two members find each other as programs do on a local
// network: by mDNS over both families, and, where a network is for LAN discovery,
// by SSDP and by broadcasts of programs that know nothing of networks.
func TestLabDiscovery(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	on, off := true, false
	plain, lan := s.multicastNetwork(1, ""), s.multicastNetwork(2, "")
	s.both(plain, ipc.NetworkSettings{})
	s.both(lan, ipc.NetworkSettings{LANDiscovery: &on})
	for _, x := range []*box{s.a, s.b} {
		if x.kind != referenceKind {
			x.isLAN(t, lan, true)
		}
	}
	t.Run("devices that programs name", func(t *testing.T) {
		a, b := newBeacon(t, s.a, plain), newBeacon(t, s.b, plain)
		for _, k := range a.seekers(b, false) {
			t.Logf("%s after %v", k.name, a.find(t, k, 15*time.Second))
		}
		for _, k := range b.seekers(a, false) {
			t.Logf("back: %s after %v", k.name, b.find(t, k, 15*time.Second))
		}
	})
	t.Run("LAN discovery", func(t *testing.T) {
		a, b := newBeacon(t, s.a, lan), newBeacon(t, s.b, lan)
		patience := 15 * time.Second
		if s.a.kind == referenceKind || s.b.kind == referenceKind {
			patience = 75 * time.Second // it tells that it wants broadcasts when a minute is over
		}
		// What names no device leaves by the default route without the setting.
		for _, k := range a.seekers(b, s.a.kind != referenceKind) {
			t.Logf("%s after %v", k.name, a.find(t, k, patience))
		}
		for _, k := range b.seekers(a, s.b.kind != referenceKind) {
			t.Logf("back: %s after %v", k.name, b.find(t, k, patience))
		}
	})
	for _, x := range []*box{s.a, s.b} {
		if x.kind == referenceKind {
			continue
		}
		x.discovers(t, lan, "discovery.lan")
		x.discovers(t, plain, "discovery.ready")
		if _, err := x.client.SetNetwork(ctx(t), lan, ipc.NetworkSettings{LANDiscovery: &off}); err != nil {
			t.Fatal(err)
		}
		x.isLAN(t, lan, false)
	}
}

// discovers checks what the doctor and the counters say of a network on which
// others were found.
func (b *box) discovers(t *testing.T, nwid, code string) {
	t.Helper()
	e, err := b.client.Examine(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(e.Findings, func(f ipc.Finding) bool { return f.Code == code && strings.Contains(f.Text, nwid) })
	if i < 0 || e.Findings[i].Level != ipc.Fine || !strings.Contains(e.Findings[i].Text, "went out and came in") {
		t.Errorf("doctor on %s: no fine %s of %s in %+v", b.name, code, nwid, e.Findings)
	}
	page, err := b.client.Metrics(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sent", "copied", "received"} {
		series := fmt.Sprintf("orrery_network_multicast_frames_total{kind=%q,network_id=%q} ", kind, nwid)
		if _, n, ok := strings.Cut(page, series); !ok || strings.HasPrefix(n, "0\n") {
			t.Errorf("no %s on %s", series, b.name)
		}
	}
}

// isLAN waits until the network's device is one of Ethernet, and broadcasts leave
// by it; or neither.
func (b *box) isLAN(t *testing.T, nwid string, want bool) {
	t.Helper()
	until(t, 15*time.Second, fmt.Sprintf("LAN discovery %v on %s", want, b.name), func() error {
		m, err := b.membership(nwid)
		if err != nil {
			return err
		}
		link, err := b.run("ip", "-o", "link", "show", "dev", m.Device)
		if err != nil {
			return err
		}
		if ethernet := strings.Contains(link, "link/ether") && !strings.Contains(link, "POINTOPOINT"); ethernet != want {
			return fmt.Errorf("%s", link)
		}
		for _, to := range []string{"255.255.255.255", "239.1.2.3"} {
			if out, err := b.run("ip", "route", "get", to); err != nil || strings.Contains(out, " dev "+m.Device+" ") != want {
				return fmt.Errorf("%s, %v", out, err)
			}
		}
		return nil
	})
}

// TestLabMulticast sends a stream to a group, and finds neighbours on a network
// without multicast.
func TestLabMulticast(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	stream, none := s.multicastNetwork(3, ""), s.multicastNetwork(4, `,"multicastLimit":0`)
	s.both(stream, ipc.NetworkSettings{})
	s.both(none, ipc.NetworkSettings{})

	t.Run("a hundred packets to one receiver", func(t *testing.T) {
		for _, pair := range [2][2]*box{{s.a, s.b}, {s.b, s.a}} {
			from, to := pair[0], pair[1]
			heard, missed := streamed(t, from, to, stream)
			t.Logf("%s to %s: %d of 100, missed %v", from.name, to.name, heard, missed)
			// The reference stops after 32 while it looks for more members.
			if heard != 100 && from.kind != referenceKind {
				t.Errorf("%s heard %d of 100 packets of %s", to.name, heard, from.name)
			}
		}
	})
	t.Run("multicast limit 0", func(t *testing.T) {
		// The reference asks nobody here, but it answers, and knows who asked.
		first, second := s.a, s.b
		if first.kind == referenceKind {
			first, second = second, first
		}
		if first.kind == referenceKind {
			t.Skip("the reference alone does not get through, ZeroTierOne issue 683")
		}
		t.Logf("%s to %s after %v", first.name, second.name, first.pings(20*time.Second, second.ip4(none)))
		t.Logf("%s to %s after %v", second.name, first.name, second.pings(5*time.Second, first.ip4(none)))
		// To answer from a link-local address the other must know ours, and cannot
		// ask for it.
		local := second.linkLocal(t, second.member(none, "OK").Device) + "%" + first.member(none, "OK").Device
		t.Logf("%s to %s after %v", first.name, local, first.pings(20*time.Second, local))
	})
}

// linkLocal is the link-local address of an interface.
func (b *box) linkLocal(t *testing.T, device string) (address string) {
	t.Helper()
	until(t, 10*time.Second, "link-local address on "+b.name, func() error {
		for _, l := range b.links() {
			for _, a := range l.Addrs {
				if ip := netip.MustParseAddr(a.Local); l.Name == device && ip.Is6() && ip.IsLinkLocalUnicast() {
					address = a.Local
					return nil
				}
			}
		}
		return fmt.Errorf("%+v", b.links())
	})
	return address
}

// streamed sends a hundred packets to a group of which to is a member, once that
// has heard a first one, and returns how many arrived.
func streamed(t *testing.T, from, to *box, nwid string) (heard int, missed []int) {
	t.Helper()
	const group, port = "239.3.2.1", 5004
	out, in := from.listen(group, port+1, from.member(nwid, "OK").Device), to.listen(group, port, to.member(nwid, "OK").Device)
	defer func() { _, _ = out.Close(), in.Close() }()
	say := func(number int) {
		if _, err := out.WriteToUDP(binary.BigEndian.AppendUint32(nil, uint32(number)), &net.UDPAddr{IP: net.ParseIP(group), Port: port}); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 100)
	hear := func(d time.Duration) (int, error) {
		_ = in.SetReadDeadline(time.Now().Add(d))
		if _, _, err := in.ReadFromUDP(b); err != nil {
			return 0, err
		}
		return int(binary.BigEndian.Uint32(b)), nil
	}
	until(t, 20*time.Second, "first packet to "+to.name, func() error {
		say(1000)
		_, err := hear(300 * time.Millisecond)
		return err
	})
	quiet := grace / 2 // so long after the last one it is over
	if from.kind == referenceKind {
		quiet = 3 * time.Second // it does not send all
	}
	seen := map[int]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := hear(quiet)
			if err != nil {
				return
			}
			if n < 100 {
				seen[n] = true
			}
			if len(seen) == 100 {
				return
			}
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range 100 {
		say(i)
		<-tick.C
	}
	<-done
	for i := range 100 {
		if !seen[i] {
			missed = append(missed, i)
		}
	}
	return len(seen), missed
}

// TestLabReplicator has a member send another's stream on to the third; the
// sender sends each packet once, and none that its receiver misses.
func TestLabReplicator(t *testing.T) {
	t.Parallel()
	s := newScene(t, "c")
	if s.controller.kind == referenceKind {
		t.Skip("the reference's controller names no replicators")
	}
	c := s.box("c")
	s.begin()
	nwid := s.multicastNetwork(5, "")
	s.admit(nwid, c, `{"authorized":true,"multicastReplicator":true}`)
	c.enter(nwid, "{}")
	c.member(nwid, "OK")
	s.both(nwid, ipc.NetworkSettings{})
	for _, x := range []*box{s.a, s.b} {
		x.pings(20*time.Second, c.ip4(nwid)) // a replicator is used once it is reached directly
		if x.kind == referenceKind {
			continue
		}
		until(t, 20*time.Second, "direct path from "+x.name, func() error {
			_ = x.ping(c.ip4(nwid))
			p, err := x.client.Peer(ctx(t), c.secret.Address.String())
			if err == nil && !p.Direct {
				err = fmt.Errorf("%+v", p.Paths)
			}
			return err
		})
	}
	before := s.a.copies(t, nwid)
	heard, missed := streamed(t, s.a, s.b, nwid)
	t.Logf("%d of 100, missed %v", heard, missed)
	if heard != 100 {
		t.Errorf("b heard %d of 100 packets", heard)
	}
	if s.a.kind == referenceKind {
		return
	}
	after := s.a.copies(t, nwid)
	t.Logf("a sent %d frames in %d copies", after[0]-before[0], after[1]-before[1])
	if n := after[1] - before[1]; n > after[0]-before[0]+10 { // the first ones may find no direct path
		t.Errorf("a sent %d frames in %d copies", after[0]-before[0], n)
	}
}

// copies is how many multicast frames a computer sent on a network, and how many
// copies of them.
func (b *box) copies(t *testing.T, nwid string) (n [2]int) {
	t.Helper()
	page, err := b.client.Metrics(ctx(t))
	if err != nil && b.kind != referenceKind {
		t.Fatal(err)
	}
	for i, kind := range []string{"sent", "copied"} {
		_, value, _ := strings.Cut(page, fmt.Sprintf("orrery_network_multicast_frames_total{kind=%q,network_id=%q} ", kind, nwid))
		_, _ = fmt.Sscanf(value, "%d", &n[i])
	}
	return n
}
