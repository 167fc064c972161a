package wire

import (
	"bytes"
	"encoding/binary"
)

// UserMessage carries data of applications (spec 02 §10.20).
type UserMessage struct {
	// Type tells applications apart; up to 65535 it is reserved.
	Type uint64
	Data []byte
}

// Append appends the payload.
func (m UserMessage) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, m.Type), m.Data...)
}

// ParseUserMessage reads the payload. With ErrTruncated the packet still counts
// as received.
func ParseUserMessage(payload []byte) (UserMessage, error) {
	if len(payload) < 8 {
		return UserMessage{}, ErrTruncated
	}
	return UserMessage{Type: binary.BigEndian.Uint64(payload), Data: payload[8:]}, nil
}

// MaxRemoteTrace is the longest text of a REMOTE_TRACE in bytes.
const MaxRemoteTrace = 10000

// AppendRemoteTrace appends one text, which must not contain NUL; a payload is
// any number of them (spec 02 §10.21).
func AppendRemoteTrace(b, text []byte) []byte { return append(append(b, text...), 0) }

// NextRemoteTrace returns the first text in a payload and the payload behind it;
// ok is false at the end. Empty and too long texts are left out, as is what does
// not end with NUL.
func NextRemoteTrace(payload []byte) (text, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(payload, 0)
		if i < 0 {
			return nil, nil, false
		}
		text, payload = payload[:i], payload[i+1:]
		if len(text) > 0 && len(text) <= MaxRemoteTrace {
			return text, payload, true
		}
	}
}
