//go:build !linux

package netcfg

// Bridge is a bridge of the system, and what it can carry.
type Bridge struct {
	Name string
	// MTU is the largest packet that all its ports take.
	MTU int
}

// BridgeOf is the bridge that an interface is a port of, the zero value if it is
// of none. On this system our devices carry no Ethernet, so that there is none.
func BridgeOf(string) (Bridge, error) { return Bridge{}, nil }
