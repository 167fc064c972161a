package device

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"orrery/service/device/offload"
)

const (
	// tunHeadroom is the space in front of packets, for the offload header.
	tunHeadroom = 16
	// tunBatch is how many packets one Read collects at most.
	tunBatch = offload.MaxBatch
	// superLen is the most that one system call can bring.
	superLen = offload.HeaderLen + 65535 + 40
)

// tunDevice is a TUN interface with segmentation offloads both ways. There may be
// a hundred of them: what is large is shared by all, and taken only while there
// are packets.
type tunDevice struct {
	*control
	log  *slog.Logger
	file *os.File
	raw  syscall.RawConn
	udp  bool // whether the system joins datagrams
	once sync.Once
	// closed is set before the file is closed: what a raw connection then
	// returns is no error that can be recognised.
	closed atomic.Bool

	reading sync.Mutex // guards in
	in      tunInput
	writing sync.Mutex // guards out
	out     tunOutput
}

// tunInput is the state of a Read.
type tunInput struct {
	readable func(fd uintptr) bool // tunDevice.readAll, made once
	waits    func(fd uintptr) bool // tunDevice.hasInput, made once
	bufs     [][]byte
	sizes    []int
	n        int
	err      error
	// super is being split. Its memory goes back when all is out.
	super  offload.Splitter
	memory *[superLen]byte
}

// tunOutput is the state of a Write.
type tunOutput struct {
	writable func(fd uintptr) bool // tunDevice.writeAll, made once
	bufs     [][]byte
	err      error
}

// supers has memory for packets being split, joiners what joining needs. Both are
// shared by all devices.
var (
	supers  = sync.Pool{New: func() any { return new([superLen]byte) }}
	joiners = sync.Pool{New: func() any { return new(joiner) }}
)

// joiner is a Joiner and the list of pieces for the system.
type joiner struct {
	offload.Joiner
	vec [offload.MaxBatch]unix.Iovec
}

func openTUN(cfg Config, c *control) (Device, error) {
	fd, err := create(cfg, c, unix.IFF_TUN|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
	if err != nil {
		return nil, err
	}
	d := &tunDevice{control: c, log: cfg.Log}
	if d.udp, err = setOffloads(fd); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set up %s: %w", c.name, err)
	}
	d.file = os.NewFile(uintptr(fd), clonePath)
	d.in.readable, d.in.waits, d.out.writable = d.readAll, d.hasInput, d.writeAll
	if d.raw, err = d.file.SyscallConn(); err == nil {
		err = d.setMTU(cfg.MTU)
	}
	if err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	return d, nil
}

// setOffloads has the system hand over what it would cut itself, and reports
// whether that includes datagrams, which is so since Linux 6.2.
func setOffloads(fd int) (udp bool, err error) {
	const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp|unix.TUN_F_USO4|unix.TUN_F_USO6); err == nil {
		return true, nil
	}
	return false, os.NewSyscallError("TUNSETOFFLOAD", unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp))
}

func (d *tunDevice) Name() string         { return d.name }
func (d *tunDevice) Kind() Kind           { return L3 }
func (d *tunDevice) MTU() int             { return d.currentMTU() }
func (d *tunDevice) SetMTU(mtu int) error { return d.setMTU(mtu) }
func (d *tunDevice) BatchSize() int       { return tunBatch }
func (d *tunDevice) Headroom() int        { return tunHeadroom }

// Wait implements [Waiter].
func (d *tunDevice) Wait() error {
	d.reading.Lock()
	defer d.reading.Unlock()
	if d.in.super.More() {
		return nil
	}
	if err := d.raw.Read(d.in.waits); err != nil && d.closed.Load() {
		return os.ErrClosed
	}
	return nil // with another error, Read finds out what it means
}

// hasInput reports whether a read would not wait.
func (d *tunDevice) hasInput(fd uintptr) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p[:], 0)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

// ended recognises the error of a closed descriptor.
func (d *tunDevice) ended(err error) error {
	if err != nil && d.closed.Load() {
		return os.ErrClosed
	}
	return err
}

