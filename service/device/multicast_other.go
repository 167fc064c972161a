//go:build !linux

package device

import "orrery/engine/identity"

// MulticastMACs lists the Ethernet groups that an interface of this machine
// listens to. Only L2 devices have any, and this system has none.
func MulticastMACs(string) ([]identity.MAC, error) { return nil, nil }
