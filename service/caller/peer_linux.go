package caller

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// credential reads SO_PEERCRED and SO_PEERGROUPS: the credentials the peer had
// when it connected. A kernel without SO_PEERGROUPS (before 4.13) leaves Groups
// empty; the user database then has to do.
func credential(fd int) (Credential, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Credential{}, err
	}
	return Credential{UID: cred.Uid, GID: cred.Gid, Groups: peerGroups(fd)}, nil
}

// peerGroups returns nil if the kernel does not tell.
func peerGroups(fd int) []uint32 {
	groups := make([]uint32, 64)
	for range 2 {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		n := int(size / 4)
		switch {
		case errno == 0 && n <= len(groups):
			return groups[:n]
		case errno == unix.ERANGE && n > len(groups) && n <= 1<<16: // the kernel says how many there are
			groups = make([]uint32, n)
		default:
			return nil
		}
	}
	return nil
}
