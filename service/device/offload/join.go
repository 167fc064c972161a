package offload

import (
	"bytes"
	"encoding/binary"

	"orrery/engine/ether"
)

const (
	// MaxBatch is how many packets are joined at a time.
	MaxBatch = 128
	// maxDatagrams is how many UDP packets a system takes in one.
	maxDatagrams = 64
	// flowSlots is the size of the table of flows.
	flowBits  = 8
	flowSlots = 1 << flowBits
)

// Joiner joins the packets of a batch that follow each other in a flow, so that
// the system takes each run of them at once. The packets stay where they are:
// what it puts out is the first with changed headers and the payloads of the
// others. The zero value is ready.
type Joiner struct {
	// UDP says that the system takes joined datagrams, too.
	UDP bool

	bufs     [][]byte
	headroom int
	runs     []run
	next     [MaxBatch]int16 // of the packet after in its run, -1
	flows    [flowSlots]slot
	batch    uint32
	out      int
	pieces   [][]byte
}

// run is packets that go out as one.
type run struct {
	first, last, count int16
	proto              uint8
	push, checked      bool // the last packet's flag; whether the first's checksum is right
	sealed             bool // nothing can follow
	ipLen, headers     int
	segment            int // payload of the first packet
	length             int // of all
	next               uint32
}

// slot is the last run of a flow. It counts only if batch is current.
type slot struct {
	batch uint32
	run   int16
}

// Begin takes a batch of at most [MaxBatch] packets, each after headroom bytes
// of which the last [HeaderLen] are for headers.
func (j *Joiner) Begin(bufs [][]byte, headroom int) {
	j.bufs, j.headroom, j.runs, j.out = bufs, headroom, j.runs[:0], 0
	if j.batch++; j.batch == 0 { // after 2³² batches, old slots could look current
		clear(j.flows[:])
		j.batch = 1
	}
	for i, b := range bufs {
		j.next[i] = -1
		if len(b) > headroom {
			j.add(int16(i), b[headroom:])
		}
	}
}

// Next returns the next thing to be written, in pieces: a header, its packet,
// and payloads that follow. It is valid until the next call; nil is the end.
func (j *Joiner) Next() [][]byte {
	if j.out == len(j.runs) {
		clear(j.pieces)
		j.bufs = nil
		return nil
	}
	r := &j.runs[j.out]
	j.out++
	first := j.bufs[r.first][j.headroom-HeaderLen:]
	j.pieces = append(j.pieces[:0], first)
	if r.count == 1 {
		clear(first[:HeaderLen])
		return j.pieces
	}
	r.finish(first)
	for i := j.next[r.first]; i >= 0; i = j.next[i] {
		j.pieces = append(j.pieces, j.bufs[i][j.headroom+r.headers:])
	}
	return j.pieces
}

// finish makes the first packet of a run stand for all.
func (r *run) finish(b []byte) {
	h := header{flags: flagNeedsChecksum, headers: uint16(r.headers), segment: uint16(r.segment), sumStart: uint16(r.ipLen)}
	p := b[HeaderLen:]
	setLength(p, r.ipLen, r.length)
	t := p[r.ipLen:]
	if r.proto == ether.ProtoUDP {
		h.kind, h.sumPlace = kindUDP, udpSum
		binary.BigEndian.PutUint16(t[4:], uint16(r.length-r.ipLen))
	} else {
		h.kind, h.sumPlace = kindTCP6, tcpSum
		if p[0]>>4 == 4 {
			h.kind = kindTCP4
		}
		if r.push {
			t[tcpFlag] |= tcpPSH
		}
	}
	// The system adds the rest to the sum of the pseudo-header.
	binary.BigEndian.PutUint16(t[h.sumPlace:], ether.PseudoHeader(addresses(p), r.proto, r.length-r.ipLen))
	h.put(b)
}

// add puts packet i into the run that it continues, or into one of its own.
func (j *Joiner) add(i int16, p []byte) {
	r := run{first: i, last: i, count: 1, length: len(p), sealed: true}
	var ok bool
	if r.ipLen, r.proto, ok = transport(p); !ok {
		j.runs = append(j.runs, r)
		return
	}
	whole := r.inspect(p, j.UDP)
	at := &j.flows[flowSlot(addresses(p), p[r.ipLen:r.ipLen+4])]
	if whole && at.batch == j.batch {
		if o := &j.runs[at.run]; j.continues(o, &r, p) {
			j.next[o.last] = i
			o.last, o.count, o.length, o.next, o.push = i, o.count+1, o.length+r.segment, r.next, r.push
			o.sealed = r.segment < o.segment || r.push || o.proto == ether.ProtoUDP && o.count == maxDatagrams
			return
		}
	}
	// Nothing of the flow that comes later may get before this packet, so also
	// one that cannot be joined takes the slot.
	*at = slot{j.batch, int16(len(j.runs))}
	r.sealed = !whole || r.push
	j.runs = append(j.runs, r)
}

