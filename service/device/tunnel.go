//go:build windows || darwin

package device

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
)

// tunnelHeadroom is the space in front of packets. utun puts a 4-byte family
// there.
const tunnelHeadroom = 16

// tunnel is a layer 3 device of the library.
type tunnel struct {
	dev  tun.Device
	name string
	log  *slog.Logger
	once sync.Once
}

// newTunnel wraps the library's device and keeps its event channel empty: who
// sends on it must not block, and package netmon watches interfaces.
func newTunnel(dev tun.Device, log *slog.Logger) (*tunnel, error) {
	name, err := dev.Name()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("name of the new interface: %w", err), dev.Close())
	}
	go func() {
		for range dev.Events() { // closed by Close
		}
	}()
	return &tunnel{dev: dev, name: name, log: log}, nil
}

func (d *tunnel) Name() string   { return d.name }
func (d *tunnel) Kind() Kind     { return L3 }
func (d *tunnel) BatchSize() int { return d.dev.BatchSize() }
func (d *tunnel) Headroom() int  { return tunnelHeadroom }

func (d *tunnel) MTU() int {
	mtu, err := d.dev.MTU()
	if err != nil {
		return DefaultMTU
	}
	return mtu
}

func (d *tunnel) Read(bufs [][]byte, sizes []int) (int, error) {
	n, err := d.dev.Read(bufs, sizes, tunnelHeadroom)
	if err != nil {
		if fatalRead(err) {
			return 0, err
		}
		d.log.Debug("packet from the host lost", "device", d.name, "err", err)
	}
	return max(n, 0), nil
}

func (d *tunnel) Write(bufs [][]byte) error {
	// The library stops at a packet that it does not take: go on behind it.
	var lost error
	for len(bufs) > 0 {
		n, err := d.dev.Write(bufs, tunnelHeadroom)
		if err == nil {
			break
		}
		if errors.Is(err, os.ErrClosed) {
			return os.ErrClosed
		}
		lost = err
		bufs = bufs[min(len(bufs), n+1):]
	}
	if lost != nil {
		return fmt.Errorf("write to %s: %w", d.name, lost)
	}
	return nil
}

func (d *tunnel) Close() error {
	var err error
	d.once.Do(func() { err = d.dev.Close() })
	return err
}
