package ipc

// PortMapping is the state of the port that the gateway of the local network is
// asked to pass on to this machine.
type PortMapping struct {
	// State is "off", or one of the codes of package portmap: "trying",
	// "mapped", "no_gateway", "unanswered", "refused", "misbehaves",
	// "no_external", "double_nat", "no_nat".
	State string `json:"state"`
	// Text says the same in a sentence, with the reason.
	Text string `json:"text"`
	// Port is the local UDP port, 0 while off.
	Port int `json:"port,omitempty"`
	// Method is "PCP", "NAT-PMP" or "UPnP" while mapped.
	Method  string `json:"method,omitempty"`
	Gateway string `json:"gateway,omitempty"`
	// External is where the port can be reached, "ip:port"; with port 0 it is
	// the gateway's address, which cannot be used.
	External string `json:"external,omitempty"`
	// LeftSeconds is how long the lease goes on without renewal, 0 for a
	// Permanent one; NextSeconds is when the gateway is asked again.
	LeftSeconds int  `json:"leftSeconds,omitempty"`
	Permanent   bool `json:"permanent,omitempty"`
	NextSeconds int  `json:"nextSeconds,omitempty"`
	// Attempts are the methods tried last, with what came of them.
	Attempts []MappingAttempt `json:"attempts,omitempty"`
}

// MappingAttempt is what came of one method; Problem is empty if it worked.
type MappingAttempt struct {
	Method  string `json:"method"`
	Problem string `json:"problem,omitempty"`
}

// TCPRelay is the state of the way through a TCP relay, which is taken where UDP
// is blocked.
type TCPRelay struct {
	// State is "off" by the settings, "idle" while UDP works, "needed" while
	// there is no connection though there should be one, "connected".
	State string `json:"state"`
	// Text says the same in a sentence, with the reason.
	Text string `json:"text"`
	// Relay is the relay's "ip:port".
	Relay  string `json:"relay,omitempty"`
	Forced bool   `json:"forced,omitempty"`
	// Seconds is the age of the connection, RetrySeconds when the next one is
	// tried, Problem why the last one ended or could not be made.
	Seconds      int    `json:"seconds,omitempty"`
	RetrySeconds int    `json:"retrySeconds,omitempty"`
	Problem      string `json:"problem,omitempty"`
	// Since the settings last changed: connections, datagrams with their bytes,
	// and those for which there was no room or no connection.
	Sessions      uint64 `json:"sessions"`
	Sent          uint64 `json:"sent"`
	SentBytes     uint64 `json:"sentBytes"`
	Received      uint64 `json:"received"`
	ReceivedBytes uint64 `json:"receivedBytes"`
	Dropped       uint64 `json:"dropped"`
}
