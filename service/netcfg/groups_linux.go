package netcfg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"

	"orrery/engine/identity"
)

// procNet has the lists of the thread's network namespace.
const procNet = "/proc/thread-self/net/"

// groups reads the multicast groups of an interface. A list that the kernel
// does not have, for want of the family, is empty.
func groups(ifname string) ([]netip.Addr, []identity.MAC, error) {
	var lists [3][]byte
	for i, name := range []string{"igmp", "igmp6", "dev_mcast"} {
		b, err := os.ReadFile(procNet + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("list multicast groups: %w", err)
		}
		lists[i] = b
	}
	ips := parseIGMP6(parseIGMP(nil, lists[0], ifname), lists[1], ifname)
	return ips, parseDevMcast(lists[2], ifname), nil
}

// parseIGMP reads /proc/net/igmp: a line per interface with its name in second
// place and ":" in third, followed by indented lines that start with a group,
// the word as this machine's byte order has it.
func parseIGMP(out []netip.Addr, b []byte, ifname string) []netip.Addr {
	ours := false
	for line := range lines(b) {
		f := bytes.Fields(line)
		switch {
		case len(f) == 0:
		case line[0] != ' ' && line[0] != '\t':
			ours = len(f) > 1 && string(bytes.TrimSuffix(f[1], []byte(":"))) == ifname
		case ours && len(f[0]) == 8:
			if v, err := strconv.ParseUint(string(f[0]), 16, 32); err == nil {
				var ip [4]byte
				binary.NativeEndian.PutUint32(ip[:], uint32(v))
				out = append(out, netip.AddrFrom4(ip))
			}
		}
	}
	return out
}

// parseIGMP6 reads /proc/net/igmp6: index, interface, group.
func parseIGMP6(out []netip.Addr, b []byte, ifname string) []netip.Addr {
	for line := range lines(b) {
		f := bytes.Fields(line)
		if len(f) < 3 || string(f[1]) != ifname || len(f[2]) != 32 {
			continue
		}
		var ip [16]byte
		if _, err := hex.Decode(ip[:], f[2]); err == nil {
			out = append(out, netip.AddrFrom16(ip))
		}
	}
	return out
}

// parseDevMcast reads /proc/net/dev_mcast: index, interface, two counts, MAC.
func parseDevMcast(b []byte, ifname string) []identity.MAC {
	var out []identity.MAC
	for line := range lines(b) {
		f := bytes.Fields(line)
		if len(f) < 5 || string(f[1]) != ifname {
			continue
		}
		if m, err := identity.ParseMAC(string(f[4])); err == nil {
			out = append(out, m)
		}
	}
	return out
}

// lines yields the lines of b that are not empty.
func lines(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if len(s.Bytes()) > 0 && !yield(s.Bytes()) {
				return
			}
		}
	}
}
