package netcfg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"time"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// commandTimeout bounds one command.
const commandTimeout = 10 * time.Second

// darwin reads by system calls and changes by ifconfig and route.
type darwin struct{}

func newSystem() (system, error) { return darwin{}, nil }

func (darwin) platform() platform { return platform{} }

func (darwin) close() {}

// boot is the kernel's identifier of this boot.
func (darwin) boot() string {
	s, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "" // then a journal is believed, and what is gone is gone
	}
	return s
}

func (darwin) observe(ifname string) (*observed, error) {
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	o := newObserved(i.Index)
	o.settings[KindMTU] = i.MTU
	o.settings[KindUp] = 0
	if i.Flags&net.FlagUp != 0 {
		o.settings[KindUp] = 1
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", ifname, err)
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ones, _ := n.Mask.Size()
		o.note(Item{Kind: KindAddress, Interface: ifname, Prefix: withoutZone(netip.PrefixFrom(ip.Unmap(), ones))})
	}
	return o, observeRoutes(o, ifname)
}

// observeRoutes reads the targets of the interface's routes.
func observeRoutes(o *observed, ifname string) error {
	b, err := route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	msgs, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, m := range msgs {
		r, ok := m.(*route.RouteMessage)
		if !ok || r.Index != o.index || r.Flags&unix.RTF_UP == 0 || len(r.Addrs) <= unix.RTAX_NETMASK {
			continue
		}
		if p, ok := routePrefix(r); ok {
			o.note(Item{Kind: KindRoute, Interface: ifname, Prefix: p})
		}
	}
	return nil
}

// routePrefix is the target of a routing message. Its mask may be missing,
// which means a host route.
func routePrefix(r *route.RouteMessage) (netip.Prefix, bool) {
	switch dst := r.Addrs[unix.RTAX_DST].(type) {
	case *route.Inet4Addr:
		bits := 32
		if m, ok := r.Addrs[unix.RTAX_NETMASK].(*route.Inet4Addr); ok {
			bits, _ = net.IPMask(m.IP[:]).Size()
		} else if r.Flags&unix.RTF_HOST == 0 {
			bits = 0
		}
		return netip.PrefixFrom(netip.AddrFrom4(dst.IP), bits), true
	case *route.Inet6Addr:
		bits := 128
		if m, ok := r.Addrs[unix.RTAX_NETMASK].(*route.Inet6Addr); ok {
			bits, _ = net.IPMask(m.IP[:]).Size()
		} else if r.Flags&unix.RTF_HOST == 0 {
			bits = 0
		}
		return netip.PrefixFrom(netip.AddrFrom16(dst.IP), bits), true
	}
	return netip.Prefix{}, false
}

func (darwin) do(it Item) error {
	c, err := macDo(it)
	if err != nil {
		return err
	}
	return c.run()
}

func (d darwin) undo(it Item) error {
	if _, err := net.InterfaceByName(it.Interface); err != nil {
		return nil // it went with the interface
	}
	if !it.Kind.setting() {
		// The tools do not tell "not there" from other errors, so look.
		now, err := d.observe(it.Interface)
		if errors.Is(err, ErrNoInterface) || err == nil && !now.has(it) {
			return nil
		}
	}
	c, err := macUndo(it)
	if err != nil {
		return err
	}
	return c.run()
}

// run runs the command and reports what it printed if it failed.
func (c command) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, c.path, c.args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", c.path, err, bytes.TrimSpace(out))
	}
	return nil
}
