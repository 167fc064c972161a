package udp

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"orrery/engine/vl1"
)

const (
	// groBuffer holds the largest message: 64 KiB of datagrams in one.
	groBuffer = 64 << 10
	// groBatch is the number of messages per call with GRO: a message holds up
	// to 64 datagrams then, and memory should stay small.
	groBatch = 64
	// smallBatch is for sockets that expect little.
	smallBatch = 8
	// controlRoom is for the one control message that is asked for.
	controlRoom = 32
)

// receiver is the memory of one receive loop.
type receiver struct {
	*batched
	msgs    []mmsghdr
	iovs    []unix.Iovec
	names   []sockaddr
	control []byte
	views   []vl1.Datagram
	// free gives the buffers back.
	free  func()
	n     int
	errno unix.Errno
}

func (b *batched) newReceiver() *receiver {
	count, size := batchSize, wholeBuffer
	switch {
	case b.small:
		count = smallBatch
	case b.gro:
		count, size = groBatch, groBuffer
	}
	r := &receiver{
		batched: b,
		msgs:    make([]mmsghdr, count),
		iovs:    make([]unix.Iovec, count),
		names:   make([]sockaddr, count),
		control: make([]byte, count*controlRoom),
		views:   make([]vl1.Datagram, 0, count),
	}
	block, free := buffers(count * size)
	r.free = free
	for i := range r.msgs {
		r.iovs[i].Base = &block[i*size]
		r.iovs[i].SetLen(size)
		h := &r.msgs[i].hdr
		h.Iov, h.Name, h.Control = &r.iovs[i], (*byte)(unsafe.Pointer(&r.names[i])), &r.control[i*controlRoom]
		h.SetIovlen(1)
	}
	return r
}

// buffers returns n zero bytes outside of the garbage collector's heap, which
// would take their size, most of it never touched, as leave to let garbage grow
// to as much again.
func buffers(n int) (block []byte, free func()) {
	block, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return make([]byte, n), func() {}
	}
	_ = unix.Madvise(block, unix.MADV_NOHUGEPAGE) // or one small datagram costs 2 MiB
	return block, func() { _ = unix.Munmap(block) }
}

func (b *batched) receive(handler func([]vl1.Datagram)) error {
	r := b.newReceiver()
	defer r.free()
	call := r.call // one closure for all calls
	for {
		for i := range r.msgs {
			h := &r.msgs[i].hdr
			h.Namelen = unix.SizeofSockaddrInet6
			h.SetControllen(controlRoom)
			h.Flags = 0
		}
		if err := b.raw.Read(call); err != nil {
			return err
		}
		if r.errno != 0 {
			if transientReceive(r.errno) {
				continue
			}
			return os.NewSyscallError("recvmmsg", r.errno)
		}
		if r.split(); len(r.views) > 0 {
			handler(r.views)
		}
	}
}

// call receives what there is, and reports false if there is nothing yet.
func (r *receiver) call(fd uintptr) bool {
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])), uintptr(len(r.msgs)), unix.MSG_DONTWAIT, 0, 0)
	r.n, r.errno = int(n), e
	if e != 0 {
		r.n = 0
	}
	return e != unix.EAGAIN
}

// split fills r.views with the datagrams of the received messages.
func (r *receiver) split() {
	r.views = r.views[:0]
	var bytes uint64
	for i := range r.msgs[:r.n] {
		m := &r.msgs[i]
		if m.hdr.Flags&unix.MSG_TRUNC != 0 {
			r.truncated.Add(1)
			continue
		}
		n := int(m.n)
		if n == 0 {
			continue
		}
		data := unsafe.Slice(r.iovs[i].Base, n)
		remote := fromSockaddr(&r.names[i])
		size := n
		if r.gro {
			if s := segmentSize(r.control[i*controlRoom:][:m.hdr.Controllen]); s > 0 {
				size = s
			}
		}
		for len(data) > 0 {
			k := min(size, len(data))
			r.views = append(r.views, vl1.Datagram{Data: data[:k:k], Remote: remote, Socket: r.id})
			data = data[k:]
		}
		bytes += uint64(n)
	}
	r.receiveCalls.Add(1)
	r.receivedDatagrams.Add(uint64(len(r.views)))
	r.receivedBytes.Add(bytes)
}

// segmentSize finds the size that the kernel says the message's datagrams
// have, 0 if it says nothing.
func segmentSize(control []byte) int {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		n := int(h.Len)
		if n < unix.SizeofCmsghdr || n > len(control) {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && n >= unix.CmsgLen(4) {
			return int(int32(binary.NativeEndian.Uint32(control[unix.CmsgLen(0):])))
		}
		control = control[min(len(control), unix.CmsgSpace(n-unix.SizeofCmsghdr)):]
	}
	return 0
}
