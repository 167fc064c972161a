package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// open makes a utun interface. The kernel chooses its number unless cfg.Name
// is "utun" and one.
func open(cfg Config) (Device, error) {
	if cfg.Kind != L3 {
		return nil, fmt.Errorf("%w: tap", ErrUnsupported)
	}
	name := "utun"
	if cfg.Name != "" {
		name = cfg.Name
	}
	dev, err := tun.CreateTUN(name, cfg.MTU)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return newTunnel(dev, cfg.Log)
}

// SetMTU implements [Device].
func (d *tunnel) SetMTU(mtu int) error {
	if err := checkMTU(mtu); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var ifr unix.IfreqMTU
	copy(ifr.Name[:], d.name)
	ifr.MTU = int32(mtu)
	if err := unix.IoctlSetIfreqMTU(fd, &ifr); err != nil {
		return fmt.Errorf("set MTU of %s: %w", d.name, err)
	}
	return nil
}

// fatalRead reports whether err is the end: the descriptor's own errors are,
// those of the library's watching are not.
func fatalRead(err error) bool {
	var pe *fs.PathError
	return errors.Is(err, os.ErrClosed) || errors.As(err, &pe)
}
