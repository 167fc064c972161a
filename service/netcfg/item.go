package netcfg

import (
	"fmt"
	"net/netip"
)

// Kind says what an [Item] is.
type Kind string

// The kinds, in the order in which they are made. They are written to journals.
const (
	KindMTU       Kind = "mtu"
	KindLinkLocal Kind = "linklocal" // how the system generates link-local addresses
	KindUp        Kind = "up"
	KindMetric    Kind = "metric" // of the interface, 0 for the system's own choice
	KindAddress   Kind = "address"
	KindRoute     Kind = "route"
	KindRule      Kind = "rule" // of policy routing
)

// setting reports whether items of this kind are values that are put back,
// rather than things that are taken away.
func (k Kind) setting() bool { return k.stays() || k == KindMetric }

// stays reports whether a setting of this kind stays as it is while nothing is
// wanted of it.
func (k Kind) stays() bool { return k == KindMTU || k == KindLinkLocal || k == KindUp }

// Item is one thing that was set on the machine. It is comparable, and as JSON
// it is an entry of the journal.
type Item struct {
	Kind      Kind   `json:"kind"`
	Interface string `json:"interface"`
	// For is the interface whose state this is a part of, if that is another one:
	// a port of the bridge Interface.
	For string `json:"for,omitempty"`
	// Index is the interface's index, which tells it from a later one of the
	// same name.
	Index int `json:"index"`
	// Prefix is an address with its subnet's length, or a route's target. A
	// rule's is the unspecified address of its family.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	Via    netip.Addr   `json:"via,omitzero"`
	Source netip.Addr   `json:"source,omitzero"`
	Metric int          `json:"metric,omitempty"`
	// Table is a route's or rule's table, 0 for the main one.
	Table int `json:"table,omitempty"`
	// OnLink routes have a gateway outside of the interface's subnets.
	OnLink bool `json:"onlink,omitempty"`
	// Mark is what a rule is about.
	Mark uint32 `json:"mark,omitempty"`
	// Rank is a rule's preference.
	Rank int `json:"rank,omitempty"`
	// Value is a setting's value and Before what it was.
	Value  int `json:"value,omitempty"`
	Before int `json:"before,omitempty"`
}

// key is the item without what may differ between two mentions of it.
func (it Item) key() Item {
	it.Index, it.Before, it.OnLink = 0, 0, false
	if it.Kind.setting() {
		it.Value = 0
	}
	return it
}

// thing is the item as the system has it, whoever made it.
func (it Item) thing() Item {
	k := it.key()
	k.For = ""
	return k
}

// owner is the interface whose state the item is a part of.
func (it Item) owner() string {
	if it.For != "" {
		return it.For
	}
	return it.Interface
}

// String names the item as an error or log message would.
func (it Item) String() string {
	switch it.Kind {
	case KindAddress:
		return fmt.Sprintf("address %v on %s", it.Prefix, it.Interface)
	case KindRoute:
		return fmt.Sprintf("route %v on %s", Route{Target: it.Prefix, Via: it.Via}, it.Interface)
	case KindRule:
		return fmt.Sprintf("routing rule %d for table %d", it.Rank, it.Table)
	default:
		return fmt.Sprintf("%s of %s", it.Kind, it.Interface)
	}
}

// Change is something that was done.
type Change struct {
	Item
	// Undone is true if the item was taken away or put back, false if made.
	Undone bool
}

// String says what was done.
func (c Change) String() string {
	switch {
	case c.Undone && c.Kind.setting():
		return fmt.Sprintf("%v back to %d", c.Item, c.Before)
	case c.Undone:
		return "removed " + c.Item.String()
	case c.Kind.setting():
		return fmt.Sprintf("%v set to %d", c.Item, c.Value)
	default:
		return "added " + c.Item.String()
	}
}
