// Package host drives the engine: it feeds one node.Core with datagrams, host
// packets, results of slow work and the time, and carries out what the core
// wants done. It owns the goroutines and the lock that make the core's single
// owner; all decisions stay in the engine.
package host
