package diag

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const driverAdvice = "Load the module (\"modprobe tun\"); in a container, pass the device /dev/net/tun and the capability NET_ADMIN in."

// driver says why there can be no virtual device, "" if there can.
func driver() string {
	err := unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "/dev/net/tun does not exist"
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return "" // for the service it can be had
	}
	return "/dev/net/tun: " + err.Error()
}

// privileged reports whether this process may change the network.
func privileged() bool { return os.Geteuid() == 0 }

// others finds the reference among the processes.
func others() []other {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []other
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc", d.Name(), "comm"))
		if err == nil && strings.TrimSpace(string(name)) == "zerotier-one" && sameNamespace(d.Name()) {
			all = append(all, other{name: "ZeroTier", home: "/var/lib/zerotier-one", process: pid})
		}
	}
	return all
}

// sameNamespace reports whether a process has the network that we have: in a
// container of its own it is no business of ours.
func sameNamespace(pid string) bool {
	theirs, err := os.Readlink(filepath.Join("/proc", pid, "ns/net"))
	if err != nil {
		return true // not to be seen by us
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return err != nil || ours == theirs
}
