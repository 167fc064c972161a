package vl1

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// A copied disk makes two nodes with one identity: roots and peers then send to
// one place what is meant for the other, by turns. To notice that, a node now and
// then sends a packet to itself by way of its best root, sealed under the key
// that it agrees with itself, which only holders of the secret have. It comes
// back, or reaches the twin, which learns from it that there is another: the
// content names the running process and its time. A root's own reasons to lose
// it are no sign; and what was recorded before our start, or came once, is none.
const (
	twinFirst   = 15 * clock.Second // four times after the start, then doubling
	twinEvery   = 300 * clock.Second
	twinSuspect = 15 * clock.Second // while there is a suspicion, or a twin
	suspectFor  = 180 * clock.Second
	// twinProof is between the first and another call of a twin that count.
	twinProof = 10 * clock.Second
	// twinMissing calls in a row that do not come back, after twinReturned that
	// did, while the root answers otherwise, are a sign as well: this is what
	// the node sees that the root does not send to any more.
	twinMissing  = 10
	twinReturned = 3
	// twinGone is when a twin that gives no sign is thought to be gone.
	twinGone = 1800 * clock.Second

	twinLen = wire.HeaderLen + 32 // and up to twinAddresses
	// twinAddresses are told in a call: whoever hears a twin answers straight to
	// it, since a root may only know the way to one of them.
	twinAddresses = 4
	twinMagic     = "orrery self call"
	// twinBurst bounds the packets that claim to come from us and are opened.
	twinBurst, twinRefill = 8, clock.Second
)

// twin is what a node knows of others with its identity.
type twin struct {
	keys  *armor.Keys // nil until the first call
	nonce uint64
	born  clock.Wall
	next  clock.Mono
	calls int
	gate  clock.Bucket

	root              *Peer // by which the last call went
	out               bool  // it has not come back
	id                uint64
	returned, missing int
	hurry             clock.Mono // until when to call often

	other     uint64 // whose calls came
	otherTime clock.Wall
	otherAt   clock.Mono
	seen      clock.Mono // the last sign
	told      bool
}

// callSelf sends what is due, and says when to look again.
func (w *Wire) callSelf(at clock.Instant) clock.Mono {
	t := &w.twin
	w.callDue(at)
	next := t.next
	if w.top.amRoot {
		next = noDeadline
	}
	if t.told {
		next = min(next, t.seen+twinGone)
	}
	return next
}

// callDue sends a call if one is due.
func (w *Wire) callDue(at clock.Instant) {
	t := &w.twin
	if t.told && at.Mono-t.seen >= twinGone {
		t.told = false
		w.upper.Twin(at, false)
	}
	if w.top.amRoot || at.Mono < t.next {
		return
	}
	if t.keys == nil {
		key, err := w.secret.Agree(w.self.Public)
		if err != nil {
			t.next = noDeadline
			return
		}
		t.keys, t.nonce, t.born, t.next = armor.NewKeys(&key), w.random.uint64(), at.Wall, at.Mono+twinFirst
		return
	}
	root := w.bestUpstream(at.Mono)
	if root == nil || root.live(at.Mono) == nil {
		t.next, t.out = at.Mono+twinFirst, false
		return
	}
	if root != t.root {
		t.root, t.out, t.returned, t.missing = root, false, 0, 0
	}
	if t.out {
		t.missing++
		if t.returned >= twinReturned {
			if t.missing == 2 {
				t.hurry = at.Mono + suspectFor
			}
			if t.missing >= twinMissing && at.Mono-root.lastAnswer < rootLost {
				w.twinSign(at)
			}
		}
	}
	t.calls++
	switch {
	case at.Mono < t.hurry || t.told:
		t.next = at.Mono + twinSuspect + clock.Mono(w.random.uint64()%uint64(twinSuspect))
	case t.calls < 8:
		t.next = at.Mono + twinFirst<<max(0, t.calls-3)
	default:
		t.next = at.Mono + twinEvery + clock.Mono(w.random.uint64()%uint64(twinEvery/4))
	}
	t.id, t.out = w.sendSelf(at, root.live(at.Mono).pathKey), true
}

