//go:build !linux

package udp

import "syscall"

// Outside returns a function for [net.Dialer.Control] that keeps a connection
// out of our own virtual networks, as the sockets of this package are: it leaves
// by the interface with that index, or as the system likes if that is 0. There
// are no marks here.
func Outside(_ uint32, index int) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) (err error) {
		if index == 0 {
			return nil
		}
		v6 := len(network) > 0 && network[len(network)-1] == '6'
		if e := c.Control(func(fd uintptr) { err = bindDevice(fd, v6, &Binding{Index: index}) }); e != nil {
			return e
		}
		return err
	}
}
