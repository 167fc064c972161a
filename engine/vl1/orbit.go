package vl1

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/world"
)

var (
	// ErrMoonSeed is returned for a seed that is no address, or our own.
	ErrMoonSeed = errors.New("not the address of another node that has the moon")
	// ErrMoons is returned when too many moons are held or wanted.
	ErrMoons = fmt.Errorf("more than %d moons", world.MaxMoons)

	// ErrSeedUnknown says that no root knows the seed of a wanted moon.
	ErrSeedUnknown = errors.New("no root knows the seed")
	// ErrSeedSilent says that the seed of a wanted moon does not answer.
	ErrSeedSilent = errors.New("the seed does not answer")
	// ErrSeedEmpty says that the seed answers, and has not told of the moon.
	ErrSeedEmpty = errors.New("the seed answers, but does not have the moon")
	// ErrSeedNoRoot says that the moon was told and that the seed is no root of it.
	ErrSeedNoRoot = errors.New("the seed is not a root of it")
)

// A seed is asked soon at first, because it may confirm our path only after its
// first answer, then twice a minute: the moon may be made later.
const (
	seedFirst = clock.Second
	seedEvery = 30 * clock.Second
)

// wanted is what is going on about a moon that is wanted.
type wanted struct {
	next  clock.Mono // when the seed is asked again
	tries int
	// refused says why the last offer was not taken.
	refused error
	// offer waits for the validation of roots, which are at work.
	offer *world.World
	works []uint64
}

// Orbit begins to use a moon that is not held: its seed is asked for it until
// it tells (spec 03 §3.9). A moon that is held already is left as it is, unless
// a key is given that has not signed it.
func (w *Wire) Orbit(at clock.Instant, want world.Wanted) error {
	t := &w.top
	if held := t.held(&world.World{Kind: world.Moon, ID: want.ID}); held != nil {
		if want.Key != nil && !held.Verify(want.Key) {
			return fmt.Errorf("moon %016x: %w", want.ID, ErrWorldKey)
		}
		return nil
	}
	if want.ID == 0 || want.Seed.Reserved() || want.Seed == w.self.Address {
		return ErrMoonSeed
	}
	if !w.roomForMoon(want.ID) {
		return ErrMoons
	}
	i, known := slices.BinarySearchFunc(t.orbits.Wanted, want.ID, func(x world.Wanted, id uint64) int { return cmp.Compare(x.ID, id) })
	if known {
		t.orbits.Wanted[i], t.wanted[i] = want, wanted{}
	} else {
		t.orbits.Wanted = slices.Insert(t.orbits.Wanted, i, want)
		t.wanted = slices.Insert(t.wanted, i, wanted{})
	}
	t.wanted[i].next = at.Mono
	w.nextPing = at.Mono
	w.storeOrbits()
	return nil
}

// roomForMoon reports whether a moon can be added, or is counted already.
func (w *Wire) roomForMoon(id uint64) bool {
	t := &w.top
	return len(t.moons)+len(t.orbits.Wanted) < world.MaxMoons ||
		slices.ContainsFunc(t.orbits.Wanted, func(x world.Wanted) bool { return x.ID == id })
}

// Deorbit stops using a moon, held or wanted, and reports whether it was either.
// Its roots stay as ordinary peers.
func (w *Wire) Deorbit(at clock.Instant, id uint64) bool {
	t := &w.top
	was := w.unwant(id)
	if t.orbits.Forget(id) || was {
		w.storeOrbits()
	}
	i := slices.IndexFunc(t.moons, func(m world.World) bool { return m.ID == id })
	if i < 0 {
		return was
	}
	t.moons = slices.Delete(t.moons, i, i+1)
	w.out.Store = append(w.out.Store, Store{Kind: StoreMoon, ID: id})
	w.worldsChanged(at)
	return true
}

// unwant drops a moon from the wanted ones.
func (w *Wire) unwant(id uint64) bool {
	i := slices.IndexFunc(w.top.orbits.Wanted, func(x world.Wanted) bool { return x.ID == id })
	if i < 0 {
		return false
	}
	w.top.orbits.Wanted = slices.Delete(w.top.orbits.Wanted, i, i+1)
	w.top.wanted = slices.Delete(w.top.wanted, i, i+1)
	return true
}

// RestoreOrbits takes what [StoreOrbits] stored, before any world is added.
func (w *Wire) RestoreOrbits(at clock.Instant, o world.Orbits) {
	w.top.orbits.Signed = o.Signed
	for _, x := range o.Wanted {
		if err := w.Orbit(at, x); err != nil {
			w.log.Warn("a moon that was wanted is not any more", "moon", fmt.Sprintf("%016x", x.ID), "err", err)
		}
	}
}

func (w *Wire) storeOrbits() {
	text, err := w.top.orbits.Text()
	if err != nil {
		w.log.Error("orbits cannot be stored", "err", err)
		return
	}
	w.out.Store = append(w.out.Store, Store{Kind: StoreOrbits, Data: text})
}

// WantedMoon is a moon that is wanted, and why it is not there yet.
type WantedMoon struct {
	world.Wanted
	// Problem is ErrSeedUnknown, ErrSeedSilent or ErrSeedEmpty while there is
	// nothing but waiting, else why the moon that was told is refused.
	Problem error
	// Refused is whether the moon was told and refused.
	Refused bool
}

