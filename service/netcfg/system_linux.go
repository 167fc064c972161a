package netcfg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// linux works by netlink, in the network namespace in which it was made.
type linux struct {
	h *netlink.Handle
	// lister asks for routes. Where the kernel can, it selects those of an
	// interface itself, which matters on routers.
	lister *netlink.Handle
}

func newSystem() (system, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	lister, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	_ = lister.SetStrictCheck(true) // before Linux 4.20 the library selects
	return &linux{h: h, lister: lister}, nil
}

func (*linux) platform() platform {
	return platform{implied: true, generates: true, policy: true, gateways: true, sources: true, routed: true}
}

func (l *linux) close() {
	l.h.Close()
	l.lister.Close()
}

// boot is the kernel's identifier of this boot.
func (*linux) boot() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // then a journal is believed, and what is gone is gone
	}
	return strings.TrimSpace(string(b))
}

// dump repeats a listing that changes interrupted.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for try := 0; ; try++ {
		all, err := list()
		if try < 4 && errors.Is(err, netlink.ErrDumpInterrupted) {
			continue
		}
		return all, err
	}
}

func (l *linux) link(ifname string) (netlink.Link, error) {
	link, err := l.h.LinkByName(ifname)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	if err != nil {
		return nil, fmt.Errorf("look for interface %s: %w", ifname, err)
	}
	return link, nil
}

