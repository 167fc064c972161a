package tcprelay

import (
	"sync"
	"time"
)

// limit admits so many bytes a second, as a token bucket that holds those of
// one second, and at least the longest datagram. A nil limit admits all.
type limit struct {
	rate, burst float64 // bytes a second, and bytes

	mu   sync.Mutex // guards what follows
	left float64
	at   time.Time
}

// newLimit makes a limit, nil if rate is 0.
func newLimit(rate int64, now time.Time) *limit {
	if rate <= 0 {
		return nil
	}
	burst := float64(max(rate, MaxDatagram))
	return &limit{rate: float64(rate), burst: burst, left: burst, at: now}
}

// take reports whether n bytes more are within the limit, and counts them then.
func (l *limit) take(n int, now time.Time) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.at); d > 0 {
		l.left = min(l.burst, l.left+l.rate*d.Seconds())
		l.at = now
	}
	if l.left < float64(n) {
		return false
	}
	l.left -= float64(n)
	return true
}
