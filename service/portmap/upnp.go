package portmap

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// The errors of UPnP gateways that we can do something about.
const (
	faultInvalidAction  = 401
	faultInvalidArgs    = 402
	faultActionFailed   = 501
	faultNotImplemented = 602
	faultNotAuthorised  = 606
	faultNoSuchIndex    = 713
	faultNoSuchEntry    = 714
	faultConflict       = 718
	faultOnlyPermanent  = 725
	faultConflictOther  = 729
)

const (
	// maxPorts is how many external ports are tried.
	maxPorts = 8
	// maxEntries is how many mappings of a gateway are looked at for leftovers.
	maxEntries = 128
	// upnpPatience bounds everything that is done for one question.
	upnpPatience = 20 * time.Second
)

const protocolName = "UDP"

// upnp makes mappings on UPnP's Internet gateway devices.
type upnp struct {
	dial        dialer
	description string
	group       netip.AddrPort
	patience    time.Duration

	// What is known of the gateway:
	service   service
	web       http.Client
	permanent bool   // it has no other leases
	trying    uint16 // external port that may have been mapped by an ask without answer
}

func (u *upnp) forget() {
	u.service, u.permanent = nil, false
}

func (u *upnp) ask(ctx context.Context, w want, ok func(netip.Addr) error) (grant, error) {
	ctx, cancel := context.WithTimeout(ctx, upnpPatience)
	defer cancel()
	fresh := false
	for {
		if u.service == nil {
			if err := u.find(ctx, w); err != nil {
				return grant{}, err
			}
			fresh = true
		}
		external, err := u.external(ctx)
		if err != nil && !fresh && ctx.Err() == nil {
			u.service = nil // it may have restarted with another address
			continue
		}
		g := grant{external: netip.AddrPortFrom(external, 0)}
		if err != nil {
			return g, err
		}
		if err := ok(external); err != nil {
			return g, err
		}
		if fresh {
			u.clean(ctx, w)
		}
		return u.mapPort(ctx, w, g)
	}
}

