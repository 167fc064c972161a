package rule

import "fmt"

// Type says what a rule does or compares. Six bits go on the wire: 0 to 15 are
// actions, 16 to 63 matches (spec 04 §9).
type Type uint8

// Actions end a set of matches. 7 to 15 are reserved and do nothing.
const (
	ActionDrop     Type = 0
	ActionAccept   Type = 1
	ActionTee      Type = 2
	ActionWatch    Type = 3
	ActionRedirect Type = 4
	ActionBreak    Type = 5
	ActionPriority Type = 6
)

// Matches. All others are unsupported and match as the network's flag says
// ([Local.UnsupportedMatch]).
const (
	MatchSourceAddress      Type = 24
	MatchDestinationAddress Type = 25
	MatchVLANID             Type = 26
	MatchVLANPCP            Type = 27
	MatchVLANDEI            Type = 28
	MatchSourceMAC          Type = 29
	MatchDestinationMAC     Type = 30
	MatchIPv4Source         Type = 31
	MatchIPv4Destination    Type = 32
	MatchIPv6Source         Type = 33
	MatchIPv6Destination    Type = 34
	MatchIPTOS              Type = 35
	MatchIPProtocol         Type = 36
	MatchEtherType          Type = 37
	MatchICMP               Type = 38
	MatchSourcePort         Type = 39
	MatchDestinationPort    Type = 40
	MatchCharacteristics    Type = 41
	MatchFrameSize          Type = 42
	MatchRandom             Type = 43
	MatchTagsDifference     Type = 44
	MatchTagsAnd            Type = 45
	MatchTagsOr             Type = 46
	MatchTagsXor            Type = 47
	MatchTagsEqual          Type = 48
	MatchTagSender          Type = 49
	MatchTagReceiver        Type = 50
	MatchIntegerRange       Type = 51
)

// typeCount is the number of types that six bits can name.
const typeCount = 64

// Characteristics of a frame, bits of the mask of [MatchCharacteristics]. The
// low twelve bits are those of a TCP header, FIN lowest.
const (
	Inbound          uint64 = 1 << 63
	Multicast        uint64 = 1 << 62
	Broadcast        uint64 = 1 << 61
	IPAuthenticated  uint64 = 1 << 60
	MACAuthenticated uint64 = 1 << 59
	TCPFIN           uint64 = 1 << 0
	TCPSYN           uint64 = 1 << 1
	TCPRST           uint64 = 1 << 2
	TCPPSH           uint64 = 1 << 3
	TCPACK           uint64 = 1 << 4
)

// Bits of [Rule.Flags].
const (
	// ICMPCodeSet makes [MatchICMP] compare the code too.
	ICMPCodeSet uint32 = 1
	// LittleEndian makes [MatchIntegerRange] read the least significant byte
	// first. The low six bits are the width in bits, less one.
	LittleEndian uint32 = 0x80
)

// Action reports whether t ends a set rather than matches.
func (t Type) Action() bool { return t < 16 }

// Forwards reports whether t sends the frame, or a copy, to [Rule.Address].
func (t Type) Forwards() bool { return t >= ActionTee && t <= ActionRedirect }

// String returns the name of the reference's JSON form (spec 05 §6).
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	if t.Action() {
		return fmt.Sprintf("ACTION_%d", uint8(t))
	}
	return fmt.Sprintf("MATCH_%d", uint8(t))
}

// typeNames are the names in JSON. INTEGER_RANGE has no prefix there.
var typeNames = [...]string{
	ActionDrop:              "ACTION_DROP",
	ActionAccept:            "ACTION_ACCEPT",
	ActionTee:               "ACTION_TEE",
	ActionWatch:             "ACTION_WATCH",
	ActionRedirect:          "ACTION_REDIRECT",
	ActionBreak:             "ACTION_BREAK",
	ActionPriority:          "ACTION_PRIORITY",
	MatchSourceAddress:      "MATCH_SOURCE_ZEROTIER_ADDRESS",
	MatchDestinationAddress: "MATCH_DEST_ZEROTIER_ADDRESS",
	MatchVLANID:             "MATCH_VLAN_ID",
	MatchVLANPCP:            "MATCH_VLAN_PCP",
	MatchVLANDEI:            "MATCH_VLAN_DEI",
	MatchSourceMAC:          "MATCH_MAC_SOURCE",
	MatchDestinationMAC:     "MATCH_MAC_DEST",
	MatchIPv4Source:         "MATCH_IPV4_SOURCE",
	MatchIPv4Destination:    "MATCH_IPV4_DEST",
	MatchIPv6Source:         "MATCH_IPV6_SOURCE",
	MatchIPv6Destination:    "MATCH_IPV6_DEST",
	MatchIPTOS:              "MATCH_IP_TOS",
	MatchIPProtocol:         "MATCH_IP_PROTOCOL",
	MatchEtherType:          "MATCH_ETHERTYPE",
	MatchICMP:               "MATCH_ICMP",
	MatchSourcePort:         "MATCH_IP_SOURCE_PORT_RANGE",
	MatchDestinationPort:    "MATCH_IP_DEST_PORT_RANGE",
	MatchCharacteristics:    "MATCH_CHARACTERISTICS",
	MatchFrameSize:          "MATCH_FRAME_SIZE_RANGE",
	MatchRandom:             "MATCH_RANDOM",
	MatchTagsDifference:     "MATCH_TAGS_DIFFERENCE",
	MatchTagsAnd:            "MATCH_TAGS_BITWISE_AND",
	MatchTagsOr:             "MATCH_TAGS_BITWISE_OR",
	MatchTagsXor:            "MATCH_TAGS_BITWISE_XOR",
	MatchTagsEqual:          "MATCH_TAGS_EQUAL",
	MatchTagSender:          "MATCH_TAG_SENDER",
	MatchTagReceiver:        "MATCH_TAG_RECEIVER",
	MatchIntegerRange:       "INTEGER_RANGE",
}
