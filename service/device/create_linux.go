package device

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	clonePath = "/dev/net/tun"
	// nameTrials is how many names of a network are tried.
	nameTrials = 256
)

// open creates the interface.
func open(cfg Config) (Device, error) {
	c, err := newControl()
	if err != nil {
		return nil, err
	}
	var d Device
	if cfg.Kind == L2 {
		d, err = openTAP(cfg, c)
	} else {
		d, err = openTUN(cfg, c)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return d, nil
}

// readRaw calls f when the descriptor of an interface can be read. When the
// interface is deleted, Go's poller may give up first, with an error of its own:
// then f gets to know the system's. While the deletion is under way there is none
// yet, so it is closed.
func readRaw(c syscall.RawConn, f func(fd uintptr) bool) error {
	err := c.Read(f)
	if err == nil {
		return nil
	}
	done := false
	if c.Control(func(fd uintptr) { done = f(fd) }) == nil && done {
		return nil
	}
	return fmt.Errorf("%w: %v", os.ErrClosed, err)
}

// create makes the interface by the clone device, which holds it until the
// descriptor is closed, and leaves its name in c.
func create(cfg Config, c *control, flags uint16) (fd int, err error) {
	fd, err = unix.Open(clonePath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", clonePath, err)
	}
	if cfg.Name != "" {
		err = c.take(fd, cfg.Name, flags)
	} else {
		for trial := range uint64(nameTrials) {
			err = c.take(fd, LinuxName(cfg.Network, trial), flags)
			if !errors.Is(err, os.ErrExist) {
				break
			}
		}
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was made
		return -1, err
	}
	return fd, nil
}

// control asks about and changes an interface through a socket in the network
// namespace in which the interface was made.
type control struct {
	fd   int
	name string
	mtu  atomic.Int64
}

func newControl() (*control, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &control{fd: fd}, nil
}

func (c *control) close() { _ = unix.Close(c.fd) } // a datagram socket has nothing left to fail at

// take gives the open clone device the name, unless an interface has it.
func (c *control) take(fd int, name string, flags uint16) error {
	if err := checkName(name); err != nil {
		return err
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	if unix.IoctlIfreq(c.fd, unix.SIOCGIFINDEX, ifr) == nil {
		return fmt.Errorf("create interface %s: %w", name, os.ErrExist)
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = os.ErrExist
		}
		return fmt.Errorf("create interface %s: %w", name, err)
	}
	c.name = name
	return nil
}

// currentMTU is the interface's MTU, or the last known if it is gone.
func (c *control) currentMTU() int {
	ifr, err := unix.NewIfreq(c.name)
	if err == nil && unix.IoctlIfreq(c.fd, unix.SIOCGIFMTU, ifr) == nil {
		c.mtu.Store(int64(ifr.Uint32()))
	}
	return int(c.mtu.Load())
}

// setMTU changes the interface's MTU.
func (c *control) setMTU(mtu int) error {
	if err := checkMTU(mtu); err != nil {
		return err
	}
	ifr, err := unix.NewIfreq(c.name)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrName, c.name)
	}
	ifr.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(c.fd, unix.SIOCSIFMTU, ifr); err != nil {
		return fmt.Errorf("set MTU of %s: %w", c.name, err)
	}
	c.mtu.Store(int64(mtu))
	return nil
}