// find looks for the gateway and picks its service.
func (u *upnp) find(ctx context.Context, w want) error {
	u.web = web(u.dial, w)
	var last error
	err := search(ctx, u.dial, w, u.group, u.patience, func(place *url.URL) bool {
		all, err := describe(ctx, u.web, place, w.gateway)
		if err != nil {
			last = err
			return ctx.Err() != nil
		}
		u.service = u.pick(ctx, all)
		return u.service != nil
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case u.service != nil:
		return nil
	case err != nil:
		return err
	case last != nil:
		return last
	}
	return unanswered("no answer")
}

// pick returns the first service that has an external address, or else the
// first.
func (u *upnp) pick(ctx context.Context, all []service) service {
	for _, s := range all {
		if a, err := s.GetExternalIPAddressCtx(ctx); err == nil {
			if ip, err := netip.ParseAddr(a); err == nil && ip.Is4() && !ip.IsUnspecified() {
				return s
			}
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// external asks for the external address.
func (u *upnp) external(ctx context.Context) (netip.Addr, error) {
	text, err := u.service.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return netip.Addr{}, webError(ctx, err)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil && text != "" {
		return netip.Addr{}, misbehaves("the gateway says that its external address is %q", readable(text))
	}
	return ip.Unmap(), nil // not valid if empty, which is what it says when it has none
}

// mapPort maps one external port or another.
func (u *upnp) mapPort(ctx context.Context, w want, g grant) (grant, error) {
	var last error
	for _, port := range candidates(w) {
		g.external = netip.AddrPortFrom(g.external.Addr(), port)
		life, err := u.mapOne(ctx, w, port)
		if err == nil {
			u.trying = 0
			g.life = life
			return g, nil
		}
		if ctx.Err() != nil {
			return g, context.Cause(ctx)
		}
		last = err
		if !errors.Is(err, errTaken) {
			break
		}
	}
	u.trying = 0
	if errors.Is(last, errTaken) {
		last = refused("the gateway has no external port left for us: %d and those after it belong to others", candidates(w)[0])
	}
	return g, last
}

// candidates are the external ports to try: what we had or would like, our own
// number, and those after it, always the same so that a node that has crashed
// finds its mapping again (spec 03 §9.3).
func candidates(w want) []uint16 {
	ports := []uint16{w.hintPort()}
	for i := range maxPorts {
		p := int(w.port) + i
		if p > 65535 {
			p += 1025 - 65536
		}
		if uint16(p) != ports[0] {
			ports = append(ports, uint16(p))
		}
	}
	return ports[:maxPorts]
}

var errTaken = errors.New("the external port belongs to another machine")

// mapOne maps an external port, unless it is another's, and looks whether the
// gateway has done so. It returns the lease, 0 for a permanent one.
func (u *upnp) mapOne(ctx context.Context, w want, port uint16) (time.Duration, error) {
	e, known, err := u.entry(ctx, port)
	if err != nil && problemOf(err).code == Unanswered {
		return 0, err
	}
	if known && !e.ours(w, u.description) {
		return 0, errTaken
	}
	u.trying = port
	err = u.add(ctx, w, port)
	switch fault(err) {
	case faultConflict, faultConflictOther:
		return 0, errTaken
	}
	if err != nil {
		return 0, webError(ctx, err)
	}
	life := askLifeUPnP
	if u.permanent {
		life = 0
	}
	e, known, err = u.entry(ctx, port)
	switch {
	case e.missing:
		return 0, misbehaves("the gateway says that it has mapped the port, and has not")
	case err != nil || !known:
		return life, nil // it cannot tell, and is believed
	case !e.ours(w, u.description) || e.port != w.port:
		return 0, errTaken
	case e.lease == 0:
		return 0, nil
	}
	return min(time.Duration(e.lease)*time.Second, askLifeUPnP), nil
}

// add asks for a lease, or for ever if the gateway wants it so.
func (u *upnp) add(ctx context.Context, w want, port uint16) error {
	for {
		lease := uint32(askLifeUPnP / time.Second)
		if u.permanent {
			lease = 0
		}
		err := u.service.AddPortMappingCtx(ctx, "", port, protocolName, w.port, w.local.String(), true, u.description, lease)
		if fault(err) != faultOnlyPermanent || u.permanent {
			return err
		}
		u.permanent = true
	}
}

// entry is a mapping in a gateway's list.
type entry struct {
	missing     bool // the gateway says that there is none
	external    uint16
	port        uint16
	client      string
	description string
	lease       uint32
}

// ours reports whether the mapping may be overwritten: it leads to our port, or
// is what an earlier run has left. The client may be a name; then its
// description decides.
func (e *entry) ours(w want, description string) bool {
	ip, err := netip.ParseAddr(e.client)
	if err != nil {
		return e.description == description
	}
	return ip == w.local && (e.port == w.port || e.description == description)
}

// entry asks for the mapping of an external port. Known is false if there is
// none, which e.missing says, or if the gateway cannot tell.
func (u *upnp) entry(ctx context.Context, port uint16) (e entry, known bool, err error) {
	e.external = port
	e.port, e.client, _, e.description, e.lease, err = u.service.GetSpecificPortMappingEntryCtx(ctx, "", port, protocolName)
	switch fault(err) {
	case faultNoSuchEntry, faultNoSuchIndex:
		e.missing = true
		return e, false, nil
	case faultInvalidAction, faultInvalidArgs, faultActionFailed, faultNotImplemented, faultNotAuthorised:
		return e, false, nil
	}
	if err != nil {
		return e, false, webError(ctx, err)
	}
	// Some answer with nothing in it when there is no entry.
	return e, e.client != "", nil
}

// clean deletes what earlier runs have left of this node's mappings: those with
// our description to other ports of ours, and further ones to this port.
func (u *upnp) clean(ctx context.Context, w want) {
	var old []uint16
	kept := false
	for i := range uint16(maxEntries) {
		_, external, protocol, port, client, _, description, _, err := u.service.GetGenericPortMappingEntryCtx(ctx, i)
		if err != nil {
			break // the end of the list, or it cannot be had
		}
		if protocol != protocolName || description != u.description || client != w.local.String() {
			continue
		}
		if port == w.port && !kept && external == candidates(w)[0] {
			kept = true
			continue
		}
		old = append(old, external)
	}
	for _, external := range old {
		if u.service.DeletePortMappingCtx(ctx, "", external, protocolName) != nil {
			return // it will not have it; leases end
		}
	}
}

func (u *upnp) check(ctx context.Context, w want, g grant) (grant, error) {
	if u.service == nil {
		return grant{}, errLost
	}
	ctx, cancel := context.WithTimeout(ctx, upnpPatience)
	defer cancel()
	external, err := u.external(ctx)
	if ctx.Err() != nil {
		return grant{}, context.Cause(ctx)
	}
	if err != nil {
		u.service = nil
		return grant{}, errLost // asking again looks for the gateway again
	}
	e, known, err := u.entry(ctx, g.external.Port())
	if err != nil {
		return grant{}, err
	}
	if e.missing || known && !e.ours(w, u.description) {
		return grant{}, errLost
	}
	return grant{external: netip.AddrPortFrom(external, 0)}, nil
}

func (u *upnp) release(ctx context.Context, w want, g grant) error {
	port := g.external.Port()
	if port == 0 {
		port = u.trying
	}
	if port == 0 {
		return nil
	}
	if u.service == nil {
		if err := u.find(ctx, w); err != nil {
			return err
		}
	}
	u.trying = 0
	// What has come to belong to another meanwhile is not ours to delete.
	if e, known, err := u.entry(ctx, port); err == nil && (e.missing || known && !e.ours(w, u.description)) {
		return nil
	}
	if err := u.service.DeletePortMappingCtx(ctx, "", port, protocolName); err != nil && fault(err) != faultNoSuchEntry {
		return webError(ctx, err)
	}
	return nil
}
