package portmap

import (
	"net/netip"
	"time"

	"orrery/engine/wire"
)

const (
	// askLife is the lifetime asked of PCP and NAT-PMP gateways.
	askLife = 2 * time.Hour
	// askLifeUPnP is the lifetime asked of UPnP gateways. Some take longer ones
	// for permanent.
	askLifeUPnP = time.Hour
	// leastLife is the shortest lifetime that is worth the renewals.
	leastLife = time.Minute
	// mostLife bounds what a gateway may grant before we ask again.
	mostLife = 24 * time.Hour
	// checkEvery is how often a gateway is asked whether it still knows the
	// mapping: it may have restarted (spec 03 §9.3).
	checkEvery = 5 * time.Minute
)

// link is the way to the Internet: a gateway, and our address on the same
// network.
type link struct {
	gateway, local netip.Addr
}

// want is what is asked for.
type want struct {
	link
	port uint16
	// hint is the external address and port we would like, as far as valid.
	hint netip.AddrPort
}

// hintPort is the external port to ask for first.
func (w *want) hintPort() uint16 {
	if p := w.hint.Port(); p != 0 {
		return p
	}
	return w.port
}

// grant is what a gateway says that it has mapped.
type grant struct {
	external netip.AddrPort
	life     time.Duration // 0 is for ever
	epoch    uint32
	hasEpoch bool
}

// acceptable tells what is wrong with an external address: it must be one that
// others can reach.
func (w *want) acceptable(external netip.Addr, avoid func(netip.Addr) bool) error {
	switch {
	case !external.Is4() || external.IsUnspecified():
		return &problem{code: NoExternal, text: noExternal}
	case external == w.local:
		return &problem{code: NoNAT, text: "the gateway does not translate addresses: ours is the external one"}
	case wire.ScopeOf(external) != wire.ScopeGlobal || avoid(external):
		return &problem{code: DoubleNAT, text: "the gateway's external address " + external.String() + " is private: it is behind another gateway (double NAT)"}
	}
	return nil
}

// check tells what is wrong with a grant, and bounds its lifetime.
func (g *grant) check(w *want, avoid func(netip.Addr) bool) error {
	if err := w.acceptable(g.external.Addr(), avoid); err != nil {
		return err
	}
	if g.external.Port() == 0 {
		return misbehaves("the gateway says that it has mapped port 0")
	}
	if g.life != 0 && g.life < leastLife {
		return refused("the gateway maps for %v only", g.life)
	}
	g.life = min(g.life, mostLife)
	return nil
}

// lease is a mapping that we have.
type lease struct {
	method Method
	want   want
	grant  grant
	made   time.Time
	// failed counts the renewals since that have got no answer.
	failed int
	// renew is when to renew: at half-life, later again if that fails.
	renew time.Time
}

// life is how long the lease counts without renewal. A permanent one is asked
// for again too, to notice a gateway that is no more.
func (l *lease) life() time.Duration {
	if l.grant.life == 0 {
		return askLifeUPnP
	}
	return l.grant.life
}

// ends is when the lease has run out.
func (l *lease) ends() time.Time { return l.made.Add(l.life()) }
