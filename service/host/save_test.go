package host

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
)

func TestSyncWaitsForWhatIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		gate := make(chan struct{})
		d.set(nil, gate)
		p.join(planetNetwork)
		pass(time.Second) // somebody else has begun to write it
		done := make(chan error, 1)
		go func() { done <- p.Sync(context.Background()) }()
		pass(time.Minute)
		select {
		case err := <-done:
			t.Fatalf("Sync returned %v before anything was written", err)
		default:
		}
		d.set(nil, nil)
		close(gate)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, _, joined := d.network(planetNetwork); !joined {
			t.Error("the network is not stored")
		}
	})
}

func TestSyncTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		d.set(errDisk, nil)
		p.join(planetNetwork)
		if err := p.Sync(context.Background()); !errors.Is(err, errDisk) {
			t.Fatalf("Sync: %v", err)
		}
		synctest.Wait()
		if said := p.storedSaid(); len(said) == 0 || !errors.Is(said[0], errDisk) {
			t.Fatalf("Stored was called with %v", said)
		}
		writes, _ := d.count()
		pass(time.Minute)
		if again, _ := d.count(); again == writes || again > writes+100 {
			t.Errorf("%d more writes in a minute", again-writes)
		}
		d.set(nil, nil)
		pass(lastRetry)
		if _, _, joined := d.network(planetNetwork); !joined {
			t.Error("the network is not stored although the disk works again")
		}
		if said := p.storedSaid(); said[len(said)-1] != nil {
			t.Errorf("Stored was called last with %v", said[len(said)-1])
		}
		if err := p.Sync(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestTroubleIsToldOnce: a disk that stays full is tried again and again, but not
// told of each time.
func TestTroubleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		d.set(errDisk, nil)
		p.join(planetNetwork)
		pass(remind / 2)
		if writes, _ := d.count(); writes < 100 || len(p.storedSaid()) != 1 {
			t.Errorf("%d tries, told %v", writes, p.storedSaid())
		}
		d.set(errors.New("something else"), nil)
		pass(2 * lastRetry)
		if said := p.storedSaid(); len(said) != 2 {
			t.Errorf("another reason: told %v", said)
		}
		pass(remind + lastRetry)
		if said := p.storedSaid(); len(said) != 3 {
			t.Errorf("after an hour: told %v", said)
		}
		d.set(nil, nil)
		pass(2 * lastRetry)
		d.set(errDisk, nil)
		p.join(planetNetwork + 1)
		pass(time.Minute)
		if said := p.storedSaid(); len(said) != 5 || said[3] != nil || !errors.Is(said[4], errDisk) {
			t.Errorf("the same again after it worked: told %v", said)
		}
	})
}

// TestSyncTriesAtOnce checks that a call does not wait for the pause before
// another try.
func TestSyncTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		d.set(errDisk, nil)
		p.join(planetNetwork)
		pass(time.Minute)
		d.set(nil, nil)
		begun := time.Now()
		if err := p.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("Sync took %v", took)
		}
	})
}

func TestSyncEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		gate := make(chan struct{})
		d.set(nil, gate)
		defer close(gate)
		p.join(planetNetwork)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sync: %v", err)
		}
	})
}

// TestLeavingWinsOverFailedWrites checks that what could not be written does
// not come back after the network was left.
func TestLeavingWinsOverFailedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		d.set(errDisk, nil)
		p.join(planetNetwork)
		pass(time.Second)
		p.leave(planetNetwork)
		pass(time.Second)
		d.set(nil, nil)
		pass(time.Minute)
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.networks)+len(d.settings) != 0 {
			t.Errorf("stored: networks %v, settings %v", d.networks, d.settings)
		}
	})
}

// TestStoredInTheCoresOrder has many join, leave and change one network at
// once. What is stored must be what the core did last.
func TestStoredInTheCoresOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		for range 30 {
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					if i%3 == 2 {
						p.leave(planetNetwork)
					} else {
						_, _ = p.Configure(planetNetwork, i < 2, nil, func(s *netconf.Settings) error {
							s.AllowGlobal = !s.AllowGlobal
							return nil
						})
					}
				})
			}
			all.Wait()
			if err := p.Sync(context.Background()); err != nil {
				t.Fatal(err)
			}
			s, joined := p.state(planetNetwork)
			_, settings, stored := d.network(planetNetwork)
			if joined != stored || joined && !s.Settings.Equal(&settings) {
				t.Fatalf("joined %v with %+v, stored %v with %+v", joined, s.Settings, stored, settings)
			}
		}
	})
}

