package netconf

import (
	"fmt"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// AdHocForm is the kind of network that an ID with a first byte of 0xff names
// (spec 04 §6).
type AdHocForm uint8

const (
	// AdHocNone is an ID that names no ad-hoc network, or one of no known form,
	// which never gets a configuration.
	AdHocNone AdHocForm = iota
	// AdHocPorts is an IPv6 network that is open on a range of ports.
	AdHocPorts
	// AdHocBadPorts has a range that ends before it begins: status NOT_FOUND.
	AdHocBadPorts
	// AdHocFlat is an open network with IPv4 and IPv6.
	AdHocFlat
)

// Parameters of ad-hoc networks.
const (
	adHocMulticastLimit = 1024
	adHocRevision       = 1
)

// FormOf tells the form of an ad-hoc network.
func FormOf(n identity.NetworkID) AdHocForm {
	switch {
	case !n.AdHoc():
		return AdHocNone
	case n&0xffffff == 0:
		if first, last := adHocPorts(n); last < first {
			return AdHocBadPorts
		}
		return AdHocPorts
	case n&0xff == 1:
		return AdHocFlat
	}
	return AdHocNone
}

// adHocPorts are the bounds of the range, inclusive.
func adHocPorts(n identity.NetworkID) (first, last uint16) { return uint16(n >> 40), uint16(n >> 24) }

// AdHoc makes the configuration that every member of an ad-hoc network makes for
// itself. It is false for IDs that have none; see [FormOf].
func AdHoc(n identity.NetworkID, self identity.Address, now clock.Wall) (*Config, bool) {
	c := &Config{
		Network: n, Timestamp: now, MaxDelta: MaxMaxDelta, Revision: adHocRevision, IssuedTo: self,
		Flags: flagsOfAdHoc, Public: true, MTU: DefaultMTU,
		Addresses: []netip.Prefix{identity.SixPlane(n, self)},
		SSO:       SSO{Provider: defaultProvider},
	}
	switch FormOf(n) {
	case AdHocPorts:
		first, last := adHocPorts(n)
		c.Name = fmt.Sprintf("adhoc-%04x-%04x", first, last)
		c.Rules = portRules(first, last)
	case AdHocFlat:
		net := byte(n >> 48)
		c.Name = fmt.Sprintf("adhoc-%d.0.0.0", net)
		c.Addresses = append(c.Addresses,
			netip.PrefixFrom(netip.AddrFrom4([4]byte{net, byte(self >> 16), byte(self >> 8), byte(self)}), 8))
		c.MulticastLimit = adHocMulticastLimit
		c.Rules = AcceptRules()
		if hub := identity.Address(n >> 8 & (1<<40 - 1)); hub != 0 {
			c.Specialists = []Specialist{Specialist(hub)}
		}
	default:
		return nil, false
	}
	return c, true
}

// portRules lets in ICMPv6, TCP and UDP to the ports, and all TCP packets but
// those that open a connection. As "no SYN" holds for what is not TCP as well,
// the fourth set accepts other protocols too; the reference does the same.
func portRules(first, last uint16) []rule.Rule {
	accept := rule.Rule{Type: rule.ActionAccept}
	return []rule.Rule{
		{Type: rule.MatchEtherType, Not: true, Value: uint32(ether.TypeIPv6)},
		{Type: rule.ActionDrop},
		{Type: rule.MatchIPProtocol, Value: uint32(ether.ProtoICMPv6)},
		accept,
		{Type: rule.MatchIPProtocol, Value: uint32(ether.ProtoUDP)},
		{Type: rule.MatchIPProtocol, Or: true, Value: uint32(ether.ProtoTCP)},
		{Type: rule.MatchDestinationPort, Start: uint64(first), End: uint64(last)},
		accept,
		{Type: rule.MatchCharacteristics, Not: true, Mask: rule.TCPSYN},
		accept,
		{Type: rule.MatchCharacteristics, Mask: rule.TCPSYN},
		{Type: rule.MatchCharacteristics, Mask: rule.TCPACK},
		accept,
		{Type: rule.ActionDrop},
	}
}
