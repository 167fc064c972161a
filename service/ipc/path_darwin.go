package ipc

// DefaultPath is where the service listens unless told otherwise.
const DefaultPath = "/var/run/orrery/orreryd.sock"
