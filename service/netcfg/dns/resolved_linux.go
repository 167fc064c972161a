package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

const (
	resolvedName = "org.freedesktop.resolve1"
	resolvedPath = "/org/freedesktop/resolve1"
	resolvedCall = "org.freedesktop.resolve1.Manager."
	resolvedLink = "org.freedesktop.resolve1.Link"
)

// resolved is systemd-resolved, which keeps servers and domains by interface.
type resolved struct{ bus *bus }

// linkServer and linkDomain are what it takes.
type (
	linkServer struct {
		Family  int32
		Address []byte
	}
	linkDomain struct {
		Domain  string
		Routing bool // not for completing short names
	}
)

func (*resolved) name() string    { return string(ownerResolved) }
func (*resolved) transient() bool { return true }

func (*resolved) entry(w *wish) entry {
	return entry{By: string(ownerResolved), Network: w.network, Interface: w.device, Index: w.index}
}

// able implements resolver. It asks nobody by an interface without addresses,
// and the name servers of a bridge are the system's.
func (*resolved) able(w *wish) error {
	if w.bridge == "" {
		return nil
	}
	return unsupportedHere("The network's device is in the bridge "+w.bridge+", and systemd-resolved keeps name servers by interface: those of the bridge are the system's.",
		"Add the network's servers and domain to the bridge where it is configured.")
}

// apply implements resolver.
func (r *resolved) apply(ctx context.Context, w *wish) (bool, error) {
	servers := make([]linkServer, 0, len(w.servers))
	for _, a := range w.servers {
		family := int32(unix.AF_INET6)
		if a.Is4() {
			family = unix.AF_INET
		}
		servers = append(servers, linkServer{family, a.AsSlice()})
	}
	var domains []linkDomain
	if w.domain != "" {
		domains = append(domains, linkDomain{Domain: w.domain})
	}
	if w.all {
		domains = append(domains, linkDomain{Domain: ".", Routing: true})
	}
	apart, err := r.apart(ctx)
	if err != nil {
		return false, r.explain(err)
	}
	if apart {
		return false, unsupportedHere("systemd-resolved does not see the network's interface: it runs in another network namespace than this service.",
			"Run the service where systemd-resolved runs.")
	}
	if same, err := r.has(ctx, w, servers, domains); same || err != nil {
		return false, r.explain(err)
	}
	// First what keeps other queries away, and the servers last.
	switch err := r.set(ctx, "SetLinkDefaultRoute", w.index, w.all); {
	case named(err, "org.freedesktop.DBus.Error.UnknownMethod"):
		// Before version 240 an interface gets all queries unless its domains
		// are for routing only.
		for i := range domains {
			domains[i].Routing = true
		}
	case err != nil:
		return false, r.explain(err)
	}
	if err := r.set(ctx, "SetLinkDomains", w.index, domains); err != nil {
		return true, r.explain(err)
	}
	// The servers of a private domain can neither prove it to a validating
	// resolver nor need TLS within the network. Not all versions know these.
	var trusted []string
	if w.domain != "" {
		trusted = []string{w.domain}
	}
	for _, c := range []struct {
		method string
		arg    any
	}{{"SetLinkDNSSECNegativeTrustAnchors", trusted}, {"SetLinkDNSOverTLS", "no"}} {
		if err := r.set(ctx, c.method, w.index, c.arg); errors.Is(err, context.DeadlineExceeded) {
			return true, r.explain(err)
		}
	}
	if err := r.set(ctx, "SetLinkDNS", w.index, servers); err != nil {
		return true, r.explain(err)
	}
	_, err = r.bus.call(ctx, resolvedName, resolvedPath, resolvedCall+"FlushCaches")
	if errors.Is(err, context.DeadlineExceeded) {
		return true, r.explain(err)
	}
	return true, nil
}