func (d *tunDevice) Read(bufs [][]byte, sizes []int) (int, error) {
	d.reading.Lock()
	defer d.reading.Unlock()
	in := &d.in
	in.bufs, in.sizes, in.n, in.err = bufs, sizes, 0, nil
	d.split()
	var err error
	if in.n == 0 {
		if err = d.ended(readRaw(d.raw, in.readable)); err == nil {
			err = in.err
		}
	}
	in.bufs, in.sizes = nil, nil
	return in.n, err
}

// split puts out packets of what was read last, as far as there are buffers.
func (d *tunDevice) split() {
	in := &d.in
	for in.super.More() && in.n < len(in.bufs) {
		size := in.super.Next(in.bufs[in.n][tunHeadroom:])
		if size < 0 {
			// Another program has raised the interface's MTU.
			d.log.Debug("packet from the host lost: larger than the MTU was when the buffers were made", "device", d.name)
			continue
		}
		in.sizes[in.n] = size
		in.n++
	}
	if !in.super.More() && in.memory != nil {
		supers.Put(in.memory)
		in.memory = nil
	}
}

// readAll reads until there is nothing more or no more buffers. It reports false
// if there was nothing.
func (d *tunDevice) readAll(fd uintptr) bool {
	in := &d.in
	for in.n < len(in.bufs) {
		if in.memory == nil {
			in.memory = supers.Get().(*[superLen]byte)
		}
		n, err := unix.Read(int(fd), in.memory[:])
		switch {
		case err == nil:
			if err := in.super.Begin(in.memory[:n]); err != nil {
				d.log.Debug("packet from the host lost", "device", d.name, "err", err)
			}
			d.split()
			continue
		case errors.Is(err, unix.EINTR):
			continue
		}
		d.split() // gives the memory back
		switch {
		case errors.Is(err, unix.EAGAIN):
			return in.n > 0
		case in.n > 0: // the next Read meets the error again
		case errors.Is(err, unix.EBADFD): // the interface was deleted
			in.err = os.ErrClosed
		default:
			in.err = fmt.Errorf("read from %s: %w", d.name, err)
		}
		return true
	}
	return true
}

func (d *tunDevice) Write(bufs [][]byte) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	var lost error
	for len(bufs) > 0 {
		n := min(len(bufs), offload.MaxBatch)
		d.out.bufs, d.out.err = bufs[:n], nil
		err := d.ended(d.raw.Write(d.out.writable))
		d.out.bufs = nil
		if err == nil {
			err = d.out.err
		}
		if errors.Is(err, os.ErrClosed) {
			return os.ErrClosed
		}
		if err != nil {
			lost = fmt.Errorf("write to %s: %w", d.name, err)
		}
		bufs = bufs[n:]
	}
	return lost
}

// writeAll writes a batch. It never waits: the system takes a packet or drops it.
func (d *tunDevice) writeAll(fd uintptr) bool {
	j := joiners.Get().(*joiner)
	defer joiners.Put(j)
	j.UDP = d.udp
	j.Begin(d.out.bufs, tunHeadroom)
	for pieces := j.Next(); pieces != nil; pieces = j.Next() {
		if err := j.write(fd, pieces); err != nil {
			d.out.err = err
		}
	}
	return true
}

// write hands the system one packet in pieces.
func (j *joiner) write(fd uintptr, pieces [][]byte) error {
	for i, p := range pieces {
		j.vec[i].Base = unsafe.SliceData(p)
		j.vec[i].SetLen(len(p))
	}
	_, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&j.vec)), uintptr(len(pieces)))
	clear(j.vec[:len(pieces)])
	switch errno {
	case 0:
		return nil
	case unix.EBADFD: // the interface was deleted
		return os.ErrClosed
	}
	return errno
}

func (d *tunDevice) Close() error {
	var err error
	d.once.Do(func() {
		d.closed.Store(true)
		err = d.file.Close()
		d.close()
	})
	return err
}
