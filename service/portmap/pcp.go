package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// The Port Control Protocol's numbers (RFC 6887).
const (
	pcpVersion    = 2
	natpmpVersion = 0

	opAnnounce = 0
	opMap      = 1
	opResponse = 0x80

	protocolUDP = 17

	pcpHeaderLen = 24
	pcpMapLen    = pcpHeaderLen + 36
	pcpMaxLen    = 1100
)

// nonce shows the gateway that a request comes from a mapping's owner.
type nonce [12]byte

// pcpResult is the result code of a response.
type pcpResult uint8

const (
	pcpSuccess     pcpResult = 0
	pcpUnsuppVers  pcpResult = 1
	pcpUnsuppOp    pcpResult = 4
	pcpNoExternal  pcpResult = 7 // network failure: no external address yet
	pcpResultCount           = 14
)

// String says what the result means.
func (r pcpResult) String() string {
	words := [pcpResultCount]string{
		"success", "the version is not supported", "not authorised", "the request is malformed", "the operation is not supported",
		"an option is not supported", "an option is malformed", "the gateway has no connection to the Internet", "no resources left",
		"the protocol is not supported", "too many mappings for this machine", "the wanted external port is not available",
		"our address is not the one that the gateway sees", "too many remote peers",
	}
	if int(r) < len(words) {
		return words[r]
	}
	return fmt.Sprintf("error %d", uint8(r))
}

// Errors of what a gateway sends. Such datagrams are ignored.
var (
	errNotPCP   = errors.New("not a PCP response")
	errOther    = errors.New("response to something else")
	errShortPCP = errors.New("PCP response is cut")
)

// pcpRequest makes a request without content (RFC 6887 §7.1): version,
// operation, lifetime in seconds, and the client's address.
func pcpRequest(op byte, lifetime uint32, client netip.Addr) []byte {
	b := append(make([]byte, 0, pcpMapLen), pcpVersion, op, 0, 0)
	b = binary.BigEndian.AppendUint32(b, lifetime)
	a := client.As16()
	return append(b, a[:]...)
}

// pcpMapRequest makes a request to map a UDP port (RFC 6887 §11.1). External is
// what we would like; its parts may be unspecified. A lifetime of 0 deletes.
func pcpMapRequest(client netip.Addr, n nonce, port uint16, external netip.AddrPort, lifetime uint32) []byte {
	b := pcpRequest(opMap, lifetime, client)
	b = append(b, n[:]...)
	b = append(b, protocolUDP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, external.Port())
	a := external.Addr()
	if !a.IsValid() {
		a = netip.IPv4Unspecified() // any, of this family
	}
	a16 := a.As16()
	return append(b, a16[:]...)
}

// pcpResponse is a response to an announcement or a map request.
type pcpResponse struct {
	// version is that of the sender. All that follows is only there if it is
	// pcpVersion.
	version uint8
	op      uint8
	result  pcpResult
	// life is how long the mapping, or the error, lasts.
	life  time.Duration
	epoch uint32

	// Of a map response, in part the request's:
	nonce    nonce
	protocol uint8
	port     uint16
	external netip.AddrPort
}

// parsePCP reads a response. A response of another version, such as that of a
// gateway with NAT-PMP only, has nothing but that version.
func parsePCP(b []byte) (r pcpResponse, err error) {
	if len(b) < 4 || len(b) > pcpMaxLen {
		return r, errShortPCP
	}
	if b[1]&opResponse == 0 {
		return r, errNotPCP
	}
	r.version, r.op = b[0], b[1]&^opResponse
	if r.version != pcpVersion {
		return r, nil
	}
	if len(b) < pcpHeaderLen || len(b)%4 != 0 {
		return r, errShortPCP
	}
	r.result = pcpResult(b[3])
	r.life = time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second
	r.epoch = binary.BigEndian.Uint32(b[8:])
	if r.op != opMap {
		return r, nil
	}
	if len(b) < pcpMapLen {
		// An error may come without the request's content.
		if r.result != pcpSuccess {
			return r, nil
		}
		return r, errShortPCP
	}
	b = b[pcpHeaderLen:]
	copy(r.nonce[:], b)
	r.protocol = b[12]
	r.port = binary.BigEndian.Uint16(b[16:])
	ip := netip.AddrFrom16([16]byte(b[20:36])).Unmap()
	r.external = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[18:]))
	return r, nil
}

// answers reports whether r answers the map request with this nonce and port.
// An error without content is taken for an answer; it creates nothing.
func (r *pcpResponse) answers(n nonce, port uint16) bool {
	if r.op != opMap {
		return false
	}
	if r.result != pcpSuccess && r.nonce == (nonce{}) && r.port == 0 {
		return true
	}
	return r.nonce == n && r.protocol == protocolUDP && r.port == port
}
