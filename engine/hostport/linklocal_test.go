package hostport

import "testing"

// A link-local neighbour's MAC follows from its address; where there is no
// multicast it is asked for all the same, so that the neighbour knows ours.
func TestLinkLocalNeighbours(t *testing.T) {
	t.Parallel()
	const theirs = "fe80::3ce3:68ff:fec0:7cb8"
	for _, ask := range []bool{false, true} {
		b := settled(t, Config{}, Settings{Added: prefixes("fe80::5/64"), AskLinkLocal: ask})
		b.host(packet("fe80::5", theirs, 17, make([]byte, 12)...))
		if ask {
			b.expect("net 33:33:ff:c0:7c:b8 solicit " + theirs + " from fe80::5 to ff02::1:ffc0:7cb8, option own <nil>")
		} else {
			b.expect("net peer fe80::5>" + theirs + " proto 17 len 52")
		}
	}
}
