package netcfg

import (
	"errors"
	"net/netip"

	"orrery/service/netcfg/verdict"
)

var (
	// ErrNoInterface is returned when there is no interface of the name.
	ErrNoInterface = errors.New("no such interface")
	// errExists says that an item to be made is there already.
	errExists = errors.New("it exists already")
)

// system is the operating system below a [Manager].
type system interface {
	platform() platform
	// boot identifies the running of the system since it was started, or is
	// empty. Nothing that we make outlives it.
	boot() string
	// observe reads what an interface has. It fails with ErrNoInterface.
	observe(ifname string) (*observed, error)
	// machine reads what the machine has beside the interfaces named: all
	// interfaces that are up, and the routes that keep selects.
	machine(own []string, keep func(netip.Prefix) bool) (verdict.Machine, error)
	// do makes an item. errExists means that somebody else has it.
	do(it Item) error
	// undo takes an item away or puts a setting back. That it is gone already is
	// no error.
	undo(it Item) error
	close()
}

// observed is what an interface has.
type observed struct {
	index    int
	settings map[Kind]int
	things   map[Item]bool // by Item.thing
}

func newObserved(index int) *observed {
	return &observed{index: index, settings: map[Kind]int{}, things: map[Item]bool{}}
}

// note records a thing.
func (o *observed) note(it Item) { o.things[it.thing()] = true }

// has reports whether the item is as it should be.
func (o *observed) has(it Item) bool {
	if it.Kind.setting() {
		v, known := o.settings[it.Kind]
		return known && v == it.Value
	}
	return o.things[it.thing()]
}

// rivals are addresses on the interface with the IP of it and another prefix
// length, which systems refuse to have beside it.
func (o *observed) rivals(it Item) []Item {
	if it.Kind != KindAddress || it.For != "" {
		return nil // a bridge is not ours to tidy up
	}
	var out []Item
	for k := range o.things {
		if k.Kind == KindAddress && k.Prefix.Addr() == it.Prefix.Addr() && k.Prefix != it.Prefix {
			k.Index = o.index
			out = append(out, k)
		}
	}
	return out
}

// withoutZone is the prefix of an address without its zone.
func withoutZone(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(p.Addr().Unmap().WithZone(""), p.Bits())
}
