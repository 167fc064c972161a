package identity

// Sizes of the binary form in bytes, without and with a private key.
const (
	BinaryLen       = AddressLen + 1 + PublicKeyLen + 1
	SecretBinaryLen = BinaryLen + PrivateKeyLen
)

// AppendBinary appends the 71 bytes of the wire form: address, type 0, public
// key, and a zero length of the private key (spec 01 §3.2).
func (id Identity) AppendBinary(b []byte) []byte {
	b = id.Address.Append(b)
	b = append(b, keyType)
	b = append(b, id.Public[:]...)
	return append(b, 0)
}

// ParseBinary reads the wire form from the start of b and returns how many
// bytes it took: 71, or 135 when a private key follows, which is ignored. The
// address is not checked against the key; see [Identity.Validate]. Errors are
// ErrTruncated and ErrFormat (spec 01 §3.2).
func ParseBinary(b []byte) (id Identity, n int, err error) {
	if len(b) < BinaryLen {
		return Identity{}, 0, ErrTruncated
	}
	if b[5] != keyType {
		return Identity{}, 0, ErrFormat
	}
	switch b[BinaryLen-1] {
	case 0:
		n = BinaryLen
	case PrivateKeyLen:
		n = SecretBinaryLen
	default:
		return Identity{}, 0, ErrFormat
	}
	if len(b) < n {
		return Identity{}, 0, ErrTruncated
	}
	id.Address = AddressFrom(b)
	copy(id.Public[:], b[6:])
	return id, n, nil
}
