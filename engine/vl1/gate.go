package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Limits of identity work (spec 03 §7). The reference admits one new identity
// each two seconds from a /24 or /48, and spends that on forged ones too. Here
// a prefix has a small reserve, charged only once a MAC has verified, so that
// a whole office can start at once, while a flood still costs us no more.
const (
	gatePrefixes = 4096
	gateBurst    = 16
	gateRefill   = 2 * clock.Second
	// agreeBurst bounds key agreements with strangers, forged or not, by all
	// sources together: 64 at once, then one each 5 ms.
	agreeBurst  = 64
	agreeRefill = 5 * clock.Millisecond
	// strangerBurst bounds how many unknown sources roots are asked about: 64 at
	// once, then ten a second.
	strangerBurst  = 64
	strangerRefill = 100 * clock.Millisecond
	// strangeBurst bounds the validations that strangers' HELLOs have a leaf do, of
	// identities that turn out to be none: 32 at once, then four a second, a sixth
	// of a core. Roots are there for strangers.
	strangeBurst  = 32
	strangeRefill = 250 * clock.Millisecond
	// rendezvousBurst bounds the addresses that roots can have us send to: 1,024
	// at once, then 500 a second, a few more than an introduction by guessing.
	rendezvousBurst  = 1024
	rendezvousRefill = 2 * clock.Millisecond
	// strangePushBurst bounds those that peers without a common network can, all
	// of them together: 64 at once, then sixteen a second.
	strangePushBurst  = 64
	strangePushRefill = clock.Second / 16
	// helloBurst bounds the HELLOs of a known peer from one address: four at
	// once, as it sends that looks for us, then one a second.
	helloBurst    = 4
	helloEvery    = clock.Second
	maxHelloGates = 4096
	// helloAhead is how far ahead of ours the clock in a HELLO may be to count.
	helloAhead = 60_000
	// helloLate is how much older than the newest a HELLO may be: it may have
	// been overtaken. What is younger the replay filter knows.
	helloLate = 10_000
	// echoEvery is between two ECHOs that are answered on a path, beaconEvery
	// between two beacons answered at all.
	echoEvery   = 166 * clock.Millisecond
	beaconEvery = 2500 * clock.Millisecond
)

// peerPath is a peer at an address: a relay's address is that of many.
type peerPath struct {
	peer   identity.Address
	remote netip.AddrPort
}

// lastEcho is when an ECHO of a path was last answered.
func (w *Wire) lastEcho(from pathKey) *clock.Mono {
	if x := w.known(from); x != nil {
		return &x.lastEcho
	}
	return &w.unproven.at(from.remote).lastEcho
}

// prefixGate is a bucket for each source prefix, with a bound on prefixes: a
// full table is emptied, which favours nobody.
type prefixGate struct {
	buckets map[netip.Prefix]*clock.Bucket
}

func (g *prefixGate) open(now clock.Mono, from netip.Addr) bool {
	prefix, ok := prefixOf(from)
	if !ok {
		return false
	}
	b := g.buckets[prefix]
	if b == nil {
		if g.buckets == nil || len(g.buckets) >= gatePrefixes {
			g.buckets = make(map[netip.Prefix]*clock.Bucket)
		}
		b = new(clock.Bucket)
		g.buckets[prefix] = b
	}
	return b.Take(now, gateBurst, gateRefill)
}

// give takes back what open charged.
func (g *prefixGate) give(from netip.Addr) {
	if prefix, ok := prefixOf(from); ok && g.buckets[prefix] != nil {
		g.buckets[prefix].Give()
	}
}

// prefixOf is the /24 or /48 of an address.
func prefixOf(a netip.Addr) (netip.Prefix, bool) {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}
