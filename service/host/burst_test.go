package host

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// fakeBursts opens sockets in name only.
type fakeBursts struct {
	next   vl1.SocketID
	open   []vl1.SocketID
	opened int
	like   vl1.SocketID
}

func (f *fakeBursts) Burst(n int, like vl1.SocketID, _ bool) ([]vl1.SocketID, error) {
	f.like = like
	var ids []vl1.SocketID
	for range n {
		f.next++
		f.opened++
		ids = append(ids, f.next)
	}
	f.open = append(f.open, ids...)
	return ids, nil
}

func (f *fakeBursts) CloseBurst(ids []vl1.SocketID) {
	f.open = slices.DeleteFunc(f.open, func(id vl1.SocketID) bool { return slices.Contains(ids, id) })
}

// Sockets that the core asks for are opened and told to it; those that it does
// not want, as all that it did not ask for, are closed; a request whose time has
// passed opens none.
func TestBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBursts{}
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		p.Do(func(*node.Core, clock.Instant, *node.Outbox) { p.cfg.Bursts = f })
		ask := func(b vl1.Burst) {
			p.Do(func(_ *node.Core, _ clock.Instant, out *node.Outbox) { out.Burst = append(out.Burst, b) })
			synctest.Wait()
		}
		ask(vl1.Burst{ID: 77, Count: 5, V4: true, Like: 3, Until: p.now().Mono + clock.Second})
		if f.opened != 5 || f.like != 3 || len(f.open) != 0 {
			t.Errorf("%d sockets were opened like %d, %d are left", f.opened, f.like, len(f.open))
		}
		until := p.now().Mono
		time.Sleep(time.Millisecond)
		ask(vl1.Burst{ID: 78, Count: 5, V4: true, Until: until})
		if f.opened != 5 {
			t.Errorf("a request that came too late opened %d sockets", f.opened-5)
		}
	})
}
