//go:build race

package sim_test

// raceDetector is on: everything takes ten times as long.
const raceDetector = true
