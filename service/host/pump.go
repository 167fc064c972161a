package host

import (
	"errors"
	"os"
	"slices"
	"sync"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
)

// errDeviceGone is the failure of a port whose device somebody else removed.
var errDeviceGone = errors.New("the network's interface was removed")

// portBuffers are what packets of a port are read into.
type portBuffers struct {
	bufs, packets [][]byte
	sizes         []int
	size, head    int
}

// frameRoom is what an Ethernet frame is longer than the MTU: header and VLAN
// tag. One byte more tells a packet that just fits from one that was cut off.
const frameRoom = 18 + 1

// fit makes room for packets of an MTU. It is one block: memory that is never
// written to is never used.
func (b *portBuffers) fit(p *livePort) {
	size := int(p.mtu.Load()) + frameRoom
	n := p.BatchSize()
	if size <= b.size && n == len(b.bufs) && p.Headroom() == b.head {
		return
	}
	b.size, b.head = max(size, b.size), p.Headroom()
	size = b.size
	b.bufs, b.sizes, b.packets = make([][]byte, n), make([]int, n), make([][]byte, 0, n)
	each := b.head + size
	block := make([]byte, n*each)
	for i := range b.bufs {
		b.bufs[i] = block[i*each : (i+1)*each : (i+1)*each]
	}
}

// take returns the first n packets, without those that were too long.
func (b *portBuffers) take(n int) [][]byte {
	b.packets = b.packets[:0]
	for i := range n {
		if b.sizes[i] < b.size {
			b.packets = append(b.packets, b.bufs[i][b.head:b.head+b.sizes[i]])
		}
	}
	return b.packets
}

// buffers are those of ports that have packets just now. There can be a hundred
// ports, of which most are idle.
var buffers = sync.Pool{New: func() any { return new(portBuffers) }}

// readiness is a port that need not be read before there is something to read.
type readiness interface {
	// Wait returns nil when Read would not wait, or else what Read would.
	Wait() error
}

// read moves packets from the device to the core, until the port is closed.
func (h *Host) read(nwid identity.NetworkID, p *livePort) {
	w, _ := p.Port.(readiness)
	for {
		err := error(nil)
		if w != nil {
			err = w.Wait()
		}
		if err == nil {
			err = h.readBatch(nwid, p)
		}
		if err != nil {
			h.readEnded(nwid, p, err)
			return
		}
	}
}

// readBatch moves what can be read at once.
func (h *Host) readBatch(nwid identity.NetworkID, p *livePort) error {
	b := buffers.Get().(*portBuffers)
	defer buffers.Put(b)
	b.fit(p)
	got, err := p.Read(b.bufs, b.sizes)
	if err != nil {
		return err
	}
	packets := b.take(got)
	if len(packets) == 0 {
		return nil
	}
	ethernet := p.Ethernet()
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if ethernet {
			c.Frames(at, nwid, packets, out)
		} else {
			c.Packets(at, nwid, packets, out)
		}
	})
	return nil
}

// readEnded has a device replaced that was not closed by us.
func (h *Host) readEnded(nwid identity.NetworkID, p *livePort, err error) {
	if h.networks.port(nwid) != p {
		return
	}
	p.ended.Store(true)
	if errors.Is(err, os.ErrClosed) {
		err = errDeviceGone
	}
	h.portIs(nwid, err)
}

// maxWrite is how many packets are written to a device at once.
const maxWrite = 128

// deliver writes packets to devices, those for one in a batch.
func (h *Host) deliver(t *tray) {
	ports := *h.networks.byID.Load()
	for d := t.Deliver; len(d) > 0; {
		n := 1
		for n < len(d) && n < maxWrite && d[n].Network == d[0].Network {
			n++
		}
		if p := ports[d[0].Network]; p != nil {
			skip := node.Headroom - p.Headroom()
			t.write = slices.Grow(t.write[:0], n)
			for i := range d[:n] {
				t.write = append(t.write, d[i].Data[skip:])
			}
			p.writing.Lock()
			// The device counts what it loses; while it is down there is
			// nobody to tell.
			_ = p.Write(t.write)
			p.writing.Unlock()
		}
		d = d[n:]
	}
	clear(t.write)
	t.write = t.write[:0]
}
