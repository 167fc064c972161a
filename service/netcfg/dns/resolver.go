package dns

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// callLimit bounds one call of a resolver, workLimit all that is done for one
// network at a time.
const (
	callLimit = 3 * time.Second
	workLimit = 10 * time.Second
)

// wish is what one network is to have.
type wish struct {
	network string
	// device and index tell the network's interface.
	device string
	index  int
	bridge string // the system's, that has the device's addresses
	// domain is empty only if all is set.
	domain  string
	servers []netip.Addr
	// all has queries that are nobody else's go to the servers too.
	all bool
	// left says which servers of the offer were left out.
	left string
}

func (w *wish) equal(o *wish) bool {
	return w.network == o.network && w.device == o.device && w.index == o.index && w.bridge == o.bridge && w.domain == o.domain && w.all == o.all && w.left == o.left &&
		slices.Equal(w.servers, o.servers)
}

// resolver is what answers names on a machine.
type resolver interface {
	// name is its name for people, and in journals.
	name() string
	// entry is what apply makes.
	entry(w *wish) entry
	// able fails with a *problem if it cannot do what is wished.
	able(w *wish) error
	// apply makes it so, if it is not so yet, and reports whether it was not.
	apply(ctx context.Context, w *wish) (changed bool, err error)
	// undo takes away what apply made. That it is gone already is no error.
	undo(ctx context.Context, e entry) error
	// transient reports whether what apply makes goes with the interface.
	transient() bool
}

// system is the operating system below a [Manager].
type system interface {
	// find returns who answers names now, or a *problem that says why nobody can
	// be told.
	find(ctx context.Context) (resolver, error)
	// named returns a resolver by the name in an entry, in charge or not, nil if
	// there is none of that name.
	named(name string) resolver
	// notices gets a token when a resolver came, went or changed.
	notices() <-chan struct{}
	close()
}

// problem is an error that people can do something about.
type problem struct {
	state          State
	reason, advice string // sentences
	err            error
}

func (p *problem) Error() string { return p.reason }
func (p *problem) Unwrap() error { return p.err }

// unsupportedHere says that something cannot be done on this machine.
func unsupportedHere(reason, advice string) *problem {
	return &problem{state: Unsupported, reason: reason, advice: advice}
}
