package host

import (
	"bytes"
	"maps"
	"sync"
	"time"

	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/vl1"
)

const (
	// maxHeldBytes bounds the datagrams that wait for the disk. Whoever does
	// not get an answer asks again.
	maxHeldBytes = 8 << 20
	// firstRetry and lastRetry bound the pauses after a failure to store.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	// lastTries is the longest pause when stopping.
	lastTries = 250 * time.Millisecond
)

// durable is the queue to the controller's database. What rests on records,
// answers to members and to the API, leaves it after them. While the database
// is slow the queue does not grow with time: of each record it has the newest.
type durable struct {
	mu      sync.Mutex // guards what follows
	pending batch
	storing bool // a batch is on its way to the disk
	closed  bool

	wake chan struct{}
}

// batch is what is stored at once, and what rests on it.
type batch struct {
	changes []controller.Change
	index   map[recordKey]int // into changes
	held    []vl1.Datagram
	bytes   int
	waiting []chan<- error
}

// recordKey names a record; a network's has no member.
type recordKey struct {
	network identity.NetworkID
	member  identity.Address
}

func (d *durable) init() {
	d.wake = make(chan struct{}, 1)
	d.pending.index = make(map[recordKey]int)
}

// add queues changes, datagrams that rest on them or on earlier ones, and who
// waits for them; nil for nobody. It reports false if held may leave at once.
func (d *durable) add(changes []controller.Change, held []vl1.Datagram, done chan<- error) bool {
	if len(changes) == 0 && len(held) == 0 && done == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	idle := !d.storing && len(d.pending.changes) == 0
	switch {
	case len(changes) == 0 && idle:
		if done != nil {
			done <- nil
		}
		return false
	case d.closed:
		if done != nil {
			done <- ErrStopped
		}
		return true
	}
	for i := range changes {
		d.pending.change(&changes[i])
	}
	for _, x := range held {
		if d.pending.bytes+len(x.Data) > maxHeldBytes {
			break
		}
		x.Data = bytes.Clone(x.Data)
		d.pending.bytes += len(x.Data)
		d.pending.held = append(d.pending.held, x)
	}
	if done != nil {
		d.pending.waiting = append(d.pending.waiting, done)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return true
}

// change enters a change in place of an earlier one of the same record.
func (b *batch) change(c *controller.Change) {
	if i, ok := b.index[recordKey{c.Network, c.Member}]; ok && !(c.Delete && c.Member == 0) {
		b.changes[i] = *c
		return
	}
	if c.Delete && c.Member == 0 {
		// It deletes the members too: none of what was to be stored matters.
		old := b.changes
		b.changes = b.changes[:0]
		clear(b.index)
		for i := range old {
			if old[i].Network != c.Network {
				b.append(old[i])
			}
		}
		clear(old[len(b.changes):])
	}
	b.append(*c)
}

// append enters a change behind all others. After a network's own change, be it
// made or deleted, earlier ones do not stand for later ones: a member counts
// only after its network.
func (b *batch) append(c controller.Change) {
	if c.Member == 0 {
		maps.DeleteFunc(b.index, func(k recordKey, _ int) bool { return k.network == c.Network })
	}
	if c.Member != 0 || !c.Delete {
		b.index[recordKey{c.Network, c.Member}] = len(b.changes)
	}
	b.changes = append(b.changes, c)
}

// next takes what is pending. It reports false if there is nothing; ended says
// that there never will be.
func (d *durable) next() (b batch, ok, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.storing = false
	if len(d.pending.changes) == 0 && len(d.pending.held) == 0 && len(d.pending.waiting) == 0 {
		return b, false, d.closed
	}
	b, d.pending = d.pending, batch{index: make(map[recordKey]int)}
	d.storing = true
	return b, true, false
}

func (d *durable) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	close(d.wake)
}

// storeRecords stores controller records, then sends what rests on them, until
// the queue is closed and empty.
func (h *Host) storeRecords() {
	for {
		b, ok, ended := h.durable.next()
		switch {
		case ended:
			return
		case !ok:
			<-h.durable.wake
			continue
		}
		err := h.apply(b.changes)
		if err == nil && len(b.held) > 0 {
			_ = h.cfg.Sockets.Send(b.held) // fails only when stopping
		}
		for _, done := range b.waiting {
			done <- err // has room
		}
	}
}

// apply stores changes, however long it takes, except when stopping.
func (h *Host) apply(changes []controller.Change) error {
	if len(changes) == 0 {
		return nil
	}
	var before complaint
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := h.cfg.State.ApplyController(changes)
		if err == nil {
			if wait > firstRetry {
				h.cfg.Stored(Records, nil)
				h.cfg.Changed()
			}
			return nil
		}
		if before.news(err.Error()) {
			h.log.Error("controller records cannot be stored; trying again", "n", len(changes), "err", err)
			h.cfg.Stored(Records, err)
			h.cfg.Changed()
		}
		if !h.pause(wait, nil) {
			h.log.Error("stopping without having stored controller records", "n", len(changes), "err", err)
			return err
		}
	}
}

// pause waits before another try, less if urgent speaks or the host stops. It
// reports false when the host has no more time.
func (h *Host) pause(d time.Duration, urgent <-chan struct{}) bool {
	quit := h.quit
	select {
	case <-quit:
		quit, d = nil, min(d, lastTries)
	default:
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-urgent:
	case <-quit:
	case <-h.late:
		return false
	}
	return true
}
