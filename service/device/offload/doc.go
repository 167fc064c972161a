// Package offload turns the large packets that a system hands over or takes in
// one piece, with the header that virtio network devices share, into packets as
// they are on a wire, and back: segmentation of TCP and UDP on the way out, and
// joining on the way in.
//
// It only computes: it has no devices, and keeps no memory of packets between
// batches.
package offload

import (
	"encoding/binary"
	"errors"

	"orrery/engine/ether"
)

// ErrHeader is returned for a packet whose header does not fit it.
var ErrHeader = errors.New("packet does not match its offload header")

// HeaderLen is the length of the header in front of each packet, in the byte
// order of the machine: flags, kind, length of headers, length of segments,
// start of what is summed up, place of the checksum after that.
const HeaderLen = 10

// Flags and kinds of the header (virtio 1.2, §5.1.6).
const (
	flagNeedsChecksum = 1
	kindNone          = 0
	kindTCP4          = 1
	kindTCP6          = 4
	kindUDP           = 5
)

// maxPacket is the longest IP packet.
const maxPacket = 65535

const (
	ip4Len  = 20 // without options
	ip6Len  = 40
	udpLen  = 8
	tcpLen  = 20 // without options
	tcpSum  = 16 // places of the checksums
	udpSum  = 6
	tcpFIN  = 0x01
	tcpPSH  = 0x08
	tcpACK  = 0x10
	tcpCWR  = 0x80
	tcpFlag = 13 // place of the flags
)

// header is the header of a packet.
type header struct {
	flags, kind                          uint8
	headers, segment, sumStart, sumPlace uint16
}

func parseHeader(b []byte) header {
	n := binary.NativeEndian
	return header{b[0], b[1], n.Uint16(b[2:]), n.Uint16(b[4:]), n.Uint16(b[6:]), n.Uint16(b[8:])}
}

func (h header) put(b []byte) {
	n := binary.NativeEndian
	b[0], b[1] = h.flags, h.kind
	n.PutUint16(b[2:], h.headers)
	n.PutUint16(b[4:], h.segment)
	n.PutUint16(b[6:], h.sumStart)
	n.PutUint16(b[8:], h.sumPlace)
}

// addresses are source and destination of an IP packet, as they enter checksums.
func addresses(p []byte) []byte {
	if p[0]>>4 == 4 {
		return p[12:20]
	}
	return p[8:40]
}

// setLength writes the packet's length into its IP header, and for IPv4 the
// header's checksum.
func setLength(p []byte, ipLen, length int) {
	if p[0]>>4 == 6 {
		binary.BigEndian.PutUint16(p[4:], uint16(length-ip6Len))
		return
	}
	binary.BigEndian.PutUint16(p[2:], uint16(length))
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], ether.Checksum(p[:ipLen]))
}
