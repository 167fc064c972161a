// Package netcfg gives interfaces their addresses, MTU and routes, and takes
// them away again.
//
// Everything is entered in a journal on disk before it is made, so that a
// service that died leaves nothing behind: [Open] undoes what an earlier run
// did not, [Manager.Close] undoes the rest. What others have set on the machine
// is left alone.
//
// The package does not judge what a network may have, which is for package
// netconf, and does not touch DNS. It runs no shell.
package netcfg
