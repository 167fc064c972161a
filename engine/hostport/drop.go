package hostport

import "slices"

// DropReason says why a packet went no further.
type DropReason uint8

// The reasons. Those up to DropDiscovery concern packets of the host, the others
// frames of the network.
const (
	// DropMalformed: not a whole IP packet.
	DropMalformed DropReason = iota
	// DropTooBig: larger than the network's MTU.
	DropTooBig
	// DropDestination: an address that nobody on a network has.
	DropDestination
	// DropQueueFull: too many packets wait for their next hop to be resolved.
	DropQueueFull
	// DropUnresolved: the next hop did not answer.
	DropUnresolved
	// DropNoSource: no address of ours to ask for the next hop with.
	DropNoSource
	// DropHostDiscovery: neighbour or router discovery and group reports of the
	// host, which end here.
	DropHostDiscovery
	// DropNotForUs: another's MAC, or a group that nobody here joined.
	DropNotForUs
	// DropEtherType: neither IP nor ARP.
	DropEtherType
	// DropRouterDiscovery: router discovery and redirects of the network.
	DropRouterDiscovery
	// DropSource: a source address that the sender cannot have.
	DropSource
	// DropLinkBroadcast: a unicast packet in a multicast frame.
	DropLinkBroadcast
	// DropDiscovery: ARP or neighbour discovery that contradicts itself.
	DropDiscovery
	// DropRate: more questions than are answered per second.
	DropRate
	dropReasons
)

// DropReasonCount is the number of reasons, for those who list them.
const DropReasonCount = int(dropReasons)

var dropNames = [dropReasons]string{
	"malformed", "too-big", "destination", "queue-full", "unresolved", "no-source", "host-discovery",
	"not-for-us", "ethertype", "router-discovery", "source", "link-broadcast", "discovery", "rate",
}

// String returns the reason's name for logs and metrics.
func (r DropReason) String() string {
	if r < dropReasons {
		return dropNames[r]
	}
	return "unknown"
}

// Drops is how many packets were dropped for a reason.
func (p *Port) Drops(r DropReason) uint64 { return p.drops[r] }

func (p *Port) drop(r DropReason) { p.drops[r]++ }

// EtherTypeCount is how many frames of a type were dropped because a device that
// carries IP only has no use for them.
type EtherTypeCount struct {
	Type  uint16
	Count uint64
}

// maxEtherTypes bounds the types that are counted apart; others only count
// under DropEtherType.
const maxEtherTypes = 32

// EtherTypes returns the counts of DropEtherType by type, in order of first
// appearance.
func (p *Port) EtherTypes() []EtherTypeCount { return slices.Clone(p.types) }

func (p *Port) dropType(etherType uint16) {
	p.drop(DropEtherType)
	for i := range p.types {
		if p.types[i].Type == etherType {
			p.types[i].Count++
			return
		}
	}
	if len(p.types) < maxEtherTypes {
		p.types = append(p.types, EtherTypeCount{etherType, 1})
	}
}
