package wire

// Sizes and limits of the protocol (spec 02 §1). Lengths are in bytes.
const (
	// HeaderLen is the packet header, also the shortest packet.
	HeaderLen = 28
	// FragmentHeaderLen is the header of parts after the first; a fragment is
	// longer than this.
	FragmentHeaderLen = 16
	// DefaultMTU is the UDP payload of a datagram unless configured otherwise.
	DefaultMTU = 1432
	// MinMTU and MaxMTU bound configured MTUs of physical subnets.
	MinMTU = 1400
	MaxMTU = 10324
	// MaxPacketLen is the longest packet, header included.
	MaxPacketLen = MaxFragments * DefaultMTU
	// MaxPayload is the longest payload, compressed or not.
	MaxPayload = MaxPacketLen - HeaderLen
	// MaxFragments is the highest number of parts that receivers join.
	MaxFragments = 7
	// MaxHops is the count at which a packet is no longer relayed.
	MaxHops = 3
	// BeaconLen is the legacy LAN beacon.
	BeaconLen = 13
)

// Protocol versions (spec 02 §7).
const (
	// ProtocolVersion is what HELLO and its OK announce.
	ProtocolVersion = 12
	// MinProtocolVersion is the lowest that is talked to.
	MinProtocolVersion = 4
	// ProtocolVersionECHO is the first that answers ECHO.
	ProtocolVersionECHO = 5
	// ProtocolVersionAESGMACSIV is the first that is sent AES-GMAC-SIV.
	ProtocolVersionAESGMACSIV = 12
)

// MaxJoinable is the longest packet that a receiver can join from its parts at
// an MTU: MaxFragments parts, the first of which has no fragment header. A
// sender must not build longer ones (spec 02 §4.1).
func MaxJoinable(mtu int) int {
	return min(mtu+(MaxFragments-1)*(mtu-FragmentHeaderLen), MaxPacketLen)
}
