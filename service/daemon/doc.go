// Package daemon is one running orreryd: it opens the home directory, loads
// what is there, makes the core, the sockets and the local API, and answers
// the API's calls. It decides nothing about the protocol.
package daemon
