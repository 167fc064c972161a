package portmap

import (
	"net/netip"
	"slices"
	"time"
)

// Method is a protocol for asking a gateway.
type Method uint8

// The methods, in the order in which they are tried.
const (
	None   Method = iota // nothing is mapped
	PCP                  // Port Control Protocol, RFC 6887
	NATPMP               // NAT Port Mapping Protocol, RFC 6886
	UPnP                 // UPnP Internet gateway device, versions 1 and 2
)

// String returns the usual name of the method.
func (m Method) String() string {
	switch m {
	case PCP:
		return "PCP"
	case NATPMP:
		return "NAT-PMP"
	case UPnP:
		return "UPnP"
	default:
		return "none"
	}
}

// Code is the state of the mapping in one word, for programs.
type Code string

// The codes.
const (
	Trying     Code = "trying"      // nothing is known yet
	Mapped     Code = "mapped"      // the port can be reached at Status.External
	NoGateway  Code = "no_gateway"  // this machine has no IPv4 gateway to ask
	Unanswered Code = "unanswered"  // the gateway answers none of the methods
	Refused    Code = "refused"     // the gateway answers, and does not want to
	Misbehaves Code = "misbehaves"  // the gateway's answers make no sense
	NoExternal Code = "no_external" // the gateway has no external address now
	DoubleNAT  Code = "double_nat"  // the gateway is itself behind another one
	NoNAT      Code = "no_nat"      // the gateway translates nothing: our address is the external one
	Stopped    Code = "stopped"     // Run has ended
)

// Status is the state of the mapping, for diagnosis.
type Status struct {
	// Port is the local UDP port.
	Port uint16
	Code Code
	// Text says the same as Code as a sentence, with what is known of the
	// reason.
	Text string
	// Method is what the mapping was made with, None if there is none.
	Method Method
	// Gateway and Local are the gateway that was asked and our address in its
	// network; the zero Addr if there is no gateway.
	Gateway, Local netip.Addr
	// External is what the gateway mapped the port to, or its external address
	// with port 0 if that could not be used. The zero AddrPort if unknown.
	External netip.AddrPort
	// Left is how long the lease goes on without renewal. 0 for a gateway that
	// has only permanent mappings, which Permanent says.
	Left      time.Duration
	Permanent bool
	// Next is how long from now until the gateway is asked again.
	Next time.Duration
	// Attempts are the methods tried last and what came of them.
	Attempts []Attempt
}

// Attempt is one method's result.
type Attempt struct {
	Method Method
	// Problem says why it has made no mapping, "" if it has.
	Problem string
}

// External returns where the port can be reached from the Internet, and false
// if that is nowhere as far as is known.
func (m *Mapper) External() (netip.AddrPort, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status.Code != Mapped {
		return netip.AddrPort{}, false
	}
	return m.status.External, true
}

// Status returns the state of the mapping, for diagnosis.
func (m *Mapper) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, now := m.status, m.cfg.clock.now()
	s.Attempts = slices.Clone(s.Attempts)
	if s.Code == Mapped && !s.Permanent {
		s.Left = max(0, m.expires.Sub(now))
	}
	if s.Code != Stopped {
		s.Next = max(0, m.next.Sub(now))
	}
	return s
}

// report replaces the status, and tells if the port can be reached elsewhere
// than before.
func (m *Mapper) report(s Status) {
	s.Port, s.Gateway, s.Local = m.cfg.Port, m.link.gateway, m.link.local
	was, had := m.External()
	m.mu.Lock()
	before := m.status.Code
	m.status = s
	if m.lease != nil {
		m.expires = m.lease.ends()
	}
	m.mu.Unlock()
	if s.Code != before && s.Code != Mapped {
		m.cfg.Log.Debug("no UDP port mapped", "reason", string(s.Code), "text", s.Text)
	}
	switch is, has := m.External(); {
	case has && is != was:
		m.cfg.External(is, true)
	case had && !has:
		m.cfg.External(netip.AddrPort{}, false)
	}
}

// withdraw says that the port cannot be reached, until more is known.
func (m *Mapper) withdraw() {
	m.report(Status{Code: Trying, Text: "The gateway is being asked."})
}

// note adds to the status what came of an attempt that changes nothing.
func (m *Mapper) note(a Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Attempts = []Attempt{a}
}
