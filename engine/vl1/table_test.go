package vl1

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Alarms come in order of time, each peer has one, and it can be moved and
// removed.
func TestAlarms(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var h alarms
	peers := make([]*Peer, 300)
	want := make(map[*Peer]clock.Mono)
	for i := range peers {
		peers[i] = &Peer{alarm: -1}
	}
	for range 5000 {
		p := peers[r.IntN(len(peers))]
		at := clock.Mono(r.IntN(1000))
		switch r.IntN(4) {
		case 0:
			h.remove(p)
			delete(want, p)
		case 1:
			h.soon(p, at)
			if old, ok := want[p]; !ok || at < old {
				want[p] = at
			}
		default:
			h.set(p, at)
			want[p] = at
		}
	}
	if len(h) != len(want) {
		t.Fatalf("%d alarms, want %d", len(h), len(want))
	}
	last := clock.Never
	for len(h) > 0 {
		a := h[0]
		if a.at < last || a.at != want[a.peer] || h.next(0) != a.at || int(a.peer.alarm) != 0 {
			t.Fatalf("alarm at %d after %d, want %d", a.at, last, want[a.peer])
		}
		last = a.at
		h.remove(a.peer)
		if a.peer.alarm != -1 {
			t.Fatal("a removed alarm has a place")
		}
	}
	if h.next(7) != 7 {
		t.Error("no alarm is due")
	}
}

// Pairs are remembered for a while, and the older half gives way.
func TestUnitesGenerations(t *testing.T) {
	t.Parallel()
	var u unites
	now := clock.Hour
	for i := range maxUnites {
		u.put(pair{1, 2 + identity.Address(i)}, united{at: now})
		if u.len() > maxUnites {
			t.Fatalf("%d pairs", u.len())
		}
	}
	if _, ok := u.get(pair{1, 1 + maxUnites}); !ok {
		t.Error("the last pair is forgotten")
	}
	u.expire(now + uniteFor)
	u.expire(now + 2*uniteFor)
	if u.len() != 0 {
		t.Errorf("%d pairs after %d s", u.len(), 2*uniteFor/clock.Second)
	}
}

// Paths that no peer uses are forgotten: in time, and at once when a peer has
// us note more of them than there is room for.
func TestUnusedPathsAreBounded(t *testing.T) {
	t.Parallel()
	_, root, a, b := trio(t)
	used := len(root.paths)
	root.do(func() {
		for i := range 4 * sparePaths {
			addr := netip.AddrFrom4([4]byte{7, byte(i >> 16), byte(i >> 8), byte(i)})
			root.pathTo(pathKey{netip.AddrPortFrom(addr, 9), 1}).lastEcho = root.now
		}
	})
	if n := len(root.paths); n > sparePaths+len(root.Wire.order)+used {
		t.Errorf("%d paths are kept", n)
	}
	for _, x := range []*testNode{a, b} {
		if p := root.peers[x.self.Address]; p == nil || p.direct(root.now) == nil {
			t.Error("a path in use was forgotten")
		}
	}
	root.net.pass(15 * clock.Minute)
	if n := len(root.paths); n > used || n != len(root.allPaths) {
		t.Errorf("%d paths, of %d listed, are left of %d", n, len(root.allPaths), used)
	}
}

// Key schedules are kept for peers in use, dropped when they fall silent, and
// ready for bulk traffic once packets follow each other closely.
func TestKeysAreKeptWhileInUse(t *testing.T) {
	t.Parallel()
	net, _, a, b := trio(t)
	for range 3 {
		a.sendTo(b, "x")
		net.pass(2 * second)
	}
	p := a.peers[b.self.Address]
	if p == nil || !p.keysKept || p.keysBulk {
		t.Fatalf("some packets: %+v", p)
	}
	for range 40 {
		a.sendTo(b, "x")
	}
	net.settle()
	if !p.keysBulk {
		t.Error("a train of packets made no tables")
	}
	// Without traffic, heartbeats go on for a while and keep them; then nothing
	// does.
	net.pass(20 * clock.Minute)
	if q := a.peers[b.self.Address]; q != nil && q.keysKept {
		t.Error("the keys of a silent peer are kept")
	}
	if n := a.Sizes().Expanded; n > 1 {
		t.Errorf("%d peers have their keys expanded, want the root at most", n)
	}
}
