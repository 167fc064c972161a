//go:build linux || darwin

package caller

import (
	"fmt"
	"net"
)

// peer asks the kernel for the credentials at the other end of a Unix socket.
// The operators' group is resolved later, by number.
func peer(conn net.Conn, _ string) (Credential, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return Credential{}, ErrNoCredentials
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Credential{}, fmt.Errorf("peer credentials: %w", err)
	}
	var c Credential
	var inner error
	if err := raw.Control(func(fd uintptr) { c, inner = credential(int(fd)) }); err != nil {
		return Credential{}, fmt.Errorf("peer credentials: %w", err)
	}
	if inner != nil {
		return Credential{}, fmt.Errorf("peer credentials: %w", inner)
	}
	c.System = c.UID == 0
	return c, nil
}
