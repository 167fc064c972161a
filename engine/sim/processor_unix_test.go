//go:build unix

package sim_test

import (
	"syscall"
	"time"
)

// processorTime is what the process used so far: on a machine that others use
// too it tells more than a clock.
func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
