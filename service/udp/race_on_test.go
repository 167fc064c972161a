//go:build race

package udp

// raceDetector is whether tests run under it: then pools forget at random.
const raceDetector = true