// Wanted lists the moons that are wanted, by ID.
func (w *Wire) Wanted() []WantedMoon {
	list := make([]WantedMoon, 0, len(w.top.wanted))
	for i, x := range w.top.orbits.Wanted {
		m := WantedMoon{Wanted: x, Problem: w.top.wanted[i].refused, Refused: w.top.wanted[i].refused != nil}
		if !m.Refused {
			switch p := w.peers[x.Seed]; {
			case p == nil:
				m.Problem = ErrSeedUnknown
			case w.now-p.lastAnswer > 2*seedEvery:
				m.Problem = ErrSeedSilent
			default:
				m.Problem = ErrSeedEmpty
			}
		}
		list = append(list, m)
	}
	return list
}

// askSeeds says HELLO to the seeds of wanted moons that are due, and returns
// when the next one is.
func (w *Wire) askSeeds(at clock.Instant) clock.Mono {
	next := at.Mono + clock.Hour
	for i := range w.top.wanted {
		x := &w.top.wanted[i]
		if x.next <= at.Mono {
			wait := min(seedFirst<<min(x.tries, 5), seedEvery)
			x.tries++
			x.next = at.Mono + wait + clock.Mono(w.random.uint64()%uint64(wait/8))
			w.askSeed(at, w.top.orbits.Wanted[i].Seed)
		}
		next = min(next, x.next)
	}
	return next
}

// askSeed says HELLO to a seed, by its path or through a root; its identity is
// asked for first if nobody has told it.
func (w *Wire) askSeed(at clock.Instant, seed identity.Address) {
	p := w.peer(at, seed)
	if p == nil {
		w.Whois(at, seed)
		return
	}
	if p.blocked {
		return
	}
	p.keepUntil = max(p.keepUntil, at.Mono+2*seedEvery)
	best := p.direct(at.Mono)
	if best != nil {
		w.hello(at, p, best.pathKey)
	}
	if best == nil || p.unanswered != clock.Never && at.Mono-p.unanswered >= answerIn {
		w.helloVia(at, p)
	}
}

// seedLearned asks a seed as soon as its identity is known.
func (w *Wire) seedLearned(at clock.Instant, p *Peer) {
	for i := range w.top.wanted {
		if w.top.orbits.Wanted[i].Seed == p.id.Address {
			w.top.wanted[i].next, w.top.wanted[i].tries = at.Mono, 0
			w.nextPing = at.Mono
		}
	}
}

// mayTellWorlds reports whether worlds of a peer are looked at: those of roots
// and of the seeds of wanted moons (spec 03 §3.3).
func (w *Wire) mayTellWorlds(id identity.Identity) bool {
	return w.IsUpstream(id) || slices.ContainsFunc(w.top.orbits.Wanted, func(x world.Wanted) bool { return x.Seed == id.Address })
}

// offerMoon takes a moon that is not held, if it is wanted: from a root or from
// its own seed, which must be one of its roots, and signed.
func (w *Wire) offerMoon(at clock.Instant, from identity.Identity, nw *world.World) {
	i := slices.IndexFunc(w.top.orbits.Wanted, func(x world.Wanted) bool { return nw.Kind == world.Moon && x.ID == nw.ID })
	if i < 0 || !w.IsUpstream(from) && w.top.orbits.Wanted[i].Seed != from.Address {
		w.drop(DropWorld)
		return
	}
	want, x := w.top.orbits.Wanted[i], &w.top.wanted[i]
	if x.offer != nil {
		return // one after the other
	}
	err := w.checkFirst(nw, want.Key)
	if err == nil && !nw.HasRoot(want.Seed) {
		err = ErrSeedNoRoot
	}
	if err != nil {
		w.refuseMoon(x, err)
		return
	}
	for _, r := range nw.Roots {
		if p := w.peers[r.Identity.Address]; r.Identity == w.self || p != nil && p.id == r.Identity {
			continue
		}
		w.workSeq++
		x.works = append(x.works, w.workSeq)
		w.out.Work = append(w.out.Work, Work{ID: w.workSeq, Identity: r.Identity})
	}
	x.offer = nw
	if len(x.works) == 0 {
		w.takeMoon(at, i)
	}
}

func (w *Wire) refuseMoon(x *wanted, err error) {
	w.drop(DropWorld)
	x.refused, x.offer, x.works = err, nil, nil
}

// takeMoon installs the moon that was offered and checked.
func (w *Wire) takeMoon(at clock.Instant, i int) {
	x := &w.top.wanted[i]
	nw, key := x.offer, w.top.orbits.Wanted[i].Key
	if err := w.install(at, nw, key); err != nil { // on success x is gone
		w.refuseMoon(x, err)
	}
}

// rootValidated takes the validation of a root of a moon that was offered. It
// reports whether the work was one.
func (w *Wire) rootValidated(at clock.Instant, r WorkResult) bool {
	for i := range w.top.wanted {
		x := &w.top.wanted[i]
		j := slices.Index(x.works, r.ID)
		if j < 0 {
			continue
		}
		x.works = slices.Delete(x.works, j, j+1)
		switch {
		case !r.Valid:
			w.refuseMoon(x, fmt.Errorf("moon %016x: %w", x.offer.ID, ErrWorldIdentity))
		case len(x.works) == 0:
			w.takeMoon(at, i)
		}
		return true
	}
	return false
}
