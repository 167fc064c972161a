package sim_test

import (
	"fmt"
	"testing"

	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// Fifty machines of one /24, or behind one address, that are switched on in the
// same moment, as after a power failure, and that nobody knows yet: all are members
// within five seconds.
func TestOfficeStartsAtOnce(t *testing.T) {
	for name, behind := range map[string]bool{"one /24": false, "one address": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 702, wan, noNAT, noNAT).up()
				nat := l.w.NewNAT(sim.Cone, ip("5.0.41.1"))
				nodes := make([]*sim.Node, 50)
				for i := range nodes {
					name, secret := fmt.Sprintf("M%d", i), l.w.NewSecret(100+i)
					if behind {
						nodes[i] = l.w.NewNode(name, secret, ip(fmt.Sprintf("192.168.41.%d", 10+i)), nat)
					} else {
						nodes[i] = l.w.NewNode(name, secret, ip(fmt.Sprintf("5.0.40.%d", 10+i)), nil)
					}
				}
				for _, n := range nodes {
					n.Start(l.planet)
					n.Join(l.nwid)
				}
				members := func() (count int) {
					for _, n := range nodes {
						if l.status(n) == vl2.StatusOK {
							count++
						}
					}
					return count
				}
				took, ok := l.w.Until(5*sec, 50*ms, func() bool { return members() == len(nodes) })
				if !ok {
					t.Fatalf("%d of %d are members after %d ms", members(), len(nodes), took/ms)
				}
				t.Logf("all are members after %d ms", took/ms)
				return l.w
			})
		})
	}
}
