package caller

import "golang.org/x/sys/unix"

// solLocal is the socket option level of Unix sockets (sys/un.h).
const solLocal = 0

// credential reads LOCAL_PEERCRED: the credentials the peer had when it
// connected, with at most 16 groups, of which the first is its own group.
func credential(fd int) (Credential, error) {
	x, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return Credential{}, err
	}
	n := min(max(int(x.Ngroups), 0), len(x.Groups))
	if n == 0 {
		// Without a group list there is no group to compare: none is ours.
		return Credential{UID: x.Uid, GID: ^uint32(0)}, nil
	}
	return Credential{UID: x.Uid, GID: x.Groups[0], Groups: append([]uint32(nil), x.Groups[:n]...)}, nil
}
