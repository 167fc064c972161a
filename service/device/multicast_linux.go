package device

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"orrery/engine/identity"
)

// MulticastMACs lists the Ethernet groups that an interface of this machine
// listens to, in ascending order. Only L2 devices have any.
func MulticastMACs(name string) ([]identity.MAC, error) {
	f, err := os.Open("/proc/net/dev_mcast")
	if err != nil {
		return nil, fmt.Errorf("list multicast groups: %w", err)
	}
	defer func() { _ = f.Close() }()
	var macs []identity.MAC
	for s := bufio.NewScanner(f); s.Scan(); {
		// index, name, users, global use, address
		w := strings.Fields(s.Text())
		if len(w) != 5 || w[1] != name {
			continue
		}
		if b, err := hex.DecodeString(w[4]); err == nil && len(b) == 6 {
			macs = append(macs, identity.MACFrom(b))
		}
	}
	slices.Sort(macs)
	return slices.Compact(macs), nil
}
