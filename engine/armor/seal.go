package armor

// Seal armours a whole packet of at least 28 bytes in place. Packet ID,
// addresses, the fragmented flag and compression must be final; hops do not
// matter. Suite 3 replaces the packet ID in bytes 0..7 by the one that goes on the
// wire. It panics for a suite other than 0, 1 and 3 (spec 01 §7, §8.2).
func (k *Keys) Seal(packet []byte, s Suite) {
	_ = packet[headerLen-1]
	setSuite(packet, s)
	switch s {
	case Poly1305None, Salsa2012Poly1305:
		k.sealSalsa(packet, s)
	case AESGMACSIV:
		k.sealAES(packet)
	default:
		panic("armor: no such suite to seal with: " + s.String())
	}
}

// Open authenticates and decrypts a whole packet in place by the suite in its
// flags, which must be 0, 1 or 3, and reports whether it is authentic. The
// header is left as it was received, so that bytes 0..7 are still the ID on the
// wire. After a failure the section from byte 27 on has no meaning (spec 01 §7,
// §8.3).
func (k *Keys) Open(packet []byte) bool {
	if len(packet) < headerLen {
		return false
	}
	switch s := SuiteOf(packet); s {
	case Poly1305None, Salsa2012Poly1305:
		return k.openSalsa(packet, s)
	case AESGMACSIV:
		return k.openAES(packet)
	}
	return false
}
