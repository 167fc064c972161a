package device

import (
	"errors"
	"log/slog"

	"orrery/engine/identity"
)

const (
	// MinMTU and MaxMTU bound the MTU of a network (spec 04 §11.5).
	MinMTU = 1280
	MaxMTU = 10000
	// DefaultMTU is a network's MTU while its controller has named none.
	DefaultMTU = 2800
)

var (
	// ErrUnsupported is returned by [Open] for a kind of device that the system
	// does not have: TAP is Linux only.
	ErrUnsupported = errors.New("this system has no such kind of network device")
	// ErrMTU is returned for an MTU outside of MinMTU to MaxMTU.
	ErrMTU = errors.New("MTU out of range")
	// ErrName is returned for an interface name that the system cannot have.
	ErrName = errors.New("not an interface name")
)

// Kind says what a device carries.
type Kind uint8

const (
	// L3 devices carry IP packets, without any link header.
	L3 Kind = iota
	// L2 devices carry Ethernet frames: 14 bytes of header and the payload,
	// without a check sequence.
	L2
)

// String returns "tun" or "tap".
func (k Kind) String() string {
	if k == L2 {
		return "tap"
	}
	return "tun"
}

// Device is a virtual network device. One goroutine may read while another
// writes; Close may be called from any and ends both.
type Device interface {
	// Name is the interface's name, as the system's tools show it.
	Name() string
	Kind() Kind
	// MTU is the current MTU: the largest IP packet, without Ethernet header.
	MTU() int
	// SetMTU changes the MTU, within MinMTU and MaxMTU.
	SetMTU(mtu int) error
	// BatchSize is how many buffers Read and Write should be given at most and
	// Read at least, to work well.
	BatchSize() int
	// Headroom is how many bytes at the start of every buffer belong to the
	// device.
	Headroom() int
	// Read waits for packets and puts packet i, sizes[i] bytes, into bufs[i]
	// after Headroom bytes. Every buffer needs Headroom, MTU and, for L2, 18
	// bytes. It returns how many it filled, which can be 0, and never returns
	// an error that a later call could do without: after one, close the device.
	// The error is [os.ErrClosed] after Close and when the interface was
	// deleted.
	Read(bufs [][]byte, sizes []int) (n int, err error)
	// Write hands packets to the system: each buffer is Headroom bytes and a
	// packet. It uses the headroom and may change the packets, but nothing past
	// their length. [os.ErrClosed] is as for Read; another error means that
	// some of the packets were lost, as they are while the interface is down.
	Write(bufs [][]byte) error
	// Close removes the interface.
	Close() error
}

// Waiter is implemented by devices whose Read need not be called before there is
// something to read, so that nobody holds buffers for a device that is idle.
type Waiter interface {
	// Wait returns nil when Read would not wait; its error is as Read's. One
	// goroutine may wait or read at a time.
	Wait() error
}

// Config says which device to open.
type Config struct {
	// Network gives the interface its name.
	Network identity.NetworkID
	// Name overrides that, if it is not empty and the system lets one choose.
	Name string
	Kind Kind
	// MAC is the Ethernet address, for L2; 0 leaves it to the system.
	MAC identity.MAC
	// MTU is the first MTU, 0 for DefaultMTU.
	MTU int
	// Log must not be nil.
	Log *slog.Logger
}

// Open creates the interface, down and without addresses. It fails with
// [ErrUnsupported], with a wrapped [os.ErrPermission], or with what the system
// says.
func Open(cfg Config) (Device, error) {
	if cfg.MTU == 0 {
		cfg.MTU = DefaultMTU
	}
	if err := checkMTU(cfg.MTU); err != nil {
		return nil, err
	}
	if cfg.Kind != L3 && cfg.Kind != L2 {
		return nil, ErrUnsupported
	}
	// One at a time, because choosing a free name and taking it are two steps.
	opening.Lock()
	defer opening.Unlock()
	return open(cfg)
}
