package vl1

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// aPath is a path of a peer, heard some time ago.
type aPath struct {
	remote   string
	latency  uint16
	heard    clock.Mono // ago
	priority int
	socket   SocketID
	asked    bool
}

// Which of several paths is used (spec 03 §4.2, §4.3): private before global,
// lower latency, alive before not, priority, later ones in ties; those that are
// expired never, those that do not answer and those through a TCP relay only
// after all others.
func TestBestPath(t *testing.T) {
	t.Parallel()
	const now = clock.Hour
	for name, c := range map[string]struct {
		paths []aPath
		want  string
	}{
		"lower latency":               {[]aPath{{"5.0.0.1:1", 20, 0, 1, 1, false}, {"5.0.0.2:1", 30, 0, 1, 1, false}}, "5.0.0.1:1"},
		"later in a tie":              {[]aPath{{"5.0.0.1:1", 20, 0, 1, 1, false}, {"5.0.0.2:1", 20, 0, 1, 1, false}}, "5.0.0.2:1"},
		"private counts a quarter":    {[]aPath{{"10.0.0.1:1", 70, 0, 1, 1, false}, {"5.0.0.2:1", 20, 0, 1, 1, false}}, "10.0.0.1:1"},
		"and not more":                {[]aPath{{"10.0.0.1:1", 81, 0, 1, 1, false}, {"5.0.0.2:1", 20, 0, 1, 1, false}}, "5.0.0.2:1"},
		"carrier NAT counts private":  {[]aPath{{"100.64.0.1:1", 70, 0, 1, 1, false}, {"5.0.0.2:1", 20, 0, 1, 1, false}}, "100.64.0.1:1"},
		"pseudo-private counts five":  {[]aPath{{"6.0.0.1:1", 20, 0, 1, 1, false}, {"5.0.0.2:1", 24, 0, 1, 1, false}}, "5.0.0.2:1"},
		"families on their merits":    {[]aPath{{"[2a00::1]:1", 20, 0, 1, 1, false}, {"5.0.0.2:1", 30, 0, 1, 1, false}}, "[2a00::1]:1"},
		"alive before not":            {[]aPath{{"5.0.0.1:1", 20, 19 * clock.Second, 1, 1, false}, {"5.0.0.2:1", 200, 19*clock.Second - 1, 1, 1, false}}, "5.0.0.2:1"},
		"stale after a second":        {[]aPath{{"5.0.0.1:1", 20, 1100 * clock.Millisecond, 1, 1, false}, {"5.0.0.2:1", 200, 0, 1, 1, false}}, "5.0.0.2:1"},
		"not stale before":            {[]aPath{{"5.0.0.1:1", 20, 900 * clock.Millisecond, 1, 1, false}, {"5.0.0.2:1", 200, 0, 1, 1, false}}, "5.0.0.1:1"},
		"priority divides":            {[]aPath{{"5.0.0.1:1", 50, 0, 3, 1, false}, {"5.0.0.2:1", 20, 0, 1, 1, false}}, "5.0.0.1:1"},
		"expired never":               {[]aPath{{"5.0.0.1:1", 20, 243 * clock.Second, 1, 1, false}}, ""},
		"not expired before":          {[]aPath{{"5.0.0.1:1", 20, 243*clock.Second - 1, 1, 1, false}}, "5.0.0.1:1"},
		"who does not answer last":    {[]aPath{{"5.0.0.1:1", 20, 0, 1, 1, true}, {"5.0.0.2:1", 900, 0, 1, 1, false}}, "5.0.0.2:1"},
		"unless there is nobody else": {[]aPath{{"5.0.0.1:1", 20, 0, 1, 1, true}}, "5.0.0.1:1"},
		"through a TCP relay last":    {[]aPath{{"5.0.0.1:1", 20, 0, 1, RelaySocket, false}, {"5.0.0.1:1", 900, 0, 1, 1, false}}, "5.0.0.1:1/1"},
		"but before who is silent":    {[]aPath{{"5.0.0.1:1", 20, 0, 1, RelaySocket, false}, {"5.0.0.2:1", 20, 0, 1, 1, true}}, "5.0.0.1:1"},
		"unmeasured after measured":   {[]aPath{{"5.0.0.1:1", unknownLatency, 0, 1, 1, false}, {"5.0.0.2:1", 900, 0, 1, 1, false}}, "5.0.0.2:1"},
		"no path at all":              {nil, ""},
	} {
		p := &Peer{alarm: -1}
		for _, x := range c.paths {
			remote := netip.MustParseAddrPort(x.remote)
			w := &path{
				pathKey: pathKey{remote, x.socket}, scope: wire.ScopeOf(remote.Addr()), latency: x.latency,
				lastIn: now - x.heard, asked: clock.Never,
			}
			if x.asked {
				w.asked, w.doubted = now, true
			}
			p.slots = append(p.slots, slot{path: w, seen: now - x.heard, priority: x.priority})
		}
		got := ""
		if b := p.direct(now); b != nil {
			if got = b.remote.String(); c.want == got+"/1" && b.socket == 1 {
				got = c.want
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A peer has at most 64 paths: the one that was longest unheard gives way.
func TestPathLimit(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	net.node(1, "198.51.100.1:9993")
	a, b := net.node(2, "198.51.100.2:9993"), net.node(3, "198.51.100.3:9993")
	a.sendTo(b, "x")
	net.pass(5 * clock.Second)
	p := a.peers[b.self.Address]
	if p == nil || len(p.slots) == 0 {
		t.Fatal("no path")
	}
	learn := func(i int) {
		net.now = net.now.Add(clock.Millisecond)
		a.do(func() {
			from := pathKey{netip.AddrPortFrom(netip.AddrFrom4([4]byte{5, 1, byte(i >> 8), byte(i)}), 9993), 1}
			a.newPath(net.now, p, from, wire.VerbOK, true)
		})
	}
	first := p.slots[0].pathKey
	for i := range maxPathsPerPeer + 10 {
		learn(i)
	}
	if len(p.slots) != maxPathsPerPeer || p.slotOf(first) != nil {
		t.Errorf("%d paths, the first is still there: %v", len(p.slots), p.slotOf(first) != nil)
	}
	for i := range 11 {
		ip := netip.AddrFrom4([4]byte{5, 1, 0, byte(i)})
		if has := p.slotOf(pathKey{netip.AddrPortFrom(ip, 9993), 1}) != nil; has != (i >= 10) {
			t.Errorf("path %d is there: %v", i, has)
		}
	}
	users := 0
	for _, x := range a.allPaths {
		users += int(x.users)
	}
	slots := 0
	for _, q := range a.order {
		slots += len(q.slots)
	}
	if users != slots {
		t.Errorf("%d users of paths, %d slots", users, slots)
	}
}
