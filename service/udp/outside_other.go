//go:build !linux

package udp

import "syscall"

// Outside returns a function for [net.Dialer.Control]. There are no marks here.
func Outside(uint32) func(network, address string, c syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error { return nil }
}
