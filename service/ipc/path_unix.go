//go:build !windows && !darwin

package ipc

// DefaultPath is where the service listens unless told otherwise.
const DefaultPath = "/run/orrery/orreryd.sock"
