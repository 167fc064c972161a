package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"orrery/engine/vl1"
)

const (
	// maxSegments and maxSegmented bound one segmented message. Kernels take 64
	// datagrams and less than 64 KiB with headers.
	maxSegments  = 64
	maxSegmented = 65000
	// maxVectors bounds the datagrams of one sendmmsg.
	maxVectors = 1024
	// sendControl has room for a segment size and a TTL: two control messages
	// of 24 bytes on 64-bit systems.
	sendControl = 48
	// maxRefusals is after how many refusals in a row segmenting is given up.
	maxRefusals = 16
)

// refusals counts messages in a row that the kernel did not want to segment.
// One is normal: datagrams larger than the MTU of the way out are refused with
// an offload, and fragmented without one.
type refusals struct{ n atomic.Int32 }

// sender is the memory of one send in progress.
type sender struct {
	b       *batched
	msgs    [batchSize]mmsghdr
	names   [batchSize]sockaddr
	control [batchSize][sendControl]byte
	// count and bytes are the datagrams and bytes of each message.
	count [batchSize]int
	bytes [batchSize]int
	iovs  [maxVectors]unix.Iovec
	// messages and vectors are how many are in use, next is the first message
	// not yet sent.
	messages, vectors, next int
	sent                    int
	errno                   unix.Errno
	// fast and slow are call as function values, made once.
	fast func(uintptr)
	slow func(uintptr) bool
}

// senders has the memory of finished sends, for all sockets.
var senders = sync.Pool{New: func() any {
	s := new(sender)
	for i := range s.msgs {
		s.msgs[i].hdr.Name = (*byte)(unsafe.Pointer(&s.names[i]))
	}
	s.fast = func(fd uintptr) { s.call(fd) }
	s.slow = s.call
	return s
}}

func (b *batched) send(batch []vl1.Datagram) error {
	s := senders.Get().(*sender)
	s.b = b
	err := s.all(batch)
	s.b = nil
	senders.Put(s)
	return err
}

// all sends the batch.
func (s *sender) all(batch []vl1.Datagram) error {
	s.messages, s.vectors = 0, 0
	segment := s.b.segment.Load()
	for i := 0; i < len(batch); {
		if s.messages == batchSize || s.vectors == maxVectors {
			if err := s.flush(); err != nil {
				return err
			}
			segment = s.b.segment.Load()
		}
		i += s.add(batch[i:], segment)
	}
	return s.flush()
}

// add makes a message of the first datagrams of batch, of one only unless
// segment is true, and returns how many those are.
func (s *sender) add(batch []vl1.Datagram, segment bool) int {
	first := &batch[0]
	size, total, n := len(first.Data), 0, 0
	limit := min(maxSegments, maxVectors-s.vectors)
	if !segment || size == 0 {
		limit = 1
	}
	start := s.vectors
	for n < limit && n < len(batch) {
		d := &batch[n]
		k := len(d.Data)
		if n > 0 && (k > size || k == 0 || total+k > maxSegmented || !sameFlow(first, d)) {
			break
		}
		v := &s.iovs[s.vectors]
		v.Base = unsafe.SliceData(d.Data)
		v.SetLen(k)
		s.vectors++
		n++
		total += k
		if k < size {
			break // only the last may be shorter
		}
	}
	m := s.messages
	s.count[m], s.bytes[m] = n, total
	h := &s.msgs[m].hdr
	h.Namelen = putSockaddr(&s.names[m], first.Remote)
	h.Iov = &s.iovs[start]
	h.SetIovlen(n)
	c := s.control[m][:0]
	if n > 1 {
		c = appendControl(c, unix.IPPROTO_UDP, unix.UDP_SEGMENT, uint64(size), 2)
	}
	if first.TTL != 0 && !s.b.v6 {
		c = appendControl(c, unix.IPPROTO_IP, unix.IP_TTL, uint64(first.TTL), 4)
	}
	h.Control = nil
	if len(c) > 0 {
		h.Control = unsafe.SliceData(c)
	}
	h.SetControllen(len(c))
	s.messages++
	return n
}

// appendControl appends a control message with a value of 2 or 4 bytes.
func appendControl(b []byte, level, kind int32, value uint64, size int) []byte {
	at := len(b)
	b = b[:at+unix.CmsgSpace(size)]
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[at]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	data := b[at+unix.CmsgLen(0):]
	if size == 2 {
		binary.NativeEndian.PutUint16(data, uint16(value))
	} else {
		binary.NativeEndian.PutUint32(data, uint32(value))
	}
	return b
}

