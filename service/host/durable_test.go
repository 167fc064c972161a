package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
	"orrery/service/store"
)

// changeNetwork is a management call.
func changeNetwork(nwid identity.NetworkID, body string) func(*node.Core, clock.Instant, *node.Outbox) {
	return func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.Control(at, out, func(ctl *controller.Controller) { _, _ = ctl.PutNetwork(at, nwid, []byte(body)) })
	}
}

// TestAnswerWaitsForItsRecord holds the controller's disk up, then breaks it,
// then repairs it: only then may a member hear of its configuration.
func TestAnswerWaitsForItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a, b, nwid := trio(t)
		gate := make(chan struct{})
		root.disk.set(errDisk, gate)
		a.join(nwid)
		pass(10 * time.Second)
		b.join(nwid)
		pass(time.Minute)
		for _, p := range []*person{a, b} {
			if s, _ := p.state(nwid); s.Status != vl2.StatusRequestingConfiguration {
				t.Fatalf("status %v before the record was stored", s.Status)
			}
		}
		root.disk.set(errDisk, nil)
		close(gate)
		pass(time.Minute)
		if s, _ := a.state(nwid); s.Status != vl2.StatusRequestingConfiguration {
			t.Fatalf("status %v although the disk is broken", s.Status)
		}
		if said := root.storedSaid(); len(said) == 0 || !errors.Is(said[0], errDisk) {
			t.Fatalf("Stored was called with %v", said)
		}
		root.disk.set(nil, nil)
		pass(20 * time.Second)
		for _, p := range []*person{a, b} {
			if s, _ := p.state(nwid); s.Status != vl2.StatusOK {
				t.Errorf("status %v although the record is stored", s.Status)
			}
		}
		if said := root.storedSaid(); said[len(said)-1] != nil {
			t.Errorf("Stored was called last with %v", said[len(said)-1])
		}
		records, _ := root.disk.records.Load()
		if len(records) != 3 {
			t.Errorf("%d records are stored, want those of a network and two members", len(records))
		}
	})
}

func TestCallWaitsForItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, _, _, nwid := trio(t)
		gate := make(chan struct{})
		root.disk.set(nil, gate)
		done := make(chan error, 1)
		go func() { done <- root.DoDurably(context.Background(), changeNetwork(nwid, `{"name":"x"}`)) }()
		pass(time.Minute)
		select {
		case err := <-done:
			t.Fatalf("answered with %v before the record was stored", err)
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := root.DoDurably(ctx, changeNetwork(nwid, `{"name":"y"}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline: %v", err)
		}
		// A call that changes nothing rests on what was changed before.
		go func() { done <- root.DoDurably(context.Background(), changeNetwork(nwid, `{"name":"y"}`)) }()
		pass(time.Second)
		if len(done) > 0 {
			t.Error("a repeated call was answered before the record was stored")
		}
		close(gate)
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})
}

// TestQueueIsBounded has a controller change while its disk hangs.
func TestQueueIsBounded(t *testing.T) {
	var d durable
	d.init()
	doc := func(i int) []byte { return fmt.Appendf(nil, `{"i":%d}`, i) }
	held := []vl1.Datagram{{Data: make([]byte, 1400)}}
	for i := range 100_000 {
		change := controller.Change{Record: controller.Record{Network: 1, Member: identity.Address(i % 10), Doc: doc(i)}}
		if !d.add([]controller.Change{change}, held, nil) {
			t.Fatal("an answer could leave before its record was stored")
		}
	}
	b, _, _ := d.next()
	if len(b.changes) != 10 || b.bytes > maxHeldBytes || b.bytes < maxHeldBytes-1400 {
		t.Errorf("%d changes and %d bytes wait", len(b.changes), b.bytes)
	}
	if got := string(b.changes[3].Doc); got != `{"i":99993}` {
		t.Errorf("the newest record is %s", got)
	}
	if d.add(nil, held, nil) != true {
		t.Error("an answer could leave before earlier records were stored")
	}
	if _, ok, _ := d.next(); !ok {
		t.Error("nothing to send")
	}
	if _, ok, _ := d.next(); ok || d.add(nil, held, nil) {
		t.Error("an answer was kept although all is stored")
	}
}

// TestChangesMerge compares stores that got changes one by one and merged.
func TestChangesMerge(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var one, merged store.Memory
		b := batch{index: make(map[recordKey]int)}
		for i := range 60 {
			c := controller.Change{Record: controller.Record{Network: identity.NetworkID(r.IntN(3) + 1), Member: identity.Address(r.IntN(4))}}
			if c.Delete = r.IntN(3) == 0; !c.Delete {
				c.Doc, _ = json.Marshal(i)
			}
			if err := one.Apply([]controller.Change{c}); err != nil {
				t.Fatal(err)
			}
			b.change(&c)
			if r.IntN(25) == 0 {
				if err := merged.Apply(b.changes); err != nil {
					t.Fatal(err)
				}
				b = batch{index: make(map[recordKey]int)}
			}
		}
		if err := merged.Apply(b.changes); err != nil {
			t.Fatal(err)
		}
		want, _ := one.Load()
		got, _ := merged.Load()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: merged %v, want %v", seed, got, want)
		}
	}
}