// TestSettingsLoseNothing changes different settings at once.
func TestSettingsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		p.join(planetNetwork)
		edits := []func(*netconf.Settings){
			func(s *netconf.Settings) { s.AllowManaged = false }, func(s *netconf.Settings) { s.AllowGlobal = true },
			func(s *netconf.Settings) { s.AllowDefault = true }, func(s *netconf.Settings) { s.AllowDNS = true },
		}
		var all sync.WaitGroup
		for _, edit := range edits {
			all.Go(func() {
				_, _ = p.Configure(planetNetwork, false, nil, func(s *netconf.Settings) error { edit(s); return nil })
			})
		}
		all.Wait()
		s, _ := p.state(planetNetwork)
		if g := s.Settings; g.AllowManaged || !g.AllowGlobal || !g.AllowDefault || !g.AllowDNS {
			t.Errorf("settings are %+v", g)
		}
		refused := errors.New("no")
		if _, err := p.Configure(planetNetwork, false, nil, func(s *netconf.Settings) error { s.AllowDNS = false; return refused }); !errors.Is(err, refused) {
			t.Errorf("a refused edit: %v", err)
		}
		if s, _ := p.state(planetNetwork); !s.Settings.AllowDNS {
			t.Error("a refused edit changed the settings")
		}
		if was, err := p.Configure(planetNetwork+1, false, nil, func(*netconf.Settings) error { return nil }); was || err != nil {
			t.Errorf("changing a network that is not joined: %v, %v", was, err)
		}
	})
}

// TestSlowDiskDoesNotBlockPackets has every write of a member hang, and one of
// its controller.
func TestSlowDiskDoesNotBlockPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a, b, nwid := trio(t)
		a.join(nwid)
		b.join(nwid)
		pass(5 * time.Second)
		from, to := a.address(nwid), b.address(nwid)
		gate := make(chan struct{})
		for _, p := range []*person{root, a, b} {
			p.disk.set(nil, gate)
		}
		defer close(gate)
		root.Do(changeNetwork(nwid, `{"name":"changed"}`))
		got := 0
		for range 120 { // the members ask for their configuration meanwhile, each minute
			a.system.last(t).Inject(packet(from, to, 100))
			pass(time.Second)
			got += len(received(b.system.last(t)))
		}
		if got < 118 {
			t.Errorf("of 120 packets, %d arrived", got)
		}
	})
}

func TestGivesUpOnABrokenDiskWhenStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a, _, nwid := trio(t)
		for _, p := range []*person{root, a} {
			p.disk.set(errDisk, nil)
		}
		a.join(nwid)
		pass(time.Minute) // the controller has a record of a that it cannot store
		waiting := make(chan error, 1)
		go func() {
			waiting <- root.DoDurably(context.Background(), changeNetwork(nwid, `{"name":"x"}`))
		}()
		synctest.Wait()
		begun := time.Now()
		if err := errors.Join(a.stop(), root.stop()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 3*patience {
			t.Errorf("stopping took %v", took)
		}
		if err := <-waiting; err == nil {
			t.Error("a call was answered as if its records were stored")
		}
	})
}

// TestRevocationsAreStored: they are stored as they are when there is time, tried
// again after a failure, and gone with the network.
func TestRevocationsAreStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := start(t, &wires{}, 1, "10.9.0.2:9993", d, nil)
		p.join(planetNetwork)
		revoke := func(a identity.Address, until clock.Wall) {
			p.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				c.RestoreRevoked(at, planetNetwork, []credential.Threshold{{Member: a, Until: until, Type: credential.TypeMembership}}, out)
				out.Revoked = append(out.Revoked, planetNetwork)
			})
		}
		stored := func() int {
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.revoked[planetNetwork])
		}
		d.set(errDisk, nil)
		revoke(0x1122334455, 5)
		pass(time.Second)
		revoke(0x1122334456, 6)
		d.set(nil, nil)
		if err := p.Sync(context.Background()); err != nil || stored() != 2 {
			t.Errorf("%d stored, %v", stored(), err)
		}
		d.set(errDisk, nil)
		revoke(0x1122334457, 7)
		pass(time.Second)
		p.leave(planetNetwork)
		d.set(nil, nil)
		if err := p.Sync(context.Background()); err != nil || stored() != 0 {
			t.Errorf("%d stored after leaving, %v", stored(), err)
		}
	})
}