func (l *linux) observe(ifname string) (*observed, error) {
	link, err := l.link(ifname)
	if err != nil {
		return nil, err
	}
	at := link.Attrs()
	o := newObserved(at.Index)
	o.settings[KindMTU] = at.MTU
	o.settings[KindUp] = 0
	if at.Flags&net.FlagUp != 0 {
		o.settings[KindUp] = 1
	}
	if mode, err := readGenMode(ifname); err == nil {
		o.settings[KindLinkLocal] = mode
	} else {
		o.settings[KindLinkLocal] = genNone // no IPv6: nothing generates
	}
	if err := l.observeAddresses(o, link); err != nil {
		return nil, err
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		if err := l.observeRoutes(o, ifname, family); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// genModePath is the sysctl that says how link-local addresses are generated.
// Netlink can set it, but tells it only in a form that the library leaves out.
func genModePath(ifname string) string {
	return "/proc/sys/net/ipv6/conf/" + ifname + "/addr_gen_mode"
}

func readGenMode(ifname string) (int, error) {
	b, err := os.ReadFile(genModePath(ifname))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

func (l *linux) observeAddresses(o *observed, link netlink.Link) error {
	addrs, err := dump(func() ([]netlink.Addr, error) { return l.h.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range addrs {
		if p, ok := prefixOf(a.IPNet); ok {
			o.note(Item{Kind: KindAddress, Interface: link.Attrs().Name, Prefix: p})
		}
	}
	return nil
}

func (l *linux) observeRoutes(o *observed, ifname string, family int) error {
	filter := &netlink.Route{LinkIndex: o.index, Table: unix.RT_TABLE_UNSPEC}
	routes, err := dump(func() ([]netlink.Route, error) {
		return l.lister.RouteListFiltered(family, filter, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
	})
	if missingFamily(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list routes of %s: %w", ifname, err)
	}
	any := unspecified(family)
	for _, r := range routes {
		it := Item{Kind: KindRoute, Interface: ifname, Prefix: netip.PrefixFrom(any, 0), Metric: r.Priority}
		if r.Table != unix.RT_TABLE_MAIN {
			it.Table = r.Table
		}
		if p, ok := prefixOf(r.Dst); ok {
			it.Prefix = p
		}
		it.Via, _ = netip.AddrFromSlice(r.Gw)
		it.Source, _ = netip.AddrFromSlice(r.Src)
		it.Via, it.Source = it.Via.Unmap(), it.Source.Unmap()
		o.note(it)
	}
	rules, err := dump(func() ([]netlink.Rule, error) { return l.h.RuleList(family) })
	if missingFamily(err) {
		return nil // nor policy routing
	}
	if err != nil {
		return fmt.Errorf("list routing rules: %w", err)
	}
	for _, r := range rules {
		if r.Priority == mainRank || r.Priority == markRank {
			o.note(Item{
				Kind: KindRule, Interface: ifname, Prefix: netip.PrefixFrom(any, 0),
				Table: r.Table, Mark: r.Mark, Rank: r.Priority,
			})
		}
	}
	return nil
}

func (l *linux) do(it Item) error {
	link, err := l.link(it.Interface)
	if err != nil {
		return err
	}
	switch it.Kind {
	case KindMTU:
		return l.h.LinkSetMTU(link, it.Value)
	case KindUp:
		return l.setUp(link, it.Value)
	case KindLinkLocal:
		return l.h.LinkSetIP6AddrGenMode(link, it.Value)
	case KindAddress:
		return existing(l.h.AddrAdd(link, addrOf(it)))
	case KindRoute:
		return existing(l.h.RouteAdd(routeOf(it, link.Attrs().Index)))
	case KindRule:
		return existing(l.h.RuleAdd(ruleOf(it)))
	}
	return errors.ErrUnsupported
}

func (l *linux) undo(it Item) error {
	if it.Kind == KindRule {
		return gone(l.h.RuleDel(ruleOf(it)))
	}
	link, err := l.link(it.Interface)
	if errors.Is(err, ErrNoInterface) {
		return nil
	}
	if err != nil {
		return err
	}
	switch it.Kind {
	case KindMTU:
		return gone(l.h.LinkSetMTU(link, it.Before))
	case KindUp:
		return gone(l.setUp(link, it.Before))
	case KindLinkLocal:
		return gone(l.h.LinkSetIP6AddrGenMode(link, it.Before))
	case KindAddress:
		return gone(l.h.AddrDel(link, addrOf(it)))
	case KindRoute:
		return gone(l.h.RouteDel(routeOf(it, link.Attrs().Index)))
	}
	return errors.ErrUnsupported
}

func (l *linux) setUp(link netlink.Link, up int) error {
	if up == 0 {
		return l.h.LinkSetDown(link)
	}
	return l.h.LinkSetUp(link)
}

// addrOf is the kernel's form of an address: permanent, usable at once. The
// controller has assigned it, so there is no use in looking for a duplicate
// before (spec 04 §15.6).
func addrOf(it Item) *netlink.Addr {
	a := &netlink.Addr{IPNet: netOf(it.Prefix)}
	if it.Prefix.Addr().Is4() {
		a.Label = it.Interface
	} else {
		a.Flags = unix.IFA_F_NODAD
	}
	if it.Prefix.Addr().IsLinkLocalUnicast() {
		a.Scope = unix.RT_SCOPE_LINK
	}
	return a
}

// routeOf is the kernel's form of a route.
func routeOf(it Item, index int) *netlink.Route {
	r := &netlink.Route{
		LinkIndex: index,
		Dst:       netOf(it.Prefix),
		Priority:  it.Metric,
		Protocol:  unix.RTPROT_STATIC,
		Table:     unix.RT_TABLE_MAIN,
		Type:      unix.RTN_UNICAST,
	}
	if it.Table != 0 {
		r.Table = it.Table
	}
	if it.Via.IsValid() {
		r.Gw = it.Via.AsSlice()
	} else if it.Prefix.Addr().Is4() {
		r.Scope = netlink.SCOPE_LINK
	}
	if it.Source.IsValid() {
		r.Src = it.Source.AsSlice()
	}
	if it.OnLink {
		r.Flags = int(netlink.FLAG_ONLINK)
	}
	return r
}

// ruleOf is the kernel's form of a rule. The one without a mark lets the main
// table answer with all but its default route.
func ruleOf(it Item) *netlink.Rule {
	r := netlink.NewRule()
	r.Family = netlink.FAMILY_V4
	if it.Prefix.Addr().Is6() {
		r.Family = netlink.FAMILY_V6
	}
	r.Priority, r.Table = it.Rank, it.Table
	if it.Mark != 0 {
		r.Mark, r.Invert = it.Mark, true
	} else {
		r.SuppressPrefixlen = 0
	}
	return r
}

func netOf(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	p := netip.PrefixFrom(ip.Unmap(), ones)
	return p, ok && p.IsValid()
}

func unspecified(family int) netip.Addr {
	if family == netlink.FAMILY_V4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// existing turns the kernel's word for an item that is there into ours.
func existing(err error) error {
	if errors.Is(err, unix.EEXIST) {
		return errExists
	}
	return err
}

// gone forgives what means that there was nothing to undo.
func gone(err error) error {
	for _, e := range []unix.Errno{unix.ESRCH, unix.ENOENT, unix.EADDRNOTAVAIL, unix.ENODEV, unix.ENXIO} {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// missingFamily reports whether the kernel lacks IPv6 or policy routing.
func missingFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}