// inspect finds the headers' length and what else joining needs, and reports
// whether the packet can be part of a run: one with payload and nothing unusual.
func (r *run) inspect(p []byte, udp bool) bool {
	t := p[r.ipLen:]
	if r.proto == ether.ProtoUDP {
		r.headers = r.ipLen + udpLen
		r.segment = len(p) - r.headers
		return udp && r.segment > 0 && int(binary.BigEndian.Uint16(t[4:])) == len(t) && (t[udpSum] != 0 || t[udpSum+1] != 0)
	}
	if len(t) < tcpLen {
		return false
	}
	r.headers = r.ipLen + int(t[12]>>4)*4
	r.segment = len(p) - r.headers
	r.next = binary.BigEndian.Uint32(t[4:]) + uint32(r.segment)
	r.push = t[tcpFlag]&tcpPSH != 0
	return r.headers >= r.ipLen+tcpLen && r.segment > 0 && t[12]&0x0f == 0 && t[tcpFlag]&^tcpPSH == tcpACK
}

// continues reports whether packet p, of which r is known, continues run o: its
// headers differ only as those of segments do.
func (j *Joiner) continues(o, r *run, p []byte) bool {
	if o.sealed || o.proto != r.proto || o.headers != r.headers || r.segment > o.segment || o.length+r.segment > maxPacket {
		return false
	}
	f := j.bufs[o.first][j.headroom:]
	if f[0] != p[0] || !bytes.Equal(addresses(f), addresses(p)) {
		return false
	}
	if p[0]>>4 == 4 {
		if f[1] != p[1] || f[6] != p[6] || f[8] != p[8] { // service, flags, hops
			return false
		}
	} else if !bytes.Equal(f[1:4], p[1:4]) || f[7] != p[7] { // class and label, hops
		return false
	}
	a, b := f[o.ipLen:], p[r.ipLen:]
	if !bytes.Equal(a[:4], b[:4]) {
		return false
	}
	if r.proto == ether.ProtoTCP && (o.next != r.next-uint32(r.segment) ||
		!bytes.Equal(a[8:12], b[8:12]) || !bytes.Equal(a[14:16], b[14:16]) || // acknowledgement, window
		!bytes.Equal(a[tcpLen:o.headers-o.ipLen], b[tcpLen:r.headers-r.ipLen])) {
		return false
	}
	// What is wrong must stay wrong: the system trusts the checksums of runs.
	if !o.checked {
		if ether.TransportChecksum(addresses(f), o.proto, a) != 0 {
			o.sealed = true
			return false
		}
		o.checked = true
	}
	return ether.TransportChecksum(addresses(p), r.proto, b) == 0
}

// transport finds the header of a TCP or UDP packet that offloads may join: no
// IPv4 options or fragments, no IPv6 extension headers, nothing behind it.
func transport(p []byte) (ipLen int, proto uint8, ok bool) {
	switch {
	case len(p) >= ip4Len+udpLen && p[0] == 0x45 && p[6]&0x3f == 0 && p[7] == 0 && int(binary.BigEndian.Uint16(p[2:])) == len(p):
		return ip4Len, p[9], p[9] == ether.ProtoTCP || p[9] == ether.ProtoUDP
	case len(p) >= ip6Len+udpLen && p[0]>>4 == 6 && int(binary.BigEndian.Uint16(p[4:])) == len(p)-ip6Len:
		return ip6Len, p[6], p[6] == ether.ProtoTCP || p[6] == ether.ProtoUDP
	}
	return 0, 0, false
}

// flowSlot is the flow's place in the table. Flows that share one displace each
// other, which costs them the joining only.
func flowSlot(addrs, ports []byte) uint32 {
	h := binary.NativeEndian.Uint32(ports) * 0x9e3779b1
	for ; len(addrs) > 0; addrs = addrs[4:] {
		h = (h ^ binary.NativeEndian.Uint32(addrs)) * 0x9e3779b1
		h ^= h >> 15
	}
	return h * 0x9e3779b1 >> (32 - flowBits)
}
