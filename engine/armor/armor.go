// Package armor seals and opens packets: Salsa20/12 with Poly1305, Poly1305
// alone, AES-GMAC-SIV, and the encrypted section of HELLO (spec 01 §6 to §9).
//
// It works in place on whole packets and allocates nothing per packet. It
// chooses no suite, draws no packet ID and knows no peer; who opened a packet
// decides what an authentic one may do.
package armor

// Offsets in the packet header (spec 01 §6).
const (
	offFlags   = 18
	offMAC     = 19
	offSection = 27
	headerLen  = 28
)

// Bits of the flags byte.
const (
	flagEncrypted = 0x80
	suiteMask     = 0x38
	suiteShift    = 3
	hopsMask      = 0x07
)

// Suite is the cipher suite in bits 5..3 of a packet's flags byte.
type Suite uint8

// The suites of the protocol; 4 to 7 are undefined.
const (
	// Poly1305None authenticates and does not encrypt.
	Poly1305None Suite = 0
	// Salsa2012Poly1305 encrypts with Salsa20/12.
	Salsa2012Poly1305 Suite = 1
	// TrustedPath has no cryptography; the MAC field names the path.
	TrustedPath Suite = 2
	// AESGMACSIV is AES-256 in GMAC-SIV mode.
	AESGMACSIV Suite = 3
)

// String returns the suite's name for logs.
func (s Suite) String() string {
	switch s {
	case Poly1305None:
		return "poly1305-none"
	case Salsa2012Poly1305:
		return "salsa2012-poly1305"
	case TrustedPath:
		return "trusted-path"
	case AESGMACSIV:
		return "aes-gmac-siv"
	}
	return "undefined"
}

// SuiteOf reads the suite of a packet of at least 19 bytes.
func SuiteOf(packet []byte) Suite { return Suite(packet[offFlags] & suiteMask >> suiteShift) }

// setSuite writes the suite and the legacy "encrypted" bit that goes with it.
func setSuite(packet []byte, s Suite) {
	f := packet[offFlags]&^(suiteMask|flagEncrypted) | byte(s)<<suiteShift
	if s == Salsa2012Poly1305 {
		f |= flagEncrypted
	}
	packet[offFlags] = f
}
