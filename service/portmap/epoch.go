package portmap

import "time"

// epoch follows a gateway's count of seconds, which starts over when the
// gateway has lost its mappings.
type epoch struct {
	known  bool
	server uint32
	client time.Time
}

// lost takes a reading and reports whether the gateway has lost its state since
// the one before (RFC 6887 §8.5): its clock has gone back, or runs differently
// from ours by more than a sixteenth.
func (e *epoch) lost(server uint32, now time.Time) bool {
	before := *e
	*e = epoch{known: true, server: server, client: now}
	if !before.known {
		return false
	}
	if int64(server)+1 < int64(before.server) {
		return true
	}
	s := int64(server) - int64(before.server)
	c := int64(now.Sub(before.client) / time.Second)
	return c+2 < s-s/16 || s+2 < c-c/16
}
