//go:build linux

package demo

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// namespace is a network namespace without a name: it lasts as long as this
// handle is open or a process is in it.
type namespace struct{ handle netns.NsHandle }

// newNamespace makes a namespace with nothing but a loopback device.
func newNamespace() (*namespace, error) {
	n := &namespace{handle: netns.None()}
	err := away(func() error {
		var err error
		if n.handle, err = netns.New(); err != nil {
			return fmt.Errorf("make a network namespace (in a container this needs --privileged): %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = n.configure(func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.LinkSetUp(lo)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("switch the loopback device on: %w", err), n.close())
	}
	return n, nil
}

// away runs do on a thread of its own, which may change its namespace, and comes
// back. A thread that could not come back is not used again.
func away(do func() error) error {
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			failed <- fmt.Errorf("find the current network namespace: %w", err)
			return
		}
		defer home.Close()
		err = do()
		if back := netns.Set(home); back != nil {
			failed <- errors.Join(err, fmt.Errorf("return from a network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
		failed <- err
	}()
	return <-failed
}

// start starts a command in the namespace.
func (n *namespace) start(cmd *exec.Cmd) error {
	return away(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return cmd.Start()
	})
}

// configure changes the namespace's devices.
func (n *namespace) configure(do func(*netlink.Handle) error) error {
	h, err := netlink.NewHandleAt(n.handle, 0)
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

func (n *namespace) close() error { return n.handle.Close() }

// bridgeName is the device that joins the wires.
const bridgeName = "switch"

// addBridge makes the namespace an Ethernet switch.
func (n *namespace) addBridge() error {
	return n.configure(func(h *netlink.Handle) error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
		if err := h.LinkAdd(bridge); err != nil {
			return fmt.Errorf("make a switch: %w", err)
		}
		if err := h.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("switch the switch on: %w", err)
		}
		return nil
	})
}

// plug lays a wire from a switch to a namespace, whose end gets an address.
func (n *namespace) plug(to *namespace, port string, address *net.IPNet) error {
	err := n.configure(func(h *netlink.Handle) error {
		bridge, err := h.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		wire := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: port, MasterIndex: bridge.Attrs().Index}, PeerName: "eth0", PeerNamespace: netlink.NsFd(to.handle),
		}
		if err := h.LinkAdd(wire); err != nil {
			return err
		}
		return h.LinkSetUp(wire)
	})
	if err != nil {
		return fmt.Errorf("lay a wire to %s: %w", port, err)
	}
	err = to.configure(func(h *netlink.Handle) error {
		link, err := h.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := h.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
			return err
		}
		return h.LinkSetUp(link)
	})
	if err != nil {
		return fmt.Errorf("set up the wire of %s: %w", port, err)
	}
	return nil
}
