// Package clock has the two kinds of time that the engine is given: calendar
// time, which goes on the wire, and monotonic time, which drives timers. The
// engine reads no clock itself; whoever calls it reads both once per event.
package clock

// Mono is a monotonic instant or span in nanoseconds. Its zero has no meaning
// of its own; only differences count.
type Mono int64

// Wall is calendar time in milliseconds since 1970-01-01 UTC, as the protocol
// writes it into HELLO, credentials and configurations.
type Wall int64

// Spans of monotonic time.
const (
	Millisecond Mono = 1e6
	Second           = 1000 * Millisecond
	Minute           = 60 * Second
	Hour             = 60 * Minute
)

// Never is earlier than every instant a caller can name by more than any
// timeout of the protocol, so that "now - Never" always exceeds it. It stands
// for "has not happened".
const Never Mono = -1 << 61

// Instant is one reading of both clocks, taken by the caller for each event.
type Instant struct {
	Mono Mono
	Wall Wall
}

// Add returns the instant d later on both clocks.
func (i Instant) Add(d Mono) Instant {
	return Instant{Mono: i.Mono + d, Wall: i.Wall + Wall(d/Millisecond)}
}
