// Package controller decides for the networks of one node: who is a member,
// with which addresses, rules and credentials (spec 05).
//
// It holds every record in memory as the JSON document that the management
// API shows, plus a typed view derived from it; the document is the truth and
// the view is always rebuilt from it. Nothing is written here: each change of
// a record is queued as a [Change] and the caller makes it durable before it
// sends the reply or push that depends on it. What has to be told to members
// unasked is queued as a [Push].
//
// The package performs no I/O, reads no clock, draws randomness only from its
// configuration and is deterministic: the same calls give the same changes,
// pushes and bytes. One owner calls it; it is not safe for concurrent use.
package controller
