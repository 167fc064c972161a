// Package node is the core: it composes the virtual wire, the virtual networks,
// their host ports and the controller into one node, with one entry point for
// each kind of event. It performs no I/O, starts no goroutine, reads no clock
// and draws no randomness except from its configuration: datagrams, packets,
// results and the time come in, an [Outbox] is filled.
package node
