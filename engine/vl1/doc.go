// Package vl1 is the virtual wire: peers, the physical paths to them, the roots
// that introduce and relay, and the armoured packets between (spec 03). It has
// no sockets, clock or goroutines: datagrams, work results and the time come
// in, an outbox is filled.
//
// Nothing that a stranger sends makes state without a bound, and nothing is
// kept or answered before a MAC verified. Every identity enters by one function
// that asks the trust table.
package vl1
