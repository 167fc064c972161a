// Package api is the server half of the local contract of package ipc:
// routes, roles, limits, the event stream, and the reference's JSON API for
// existing tools. It decides who may ask what; what the answer is comes from a
// [Backend]. It must not know the engine beyond addresses and network IDs.
//
// Two servers share one [Backend]. [Server] speaks /v1 over a Unix socket or
// a named pipe and knows its callers from the operating system. [Compat]
// speaks the reference's API (spec 06 §5) over loopback TCP with a token.
package api
