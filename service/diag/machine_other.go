//go:build !linux

package diag

import "os"

const driverAdvice = "Install the service again: its package brings the driver."

// driver says why there can be no virtual device. The driver comes with the
// system or with the service, and is not there before a device is made.
func driver() string { return "" }

// privileged reports whether this process may change the network.
func privileged() bool { return os.Geteuid() == 0 }

// others finds other programs of the kind; here it is the system that keeps
// them apart.
func others() []other { return nil }
