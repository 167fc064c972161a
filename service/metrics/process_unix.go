//go:build unix

package metrics

import (
	"time"

	"golang.org/x/sys/unix"
)

// processor is the time that this process has used of all processors.
func processor() (time.Duration, bool) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
