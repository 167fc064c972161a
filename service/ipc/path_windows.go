package ipc

// DefaultPath is where the service listens unless told otherwise.
const DefaultPath = `\\.\pipe\orrery`
