//go:build !linux

package metrics

// resident is how many bytes of memory the process occupies, 0 if unknown.
func resident() uint64 { return 0 }
