package device

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"

	"orrery/engine/identity"
)

// opening is held while a device is created.
var opening sync.Mutex

// base32 is the alphabet of interface names.
const base32 = "abcdefghijklmnopqrstuvwxyz234567"

// LinuxName is the name of network n's interface on Linux: "zt" and 8
// characters. Firewall rules of users match these names, hence they are the
// reference's (spec 06 §9.1). Trial is 0 unless that name is taken.
func LinuxName(n identity.NetworkID, trial uint64) string {
	x := (uint64(n) ^ uint64(n)>>24) + trial
	b := []byte("zt01234567")
	for i := range 8 {
		b[2+i] = base32[x>>(35-5*i)&31]
	}
	return string(b)
}

// WindowsName is the friendly name of network n's adapter on Windows.
func WindowsName(n identity.NetworkID) string { return "Orrery [" + n.String() + "]" }

// checkMTU refuses an MTU that no network can have.
func checkMTU(mtu int) error {
	if mtu < MinMTU || mtu > MaxMTU {
		return fmt.Errorf("%w: %d is not in %d to %d", ErrMTU, mtu, MinMTU, MaxMTU)
	}
	return nil
}

// checkName refuses what Linux does not take as an interface name. Names can
// come from a user's file.
func checkName(name string) error {
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/:%\x00 \t\r\n\v\f") {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// adapterGUID is the GUID of network n's adapter on Windows, in the memory
// layout of the system's GUID. The same network has the same GUID always.
func adapterGUID(n identity.NetworkID) [16]byte {
	h := sha256.Sum256(n.Append([]byte("orrery adapter v1\x00")))
	id := [16]byte(h[:16])
	id[7] = id[7]&0x0f | 0x80 // version 8, custom; the third field is little-endian
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id
}
