package node

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
)

// lone is a core without a world.
func lone(t testing.TB) (*Core, clock.Instant) {
	t.Helper()
	v := loadNetworkVectors(t)
	at := clock.Instant{Mono: clock.Hour, Wall: vectorEpoch}
	r := rand.New(rand.NewPCG(5, 6))
	return New(Config{
		Secret: v.secret("bob"), Trust: trust.New(10), Log: slog.New(slog.DiscardHandler),
		Random: func(b []byte) {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		},
	}, at), at
}

// An outbox that was reset is empty, whatever was in it; with anything in it, it
// is not.
func TestOutboxReset(t *testing.T) {
	t.Parallel()
	var o Outbox
	fields := reflect.ValueOf(&o).Elem()
	fill := func(v reflect.Value) bool {
		switch {
		case !v.CanSet():
			return false
		case v.Kind() == reflect.Slice:
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		default:
			return false
		}
		return true
	}
	var all []reflect.Value
	for i := range fields.NumField() {
		if f := fields.Field(i); f.Kind() == reflect.Struct {
			for j := range f.NumField() {
				all = append(all, f.Field(j))
			}
		} else {
			all = append(all, f)
		}
	}
	filled := 0
	for _, f := range all {
		if !o.Empty() {
			t.Fatal("an outbox that was reset is not empty")
		}
		if fill(f) {
			filled++
			if o.Empty() {
				t.Errorf("field %d of type %v does not count", filled, f.Type())
			}
		}
		o.Reset()
	}
	if filled < 10 {
		t.Errorf("only %d fields were filled", filled)
	}
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	c, at := lone(t)
	var out Outbox
	const high, low identity.NetworkID = 0xbbbbbbbbbb000001, 0xaaaaaaaaaa000001
	for _, nwid := range []identity.NetworkID{high, low, high} {
		out.Reset()
		c.Join(at, nwid, netconf.DefaultSettings(), nil, &out)
		if !slices.Contains(out.Networks, nwid) {
			t.Errorf("joining %v is no change", nwid)
		}
	}
	if got := c.Networks(); !slices.Equal(got, []identity.NetworkID{low, high}) {
		t.Errorf("networks %v", got)
	}
	s, ok := c.Network(low)
	if !ok || s.Status != vl2.StatusRequestingConfiguration || s.MAC != identity.MACOf(low, c.Self().Address) || s.Config != nil {
		t.Errorf("state %+v", s)
	}
	out.Reset()
	c.Leave(at, low, &out)
	deleted := slices.ContainsFunc(out.Files, func(f NetworkFile) bool { return f.Network == low && f.Data == nil })
	if _, still := c.Network(low); still || !deleted || !slices.Contains(out.Networks, low) {
		t.Errorf("after leaving: there %v, file deleted %v, changes %v", still, deleted, out.Networks)
	}
	out.Reset()
	c.Leave(at, low, &out)
	c.SetSettings(at, low, netconf.DefaultSettings(), &out)
	c.Observed(at, low, nil, nil, &out)
	c.SetPortError(at, low, 3, &out)
	c.Packets(at, low, [][]byte{{0x45}}, &out)
	c.Frames(at, low, [][]byte{make([]byte, 60)}, &out)
	if len(out.Deliver)+len(out.Send) != 0 {
		t.Error("a network that is not joined carries something")
	}
}

// A network is up on an IP port or on an Ethernet port, and takes only what is
// its kind; damaged input is dropped.
func TestPortKinds(t *testing.T) {
	t.Parallel()
	v := loadNetworkVectors(t)
	p := newPlayer(t, v, &networkCase{Name: "ports"})
	conf, _ := p.network("public")
	var out Outbox
	c, at := p.c, p.now
	c.Join(at, vectorNetwork, netconf.DefaultSettings(), conf, &out)
	if s, _ := c.Network(vectorNetwork); s.Status != vl2.StatusOK {
		t.Fatalf("status %v", s.Status)
	}
	own := identity.MACOf(vectorNetwork, c.Self().Address)
	frame := slices.Concat(identity.Broadcast.Append(nil), own.Append(nil), []byte{0x08, 0x06}, make([]byte, 46))
	port := c.ports[vectorNetwork]
	take := func(f func()) int {
		out.Reset()
		f()
		return len(out.Send) + len(out.Deliver)
	}
	for _, b := range [][]byte{nil, {}, {0x45}, {0x60, 1}, make([]byte, 20), make([]byte, 9000)} {
		if n := take(func() { c.Packets(at, vectorNetwork, [][]byte{b}, &out) }); n != 0 {
			t.Errorf("%d damaged bytes from the host came out as %d", len(b), n)
		}
	}
	if port.ip == nil {
		t.Fatal("no IP port by default")
	}
	s := netconf.DefaultSettings()
	s.Port = "tap"
	c.SetSettings(at, vectorNetwork, s, &out)
	if port.ip != nil || !slices.Contains(out.Networks, vectorNetwork) {
		t.Error("the port is not an Ethernet port")
	}
	for n := range 14 {
		if got := take(func() { c.Frames(at, vectorNetwork, [][]byte{frame[:n]}, &out) }); got != 0 {
			t.Errorf("a frame of %d bytes came out as %d", n, got)
		}
	}
	// To ourselves: it comes back as it is.
	loop := slices.Concat(own.Append(nil), own.Append(nil), []byte{0x08, 0x00}, make([]byte, 40))
	take(func() { c.Frames(at, vectorNetwork, [][]byte{loop}, &out) })
	if len(out.Deliver) != 1 || !slices.Equal(out.Deliver[0].Data[Headroom:], loop) {
		t.Errorf("a frame to ourselves gave %d deliveries", len(out.Deliver))
	}
	c.SetSettings(at, vectorNetwork, netconf.DefaultSettings(), &out)
	if port.ip == nil {
		t.Error("the port is not an IP port again")
	}
	if n := take(func() { c.Frames(at, vectorNetwork, [][]byte{loop}, &out) }); n != 0 {
		t.Error("an IP port takes frames")
	}
}