// sendSelf sends a call to an address, as a lone second part: a root of the
// reference that relays a whole packet introduces source and destination, and
// waits for itself for ever if both are the same node. It returns the call's ID.
func (w *Wire) sendSelf(at clock.Instant, to pathKey) uint64 {
	buf := wire.AppendHeader(w.out.Alloc(256)[:0], w.random.uint64(), w.self.Address, w.self.Address, wire.VerbEcho)
	buf = append(buf, twinMagic...)
	buf = binary.BigEndian.AppendUint64(buf, w.twin.nonce)
	buf = binary.BigEndian.AppendUint64(buf, uint64(at.Wall))
	n := 0
	for _, list := range [2][]netip.AddrPort{w.local, w.Surface(at.Mono)} {
		for _, a := range list {
			if n < twinAddresses && wire.UsableForPath(a.Addr()) && a.Port() != 0 {
				buf = wire.AppendInet(buf, a)
				n++
			}
		}
	}
	w.twin.keys.Seal(buf, armor.AESGMACSIV)
	d := wire.AppendFragmentHeader(w.out.Alloc(wire.FragmentHeaderLen + len(buf))[:0], wire.Packet(buf).ID(), w.self.Address, 2, 1)
	w.out.Send = append(w.out.Send, Datagram{Data: append(d, buf...), Remote: to.remote, Socket: to.socket})
	return wire.Packet(buf).ID()
}

// selfCall finds a call in a part of a packet for us, nil if it is none.
func (w *Wire) selfCall(d *Datagram) []byte {
	f := wire.Fragment(d.Data)
	if f.Destination() != w.self.Address || f.Total() != 2 || f.Number() != 1 || len(f.Payload()) < twinLen {
		return nil
	}
	p := wire.Packet(f.Payload())
	if wire.Classify(p) != wire.KindPacket || p.Source() != w.self.Address || p.Destination() != w.self.Address || p.ID() != f.PacketID() {
		return nil
	}
	for range f.Hops() {
		p.IncrementHops() // not authenticated: relays count in the part's own header
	}
	return p
}

// receiveSelf takes a packet that says to come from us. The last call is let in
// by its ID: who does not know that must not be able to make it look lost.
func (w *Wire) receiveSelf(at clock.Instant, d *Datagram) {
	t := &w.twin
	if len(d.Data) < twinLen || len(d.Data) > twinLen+19*twinAddresses || t.keys == nil ||
		!(t.out && wire.Packet(d.Data).ID() == t.id) && !t.gate.Take(at.Mono, twinBurst, twinRefill) || !t.keys.Open(d.Data) {
		w.drop(DropSelf)
		return
	}
	b := wire.Packet(d.Data).Payload()
	if string(b[:len(twinMagic)]) != twinMagic {
		w.drop(DropSelf)
		return
	}
	straight := wire.Packet(d.Data).Hops() == 0
	nonce, made := binary.BigEndian.Uint64(b[16:]), clock.Wall(binary.BigEndian.Uint64(b[24:]))
	switch {
	case nonce == t.nonce:
		if t.out {
			t.out, t.missing = false, 0
			t.returned++
		}
	case made <= t.born:
		// Ours, of before the last start, or somebody replays that.
	case nonce == t.other && made <= t.otherTime:
		// A replay.
	case nonce != t.other:
		t.other, t.otherTime, t.otherAt = nonce, made, at.Mono
		t.hurry = at.Mono + suspectFor
		t.next = min(t.next, at.Mono+clock.Second+clock.Mono(w.random.uint64()%uint64(2*clock.Second)))
		w.nextPing = min(w.nextPing, t.next)
		w.answerTwin(at, b[32:], straight)
	default:
		t.otherTime = made
		if at.Mono-t.otherAt >= twinProof {
			w.twinSign(at)
		}
		w.answerTwin(at, b[32:], straight)
	}
}

// answerTwin calls a twin where it says it is, if its call came by a root.
func (w *Wire) answerTwin(at clock.Instant, addresses []byte, straight bool) {
	for len(addresses) > 0 && !straight {
		a, n, err := wire.ParseInet(addresses)
		if err != nil {
			return
		}
		addresses = addresses[n:]
		if w.usable(w.self.Address, a) && !slices.Contains(w.local, a) {
			w.sendSelf(at, toAll(a))
		}
	}
}

// twinSign notes a sign of a twin, and tells of it once.
func (w *Wire) twinSign(at clock.Instant) {
	t := &w.twin
	t.seen = at.Mono
	if !t.told {
		t.told = true
		w.upper.Twin(at, true)
	}
}
