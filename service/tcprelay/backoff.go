package tcprelay

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// pauseAfter is the pause after so many failures in a row: it doubles, and is
// spread by a quarter either way, so that a relay that comes back is not run
// over by all of its clients.
func pauseAfter(failed int) time.Duration {
	d := firstPause
	for range failed - 1 {
		if d *= 2; d >= longestPause {
			d = longestPause
			break
		}
	}
	return d*3/4 + rand.N(d/2)
}
