// Package caller says who is at the other end of a local connection, from what
// the operating system knows and not from anything the client sends, and maps
// that to an ipc.Role (design §3, decision 2).
//
// It must not read from or write to the connection, and it never decides by
// process ID, which can be reused by another process.
package caller
