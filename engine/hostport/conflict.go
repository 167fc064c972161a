package hostport

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// Conflict is another node that claims an address of ours.
type Conflict struct {
	IP netip.Addr
	// MAC is the last claimant's.
	MAC identity.MAC
	// At is when it was last heard.
	At clock.Instant
	// answered is when we last defended the address.
	answered clock.Mono
}

// checkAgain is when a claimed address is probed once more: whether the other has
// it still can only be known by asking.
const checkAgain = 5 * clock.Minute

// ConflictKept is how long after the last claim a conflict counts: two probes
// were not answered.
const ConflictKept = 2*checkAgain + clock.Minute

// Conflicts are the addresses of ours that others claimed since they were
// configured, one entry per address in order of discovery.
func (p *Port) Conflicts() []Conflict { return append([]Conflict(nil), p.conflicts...) }

// defendInterval is the least time between two defences of an address.
const defendInterval = 10 * clock.Second

// conflict records a claim and restates ours to the claimant now and then.
func (p *Port) conflict(at clock.Instant, ip netip.Addr, mac identity.MAC, out Output) {
	var c *Conflict
	for i := range p.conflicts {
		if p.conflicts[i].IP == ip {
			c = &p.conflicts[i]
		}
	}
	if c == nil {
		p.conflicts = append(p.conflicts, Conflict{IP: ip, answered: clock.Never})
		c = &p.conflicts[len(p.conflicts)-1]
	}
	c.MAC, c.At = mac, at
	p.probeAgain(at.Mono, ip)
	if at.Mono-c.answered < defendInterval {
		return
	}
	c.answered = at.Mono
	if ip.Is4() {
		p.buf = ether.ARP{Op: ether.ARPReply, SenderMAC: p.mac, SenderIP: ip, TargetMAC: mac, TargetIP: ip}.Append(p.buf[:0])
		out.ToNetwork(p.mac, mac, ether.TypeARP, p.buf)
		return
	}
	p.buf = ether.AppendAdvertisement(p.buf[:0], ip, ether.AllNodesAddr(), ip, p.mac, ether.NeighborOverride)
	out.ToNetwork(p.mac, mac, ether.TypeIPv6, p.buf)
}
