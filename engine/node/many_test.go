package node

import (
	"net/netip"
	"runtime"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

const (
	manyNetworks = 100
	// manyMemory is what one may take that is joined and idle, of the megabyte that
	// it has with its device. It takes a tenth.
	manyMemory = 200 << 10
)

// crowd is a core that has joined a hundred networks, by their stored
// configurations.
func crowd(t testing.TB) (*Core, clock.Instant) {
	c, at := lone(t)
	var out Outbox
	for i := range manyNetworks {
		id := identity.NetworkID(0x8056c2e21c000001 + uint64(i)<<24)
		address := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 150, byte(i), 1}), 24)
		conf := netconf.Config{
			Network: id, IssuedTo: c.Self().Address, Timestamp: at.Wall, Flags: netconf.FlagBroadcast, MulticastLimit: 32, MTU: netconf.DefaultMTU,
			Addresses: []netip.Prefix{address, identity.RFC4193(id, c.Self().Address)}, Routes: []netconf.Route{{Target: address.Masked()}}, Rules: netconf.AcceptRules(),
		}
		out.Reset()
		c.Join(at, id, netconf.DefaultSettings(), conf.Append(nil), &out)
	}
	return c, at
}

// TestManyNetworks holds the core to its part of a network's memory.
func TestManyNetworks(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	c, at := crowd(t)
	if after := heap(); after > before {
		t.Logf("%d KiB for each", (after-before)/manyNetworks>>10)
		if each := (after - before) / manyNetworks; each > manyMemory {
			t.Errorf("a network takes %d bytes", each)
		}
	}
	if n := len(c.Networks()); n != manyNetworks {
		t.Errorf("%d networks", n)
	}
	runtime.KeepAlive(at)
}

// BenchmarkManyNetworks is what a hundred idle networks cost in a second.
func BenchmarkManyNetworks(b *testing.B) {
	c, at := crowd(b)
	var out Outbox
	b.ReportAllocs()
	for b.Loop() {
		for end := at.Mono + clock.Second; at.Mono < end; {
			next := min(max(c.Deadline(), at.Mono+clock.Millisecond), end)
			at.Wall += clock.Wall((next - at.Mono) / clock.Millisecond)
			at.Mono = next
			out.Reset()
			c.Tick(at, &out)
		}
	}
}
