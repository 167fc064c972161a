//go:build !race

package udp

// raceDetector is whether tests run under it.
const raceDetector = false
