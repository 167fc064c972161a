package netconf

import (
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// MaxChunk is the most text in one chunk that we send. Incompressible, in an OK
// and over a path of the smallest MTU, it still fits the seven parts that a
// receiver joins: 1400 + 6·1384 bytes, less header (28), the OK's prefix (9),
// and what surrounds the text in a chunk (126).
const MaxChunk = 9541

// Chunks cuts an encoded configuration into signed bodies of NETWORK_CONFIG, or
// of the OK that answers a request, with at most size bytes of text each. The
// update ID is random, not 0, and tells updates apart. It returns ErrTooLong
// for a configuration that members would not take (spec 04 §4.2).
func Chunks(n identity.NetworkID, config []byte, update uint64, size int, s *identity.Secret) ([][]byte, error) {
	if size <= 0 || len(config) >= wire.ConfigCapacity || len(config) > size*wire.MaxConfigChunks {
		return nil, ErrTooLong
	}
	var out [][]byte
	for at := 0; at < len(config); at += size {
		c := wire.ConfigChunk{
			Network: n, Data: config[at:min(at+size, len(config))],
			UpdateID: update, Total: uint32(len(config)), Index: uint32(at),
		}
		body := c.AppendSigned(make([]byte, 0, len(c.Data)+126))
		sig := s.Sign(body)
		out = append(out, wire.AppendConfigSignature(body, &sig))
	}
	return out, nil
}
