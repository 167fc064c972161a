// Package devicetest has a device for tests: channels instead of an interface
// of the operating system. It must not be used outside of tests.
package devicetest

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"orrery/service/device"
)

// depth is how many packets wait in either direction.
const depth = 4096

// Config shapes a [Fake]. Zero values mean: "fake0", L3, the default MTU,
// batches of 128, 16 bytes of headroom.
type Config struct {
	Name      string
	Kind      device.Kind
	MTU       int
	BatchSize int
	Headroom  int
}

// Fake is a device whose host is the test.
type Fake struct {
	cfg     Config
	mtu     atomic.Int64
	toRead  chan []byte
	written chan []byte
	dropped atomic.Uint64
	once    sync.Once
	closed  chan struct{}
}

var _ device.Device = (*Fake)(nil)

// New makes a device.
func New(cfg Config) *Fake {
	if cfg.Name == "" {
		cfg.Name = "fake0"
	}
	if cfg.MTU == 0 {
		cfg.MTU = device.DefaultMTU
	}
	if cfg.BatchSize == 0 {
		cfg.BatchSize = 128
	}
	if cfg.Headroom == 0 {
		cfg.Headroom = 16
	}
	f := &Fake{
		cfg:     cfg,
		toRead:  make(chan []byte, depth),
		written: make(chan []byte, depth),
		closed:  make(chan struct{}),
	}
	f.mtu.Store(int64(cfg.MTU))
	return f
}

// Inject lets the host send packets, as bare packets without headroom. They
// are copied. It waits while too many are unread and stops when the device is
// closed.
func (f *Fake) Inject(packets ...[]byte) {
	for _, p := range packets {
		select {
		case f.toRead <- bytes.Clone(p):
		case <-f.closed:
			return
		}
	}
}

// Take returns the next packet that the host received, without headroom, or
// the context's error, or [os.ErrClosed].
func (f *Fake) Take(ctx context.Context) ([]byte, error) {
	select { // what was written before Close is still there
	case p := <-f.written:
		return p, nil
	default:
	}
	select {
	case p := <-f.written:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.closed:
		return nil, os.ErrClosed
	}
}

// Received returns, without waiting, all packets that the host has received
// since it was last asked.
func (f *Fake) Received() [][]byte {
	var all [][]byte
	for {
		select {
		case p := <-f.written:
			all = append(all, p)
		default:
			return all
		}
	}
}

// Dropped counts packets that nobody took in time.
func (f *Fake) Dropped() uint64 { return f.dropped.Load() }

// Name implements [device.Device].
func (f *Fake) Name() string { return f.cfg.Name }

// Kind implements [device.Device].
func (f *Fake) Kind() device.Kind { return f.cfg.Kind }

// MTU implements [device.Device].
func (f *Fake) MTU() int { return int(f.mtu.Load()) }

// SetMTU implements [device.Device].
func (f *Fake) SetMTU(mtu int) error {
	if mtu < device.MinMTU || mtu > device.MaxMTU {
		return device.ErrMTU
	}
	f.mtu.Store(int64(mtu))
	return nil
}

// BatchSize implements [device.Device].
func (f *Fake) BatchSize() int { return f.cfg.BatchSize }

// Headroom implements [device.Device].
func (f *Fake) Headroom() int { return f.cfg.Headroom }

// Read implements [device.Device]. A packet larger than its buffer is cut.
func (f *Fake) Read(bufs [][]byte, sizes []int) (int, error) {
	select {
	case p := <-f.toRead:
		sizes[0] = copy(bufs[0][f.cfg.Headroom:], p)
	case <-f.closed:
		return 0, os.ErrClosed
	}
	n := 1
	for n < len(bufs) {
		select {
		case p := <-f.toRead:
			sizes[n] = copy(bufs[n][f.cfg.Headroom:], p)
			n++
		default:
			return n, nil
		}
	}
	return n, nil
}

// Write implements [device.Device]. Like a real device it destroys the headroom.
func (f *Fake) Write(bufs [][]byte) error {
	for _, b := range bufs {
		select {
		case <-f.closed:
			return os.ErrClosed
		default:
		}
		p := slices.Clone(b[f.cfg.Headroom:])
		for i := range f.cfg.Headroom {
			b[i] = 0xa5
		}
		select {
		case f.written <- p:
		default:
			f.dropped.Add(1)
		}
	}
	return nil
}

// Close implements [device.Device].
func (f *Fake) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}
