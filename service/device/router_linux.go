package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// AllowDefaultRouter says whether a router on the network may become a default
// router of this computer by advertising itself. Without, router advertisements
// give addresses only: any member can send one. It is no error if the system has
// no IPv6.
func (d *tapDevice) AllowDefaultRouter(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	path := "/proc/sys/net/ipv6/conf/" + d.name + "/accept_ra_defrtr"
	had, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(had) > 0 && string(had[:1]) == value {
		return nil
	}
	if err == nil {
		err = os.WriteFile(path, []byte(value), 0o600)
	}
	if err != nil {
		return fmt.Errorf("default routers on %s: %w", d.name, err)
	}
	return nil
}
