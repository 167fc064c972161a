//go:build !unix

package sim_test

import "time"

var began = time.Now()

// processorTime is the time that passed, where nothing better is known.
func processorTime() time.Duration { return time.Since(began) }