// Peers are stored as they are met, and the cache follows.
func TestPeerCacheFollows(t *testing.T) {
	t.Parallel()
	v := loadNetworkVectors(t)
	c := networkCase{Name: "cache"}
	c.Setup.Preloaded = []string{"alice"}
	p := newPlayer(t, v, &c)
	alice := v.secret("alice").Identity
	if p.c.cache.records[alice.Address] == nil {
		t.Fatal("a peer with a path is not stored")
	}
	var out Outbox
	p.c.Shutdown(p.now, &out)
	if !slices.ContainsFunc(out.Store, func(s vl1.Store) bool {
		return s.Kind == vl1.StorePeer && s.ID == uint64(alice.Address) && len(s.Data) > 0
	}) {
		t.Error("a peer is not stored at shutdown")
	}
}

// A conflict is told when it happens, once, and stored.
func TestConflictEvent(t *testing.T) {
	t.Parallel()
	c, at := lone(t)
	var out Outbox
	v := loadNetworkVectors(t)
	alice := v.secret("alice").Identity
	other := v.secret("carol").Identity
	other.Address = alice.Address
	err := c.ChangeTrust(at, &out, func(table *trust.Table) error { return table.Set(at.Wall, alice, trust.Verified, "test") })
	if err != nil || !out.Trust || len(out.Events) != 0 {
		t.Fatalf("a pin: %v, stored %v, events %v", err, out.Trust, out.Events)
	}
	for i, want := range []int{1, 0} {
		out.Reset()
		at = at.Add(clock.Second)
		c.begin(at, &out)
		c.trust.Identify(at.Wall, other, trust.FromWhois)
		c.end()
		if len(out.Events) != want || out.Trust != (want > 0) {
			t.Errorf("time %d: events %v, stored %v", i, out.Events, out.Trust)
		}
	}
	if r, _ := c.Trust().Get(alice.Address); r.Conflict == nil || r.Identity != alice {
		t.Errorf("record %+v", r)
	}
}

// The core never asks to be called at once, for ever: after each tick the next
// is due later.
func TestDeadlineAdvances(t *testing.T) {
	t.Parallel()
	v := loadNetworkVectors(t)
	c := networkCase{Name: "deadline"}
	c.Setup.Preloaded, c.Setup.Network = []string{"alice", "controller"}, "public"
	p := newPlayer(t, v, &c)
	ticks := 0
	for end := p.now.Mono + 10*clock.Minute; p.now.Mono < end; ticks++ {
		d := p.c.Deadline()
		p.now = p.now.Add(max(d-p.now.Mono, 0))
		p.do(func() { p.c.Tick(p.now, &p.out) })
		if p.c.Deadline() <= p.now.Mono {
			t.Fatalf("after a tick at %d the next is due at %d", p.now.Mono, p.c.Deadline())
		}
	}
	if ticks > 1500 {
		t.Errorf("%d ticks in ten minutes", ticks)
	}
	t.Logf("%d ticks in ten minutes", ticks)
}

func TestLocalAddressesArePushed(t *testing.T) {
	t.Parallel()
	v := loadNetworkVectors(t)
	c := networkCase{Name: "push"}
	c.Setup.Preloaded, c.Setup.Network = []string{"alice"}, "public"
	p := newPlayer(t, v, &c)
	p.c.SetLocal(p.now, []netip.AddrPort{netip.MustParseAddrPort("192.168.7.7:9993"), netip.MustParseAddrPort("[fe80::1]:9993")}, nil)
	cases := v.Cases
	i := slices.IndexFunc(cases, func(c networkCase) bool { return c.Name == "frames, network public" })
	p.step(&cases[i].Steps[0])
	found := slices.ContainsFunc(p.did, func(s string) bool {
		return s == "PUSH_DIRECT_PATHS to b109cbaf08 cipher 3 00020000000406c0a80707270900000004"+"06c63364142709"
	})
	if !found {
		t.Errorf("did %v", p.did)
	}
}