// apart reports whether the resolver is known to have other interfaces, of which
// one may have our index: it is in another network namespace, as the host's is
// for a service in a container. It fails only if the bus does not answer.
func (r *resolved) apart(ctx context.Context) (bool, error) {
	const bus = "org.freedesktop.DBus"
	body, err := r.bus.call(ctx, bus, "/org/freedesktop/DBus", bus+".GetConnectionUnixProcessID", resolvedName)
	var pid uint32
	if errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	if err != nil || dbus.Store(body, &pid) != nil {
		return false, nil
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return false, nil
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return err == nil && ours != theirs, nil
}

// set calls a method of the manager for an interface.
func (r *resolved) set(ctx context.Context, method string, index int, arg any) error {
	_, err := r.bus.call(ctx, resolvedName, resolvedPath, resolvedCall+method, int32(index), arg)
	return err
}

// has reports whether the interface has just these servers and domains.
func (r *resolved) has(ctx context.Context, w *wish, servers []linkServer, domains []linkDomain) (bool, error) {
	body, err := r.bus.call(ctx, resolvedName, resolvedPath, resolvedCall+"GetLink", int32(w.index))
	if named(err, "org.freedesktop.resolve1.NoSuchLink") {
		return false, &problem{
			state: Failed, reason: "systemd-resolved does not know the network's interface " + w.device + " yet.",
			advice: "It is tried again by itself.", err: err,
		}
	}
	if err != nil {
		return false, err
	}
	var path dbus.ObjectPath
	if err := dbus.Store(body, &path); err != nil {
		return false, err
	}
	all, err := r.bus.getAll(ctx, resolvedName, path, resolvedLink)
	if err != nil {
		return false, err
	}
	var haveServers []linkServer
	var haveDomains []linkDomain
	if all["DNS"].Store(&haveServers) != nil || all["Domains"].Store(&haveDomains) != nil {
		return false, nil // a form that we do not know: set it
	}
	for _, d := range []*[]linkDomain{&haveDomains, &domains} {
		*d = slices.Clone(*d)
		slices.SortFunc(*d, func(a, b linkDomain) int { return strings.Compare(a.Domain, b.Domain) })
	}
	defaults := w.all
	if v, ok := all["DefaultRoute"]; ok {
		defaults, _ = v.Value().(bool)
	} else { // before version 240
		for i := range domains {
			domains[i].Routing = true
		}
	}
	same := slices.EqualFunc(haveServers, servers, func(a, b linkServer) bool {
		return a.Family == b.Family && string(a.Address) == string(b.Address)
	})
	return same && defaults == w.all && slices.Equal(haveDomains, domains), nil
}

// explain makes of errors what people can do something about.
func (r *resolved) explain(err error) error {
	var p *problem
	switch {
	case err == nil || errors.As(err, &p):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{
			state: Failed, reason: "systemd-resolved does not answer.",
			advice: "It is tried again by itself. If it stays so: systemctl restart systemd-resolved.", err: err,
		}
	case absent(err) || named(err, "org.freedesktop.DBus.Error.Spawn.ChildExited", "org.freedesktop.systemd1.NoSuchUnit"):
		return &problem{
			state: Failed, reason: "systemd-resolved does not run, although /etc/resolv.conf leads to it.",
			advice: "Start it: systemctl start systemd-resolved.", err: err,
		}
	case named(err, "org.freedesktop.resolve1.LinkBusy"):
		return &problem{
			state: Failed, reason: "systemd-networkd manages the network's interface and does not let others set its name servers.",
			advice: "Take the interface out of the .network files of systemd-networkd, for instance with Unmanaged=yes for Kind=tun.", err: err,
		}
	case named(err, "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"):
		return &problem{
			state: Failed, reason: "systemd-resolved does not let this service set name servers.",
			advice: "The service must run as root.", err: err,
		}
	}
	return err
}

// undo implements resolver. What belongs to an interface that is gone is gone
// with it, and so is what a resolver had that does not run.
func (r *resolved) undo(ctx context.Context, e entry) error {
	i, err := net.InterfaceByName(e.Interface)
	if err != nil || i.Index != e.Index {
		return nil
	}
	if _, err := r.bus.connect(); err != nil {
		return nil
	}
	if !r.bus.owned(ctx, resolvedName) {
		return ctx.Err()
	}
	if apart, err := r.apart(ctx); apart || err != nil {
		return err
	}
	_, err = r.bus.call(ctx, resolvedName, resolvedPath, resolvedCall+"RevertLink", int32(e.Index))
	if absent(err) || named(err, "org.freedesktop.resolve1.NoSuchLink") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("revert %s: %w", e.Interface, err)
	}
	_, _ = r.bus.call(ctx, resolvedName, resolvedPath, resolvedCall+"FlushCaches") // answers of the network must not stay
	return nil
}
