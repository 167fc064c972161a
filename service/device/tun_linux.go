package device

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// tunHeadroom is the space in front of packets. The library writes the 10-byte
// offload header there.
const tunHeadroom = 16

// tunDevice is a TUN interface with segmentation offloads both ways.
type tunDevice struct {
	*control
	dev   tun.Device
	log   *slog.Logger
	once  sync.Once
	mu    sync.Mutex // guards stage
	stage stage
}

func openTUN(cfg Config, c *control) (Device, error) {
	fd, err := create(cfg, c, unix.IFF_TUN|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
	if err != nil {
		return nil, err
	}
	// The unmonitored kind has no goroutines that poll for the state of the
	// interface; package netmon watches that.
	dev, _, err := tun.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set up %s: %w", c.name, err)
	}
	d := &tunDevice{control: c, dev: dev, log: cfg.Log}
	if err := d.setMTU(cfg.MTU); err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return d, nil
}

func (d *tunDevice) Name() string         { return d.name }
func (d *tunDevice) Kind() Kind           { return L3 }
func (d *tunDevice) MTU() int             { return d.currentMTU() }
func (d *tunDevice) SetMTU(mtu int) error { return d.setMTU(mtu) }
func (d *tunDevice) BatchSize() int       { return d.dev.BatchSize() }
func (d *tunDevice) Headroom() int        { return tunHeadroom }

func (d *tunDevice) Read(bufs [][]byte, sizes []int) (int, error) {
	n, err := d.read(bufs, sizes)
	if err != nil {
		if fatalRead(err) {
			return 0, err
		}
		// The rest is about one packet: more segments than buffers, an offload that
		// was not asked for.
		d.log.Debug("packet from the host lost", "device", d.name, "err", err)
	}
	return max(n, 0), nil
}

// errOversize is what becomes of a packet larger than the buffers.
var errOversize = errors.New("larger than the MTU was when the buffers were made")

// read guards against the library's one assumption that others can break: it
// slices buffers to the size of segments, which is more than they have if
// another program has raised the interface's MTU.
func (d *tunDevice) read(bufs [][]byte, sizes []int) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, errOversize
		}
	}()
	return d.dev.Read(bufs, sizes, tunHeadroom)
}

// fatalRead reports whether err is the end: the descriptor's own errors are,
// those of the library's parsing are not.
func fatalRead(err error) bool {
	var pe *fs.PathError
	return errors.Is(err, os.ErrClosed) || errors.As(err, &pe)
}

func (d *tunDevice) Write(bufs [][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(bufs) > 0 {
		n := min(len(bufs), maxStaged)
		if staged := d.stage.prepare(bufs[:n]); len(staged) > 0 {
			if _, err := d.dev.Write(staged, tunHeadroom); err != nil {
				if errors.Is(err, os.ErrClosed) {
					return os.ErrClosed
				}
				return fmt.Errorf("write to %s: %w", d.name, err)
			}
		}
		bufs = bufs[n:]
	}
	return nil
}

func (d *tunDevice) Close() error {
	var err error
	d.once.Do(func() {
		err = d.dev.Close()
		d.close()
	})
	return err
}
