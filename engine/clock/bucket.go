package clock

// Bucket is a token bucket on monotonic time: it bounds how often something
// happens, with a reserve. The zero value is full. Its size and rate come with
// every call, so that tables of buckets stay small.
type Bucket struct {
	spent int
	// since is when the token that is being refilled was last begun.
	since Mono
}

// Give puts a token back that was taken for nothing.
func (b *Bucket) Give() { b.spent = max(0, b.spent-1) }

// Take uses one of the burst tokens that the bucket holds when full, of which one
// comes back after every so long, and reports whether there was one.
func (b *Bucket) Take(now Mono, burst int, every Mono) bool {
	if n := (now - b.since) / every; b.spent > 0 && n > 0 {
		b.spent = int(max(0, Mono(b.spent)-n))
		b.since += n * every
	}
	if b.spent >= burst {
		return false
	}
	if b.spent == 0 {
		b.since = now // a full bucket refills from when it was last full
	}
	b.spent++
	return true
}
