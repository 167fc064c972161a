package device

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"orrery/engine/identity"
)

// tapBatch is how many frames one Read collects at most.
const tapBatch = 64

// tapDevice is a TAP interface: Ethernet, one frame per system call.
type tapDevice struct {
	*control
	mac  identity.MAC
	file *os.File
	raw  syscall.RawConn
	once sync.Once
	// closed is set before the file is closed: what a raw connection then
	// returns is no error that can be recognised.
	closed atomic.Bool

	mu sync.Mutex // guards what follows, the state of a Read
	// readable is d.readAll, made once.
	readable func(fd uintptr) bool
	bufs     [][]byte
	sizes    []int
	n        int
	err      error
}

func openTAP(cfg Config, c *control) (Device, error) {
	fd, err := create(cfg, c, unix.IFF_TAP|unix.IFF_NO_PI)
	if err != nil {
		return nil, err
	}
	d := &tapDevice{control: c, mac: cfg.MAC, file: os.NewFile(uintptr(fd), clonePath)}
	d.readable = d.readAll
	if d.raw, err = d.file.SyscallConn(); err == nil {
		if cfg.MAC != 0 {
			err = setMAC(c.name, cfg.MAC)
		}
		if err == nil {
			err = d.setMTU(cfg.MTU)
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	return d, nil
}

// KeepMAC gives the interface its MAC again if another program has changed it, as
// programs that configure every new interface do. With another one, nothing that
// this computer sends into the network would be taken.
func (d *tapDevice) KeepMAC() error {
	if d.mac == 0 {
		return nil
	}
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return fmt.Errorf("look for interface %s: %w", d.name, err)
	}
	if bytes.Equal(link.Attrs().HardwareAddr, d.mac.Append(nil)) {
		return nil
	}
	return setMAC(d.name, d.mac)
}

// setMAC gives the interface the network's MAC.
func setMAC(name string, mac identity.MAC) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetHardwareAddr(link, net.HardwareAddr(mac.Append(nil)))
	}
	if err != nil {
		return fmt.Errorf("set MAC of %s to %v: %w", name, mac, err)
	}
	return nil
}

func (d *tapDevice) Name() string         { return d.name }
func (d *tapDevice) Kind() Kind           { return L2 }
func (d *tapDevice) MTU() int             { return d.currentMTU() }
func (d *tapDevice) SetMTU(mtu int) error { return d.setMTU(mtu) }
func (d *tapDevice) BatchSize() int       { return tapBatch }
func (d *tapDevice) Headroom() int        { return 0 }

func (d *tapDevice) Read(bufs [][]byte, sizes []int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bufs, d.sizes, d.n, d.err = bufs, sizes, 0, nil
	err := readRaw(d.raw, d.readable)
	d.bufs, d.sizes = nil, nil
	switch {
	case err == nil:
		err = d.err
	case d.closed.Load():
		err = os.ErrClosed
	}
	return d.n, err
}

// readAll reads frames until there are no more or no more buffers. It reports
// false if there was none.
func (d *tapDevice) readAll(fd uintptr) bool {
	for d.n < len(d.bufs) {
		n, err := unix.Read(int(fd), d.bufs[d.n])
		switch {
		case err == nil:
			d.sizes[d.n] = n
			d.n++
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return d.n > 0
		case d.n > 0:
			return true // the next Read meets the error again
		case errors.Is(err, unix.EBADFD): // the interface was deleted
			d.err = os.ErrClosed
			return true
		default:
			d.err = fmt.Errorf("read from %s: %w", d.name, err)
			return true
		}
	}
	return true
}

func (d *tapDevice) Write(bufs [][]byte) error {
	var lost error
	for _, b := range bufs {
		if _, err := d.file.Write(b); err != nil {
			if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADFD) {
				return os.ErrClosed
			}
			lost = err
		}
	}
	if lost != nil {
		return fmt.Errorf("write to %s: %w", d.name, lost)
	}
	return nil
}

func (d *tapDevice) Close() error {
	var err error
	d.once.Do(func() {
		d.closed.Store(true)
		err = d.file.Close()
		d.close()
	})
	return err
}
