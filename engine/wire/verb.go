package wire

// Verb says what a packet is (spec 02 §9).
type Verb uint8

// The verbs of the protocol; values not listed are unassigned.
const (
	VerbNOP                    Verb = 0x00
	VerbHello                  Verb = 0x01
	VerbError                  Verb = 0x02
	VerbOK                     Verb = 0x03
	VerbWhois                  Verb = 0x04
	VerbRendezvous             Verb = 0x05
	VerbFrame                  Verb = 0x06
	VerbExtFrame               Verb = 0x07
	VerbEcho                   Verb = 0x08
	VerbMulticastLike          Verb = 0x09
	VerbNetworkCredentials     Verb = 0x0a
	VerbNetworkConfigRequest   Verb = 0x0b
	VerbNetworkConfig          Verb = 0x0c
	VerbMulticastGather        Verb = 0x0d
	VerbMulticastFrame         Verb = 0x0e
	VerbPushDirectPaths        Verb = 0x10
	VerbACK                    Verb = 0x12
	VerbQOSMeasurement         Verb = 0x13
	VerbUserMessage            Verb = 0x14
	VerbRemoteTrace            Verb = 0x15
	VerbPathNegotiationRequest Verb = 0x16
)

// VerbCount is one more than the highest verb that a packet can carry, for
// tables of counters.
const VerbCount = 0x20

// String returns the name in the protocol's documentation, or "UNASSIGNED".
func (v Verb) String() string {
	switch v {
	case VerbNOP:
		return "NOP"
	case VerbHello:
		return "HELLO"
	case VerbError:
		return "ERROR"
	case VerbOK:
		return "OK"
	case VerbWhois:
		return "WHOIS"
	case VerbRendezvous:
		return "RENDEZVOUS"
	case VerbFrame:
		return "FRAME"
	case VerbExtFrame:
		return "EXT_FRAME"
	case VerbEcho:
		return "ECHO"
	case VerbMulticastLike:
		return "MULTICAST_LIKE"
	case VerbNetworkCredentials:
		return "NETWORK_CREDENTIALS"
	case VerbNetworkConfigRequest:
		return "NETWORK_CONFIG_REQUEST"
	case VerbNetworkConfig:
		return "NETWORK_CONFIG"
	case VerbMulticastGather:
		return "MULTICAST_GATHER"
	case VerbMulticastFrame:
		return "MULTICAST_FRAME"
	case VerbPushDirectPaths:
		return "PUSH_DIRECT_PATHS"
	case VerbACK:
		return "ACK"
	case VerbQOSMeasurement:
		return "QOS_MEASUREMENT"
	case VerbUserMessage:
		return "USER_MESSAGE"
	case VerbRemoteTrace:
		return "REMOTE_TRACE"
	case VerbPathNegotiationRequest:
		return "PATH_NEGOTIATION_REQUEST"
	}
	return "UNASSIGNED"
}

// ErrorCode is the reason in an ERROR (spec 02 §11).
type ErrorCode uint8

// The error codes of the protocol.
const (
	ErrorNone                          ErrorCode = 0x00
	ErrorInvalidRequest                ErrorCode = 0x01
	ErrorBadProtocolVersion            ErrorCode = 0x02
	ErrorObjectNotFound                ErrorCode = 0x03
	ErrorIdentityCollision             ErrorCode = 0x04
	ErrorUnsupportedOperation          ErrorCode = 0x05
	ErrorNeedMembershipCertificate     ErrorCode = 0x06
	ErrorNetworkAccessDenied           ErrorCode = 0x07
	ErrorUnwantedMulticast             ErrorCode = 0x08
	ErrorNetworkAuthenticationRequired ErrorCode = 0x09
)

// String returns the name in the protocol's documentation, or "UNASSIGNED".
func (c ErrorCode) String() string {
	switch c {
	case ErrorNone:
		return "NONE"
	case ErrorInvalidRequest:
		return "INVALID_REQUEST"
	case ErrorBadProtocolVersion:
		return "BAD_PROTOCOL_VERSION"
	case ErrorObjectNotFound:
		return "OBJ_NOT_FOUND"
	case ErrorIdentityCollision:
		return "IDENTITY_COLLISION"
	case ErrorUnsupportedOperation:
		return "UNSUPPORTED_OPERATION"
	case ErrorNeedMembershipCertificate:
		return "NEED_MEMBERSHIP_CERTIFICATE"
	case ErrorNetworkAccessDenied:
		return "NETWORK_ACCESS_DENIED"
	case ErrorUnwantedMulticast:
		return "UNWANTED_MULTICAST"
	case ErrorNetworkAuthenticationRequired:
		return "NETWORK_AUTHENTICATION_REQUIRED"
	}
	return "UNASSIGNED"
}
