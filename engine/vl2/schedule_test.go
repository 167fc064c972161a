package vl2

import (
	"fmt"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// TestLikeSchedule: our groups are announced to roots and the controller each
// minute, at the pass that comes next.
func TestLikeSchedule(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	last := map[identity.Address]clock.Mono{}
	count := map[identity.Address]int{}
	for ms := clock.Mono(500); ms <= 600_000; ms += 500 {
		s.Tick(after(ms))
		for _, p := range f.take() {
			if p.Verb != wire.VerbMulticastLike {
				continue
			}
			if at, ok := last[p.To]; ok && (ms-at < 60_000 || ms-at > 65_000) {
				t.Errorf("%s is told after %d ms", p.To, ms-at)
			}
			last[p.To] = ms
			count[p.To]++
		}
	}
	for _, hub := range append(slices.Clone(f.upstreams), nw.id.Controller()) {
		if n := count[hub]; n < 9 || n > 10 {
			t.Errorf("%s is told %d times in ten minutes", hub, n)
		}
	}
}

// TestGatherSchedule: members of a group that has too few are asked for each
// minute while the host sends to it, and each three in low-bandwidth mode; with
// none known, for every frame.
func TestGatherSchedule(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for _, c := range []struct {
		low   bool
		known bool
		every clock.Mono // ms
	}{{false, true, 60_000}, {true, true, 180_000}, {false, false, 5_000}, {true, false, 5_000}} {
		t.Run(fmt.Sprintf("low %v, known %v", c.low, c.known), func(t *testing.T) {
			t.Parallel()
			f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
			s.SetLowBandwidth(c.low)
			k := groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}
			var asked []clock.Mono
			for ms := clock.Mono(0); ms < 600_000; ms += 5_000 {
				if c.known {
					s.learnLike(after(ms), k, v.PeerB, true)
				}
				s.SendFrame(after(ms), nw, nw.mac, k.group.MAC, 0x0800, []byte("x"))
				if slices.ContainsFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbMulticastGather }) {
					asked = append(asked, ms)
				}
			}
			if len(asked) != int((600_000+c.every-1)/c.every) {
				t.Errorf("asked at %v", asked)
			}
			for i := 1; i < len(asked); i++ {
				if asked[i]-asked[i-1] != c.every {
					t.Errorf("asked at %v", asked)
					break
				}
			}
		})
	}
}

// TestConfigRefresh: a configuration is asked for again when it is a minute old,
// in low-bandwidth mode 64.
func TestConfigRefresh(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for low, want := range map[bool]clock.Mono{false: 60_000, true: 64 * 60_000} {
		f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
		s.SetLowBandwidth(low)
		nw.request.unanswered = 0
		asked := clock.Mono(0)
		for ms := clock.Mono(500); asked == 0 && ms < 5000_000; ms += 500 {
			s.Tick(after(ms))
			if slices.ContainsFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbNetworkConfigRequest }) {
				asked = ms
			}
		}
		if asked < want || asked > want+25_000 { // at the next pass
			t.Errorf("low bandwidth %v: asked after %d ms, want %d", low, asked, want)
		}
	}
}