// flush sends the messages. A message that the kernel refuses is counted and
// left out, after another try datagram by datagram if it was segmented.
func (s *sender) flush() error {
	defer s.reset()
	for s.next = 0; s.next < s.messages; {
		if err := s.step(); err != nil {
			return err
		}
		if s.errno == 0 {
			s.credit()
			continue
		}
		if s.errno == unix.EAGAIN {
			s.drop()
			return nil
		}
		failed := s.next
		s.next++
		if s.count[failed] > 1 && s.b.refused(s.errno) {
			if err := s.apart(failed); err != nil {
				return err
			}
			continue
		}
		s.b.failed(s.count[failed], s.errno)
	}
	return nil
}

// drop gives up the messages from s.next on: nothing has left the socket's
// buffer for too long.
func (s *sender) drop() {
	for ; s.next < s.messages; s.next++ {
		s.b.failed(s.count[s.next], unix.EAGAIN)
	}
}

// reset forgets the messages and keeps nothing of the caller's alive.
func (s *sender) reset() {
	clear(s.iovs[:s.vectors])
	s.messages, s.vectors = 0, 0
}

// step makes one system call for the messages from s.next on, waiting a while
// if the socket's buffer is full.
func (s *sender) step() error {
	// Control does not serialise senders, Write does; so Write is for waiting.
	if err := s.b.raw.Control(s.fast); err != nil {
		return net.ErrClosed
	}
	if s.errno != unix.EAGAIN {
		return nil
	}
	if err := s.b.conn.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return net.ErrClosed
	}
	if err := s.b.raw.Write(s.slow); errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return nil // on time-out errno is still EAGAIN
}

// call sends and reports false if the socket's buffer is full.
func (s *sender) call(fd uintptr) bool {
	for {
		n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&s.msgs[s.next])), uintptr(s.messages-s.next), unix.MSG_DONTWAIT, 0, 0)
		if e == unix.EINTR {
			continue
		}
		s.sent, s.errno = int(n), e
		return e != unix.EAGAIN
	}
}

// credit counts what the last call sent.
func (s *sender) credit() {
	var datagrams, bytes int
	segmented := false
	for i := s.next; i < s.next+s.sent; i++ {
		datagrams += s.count[i]
		bytes += s.bytes[i]
		segmented = segmented || s.count[i] > 1
	}
	if segmented && s.b.refusals.n.Load() != 0 {
		s.b.refusals.n.Store(0)
	}
	s.next += s.sent
	s.b.sendCalls.Add(1)
	s.b.sentDatagrams.Add(uint64(datagrams))
	s.b.sentBytes.Add(uint64(bytes))
}

// refused judges a segmented message's error: whether its datagrams should be
// tried one by one. It gives the offload up for good when the device cannot
// make checksums (EIO), or when the kernel keeps refusing.
func (b *batched) refused(e unix.Errno) bool {
	switch e {
	case unix.EIO:
		b.segment.Store(false)
	case unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.ENOPROTOOPT:
		if b.refusals.n.Add(1) >= maxRefusals {
			b.segment.Store(false)
		}
	default:
		return false
	}
	return true
}

// apart sends the datagrams of message m, each in a message of its own, and
// leaves the messages after m as they are.
func (s *sender) apart(m int) error {
	one := senders.Get().(*sender)
	one.b = s.b
	defer func() {
		one.b = nil
		senders.Put(one)
	}()
	h := &s.msgs[m].hdr
	vectors := unsafe.Slice(h.Iov, s.count[m])
	one.messages, one.vectors = len(vectors), 0
	for i := range vectors {
		one.names[i] = s.names[m]
		one.count[i], one.bytes[i] = 1, int(vectors[i].Len)
		o := &one.msgs[i].hdr
		o.Namelen, o.Iov = h.Namelen, &vectors[i]
		o.SetIovlen(1)
		// The segment size comes first if there is one; what follows is the TTL.
		c := s.control[m][unix.CmsgSpace(2):h.Controllen]
		o.Control = nil
		if len(c) > 0 {
			o.Control = unsafe.SliceData(c)
		}
		o.SetControllen(len(c))
	}
	return one.flush()
}
