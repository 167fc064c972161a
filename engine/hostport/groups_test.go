package hostport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// report is an IGMPv2 report for a group.
func report(group string) []byte { return igmp(0x16, group) }

func igmp(kind byte, group string) []byte {
	g := ip(group).As4()
	m := []byte{kind, 0, 0, 0, g[0], g[1], g[2], g[3]}
	binary.BigEndian.PutUint16(m[2:], ether.Checksum(m))
	return packet("10.0.0.5", group, ether.ProtoIGMP, m...)
}

// mld is an MLDv1 message behind a hop-by-hop header.
func mld(kind byte, group string) []byte {
	src, dst := ip("fe80::5"), ip(group)
	m := append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, dst.AsSlice()...)
	binary.BigEndian.PutUint16(m[2:], ether.Checksum6(src, dst, ether.ProtoICMPv6, m))
	return packet("fe80::5", group, ether.ProtoHopByHop, append([]byte{58, 0, 5, 2, 0, 0, 1, 0}, m...)...)
}

func groupList(p *Port) string {
	var s []string
	for _, g := range p.Groups() {
		s = append(s, fmt.Sprintf("%v/%x", g.MAC, g.ADI))
	}
	return strings.Join(s, " ")
}

func TestGroupsOfAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  Settings
		want string
	}{
		"none": {Settings{}, ""},
		"IPv4": {v4, "01:00:5e:00:00:01/0 ff:ff:ff:ff:ff:ff/a000005"},
		"IPv6": {v6, "33:33:00:00:00:01/0 33:33:ff:00:00:05/0"},
		"both, with an added one": {
			Settings{Assigned: prefixes("10.0.0.5/24", "fd00::6/64"), Added: prefixes("192.168.0.1/16", "fe80::5/64")},
			"01:00:5e:00:00:01/0 33:33:00:00:00:01/0 33:33:ff:00:00:05/0 33:33:ff:00:00:06/0 ff:ff:ff:ff:ff:ff/a000005 ff:ff:ff:ff:ff:ff/c0a80001",
		},
	} {
		b := newBench(t, Config{}, c.set)
		if got := groupList(b.p); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestGroupVersion(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	version := b.p.GroupVersion()
	changed := func() bool {
		was := version
		version = b.p.GroupVersion()
		return version != was
	}
	b.host(udp("10.0.0.5", "10.0.0.9"))
	s := v4
	s.MTU = 1500
	b.p.Configure(b.at, s)
	if changed() {
		t.Error("changed by nothing")
	}
	for name, f := range map[string]func(){
		"report":  func() { b.host(report("224.0.0.251")) },
		"address": func() { s.Assigned = prefixes("10.0.0.6/24"); b.p.Configure(b.at, s) },
		"list":    func() { b.p.SetHostGroups([]netip.Addr{ip("239.7.7.7")}) },
	} {
		if f(); !changed() {
			t.Errorf("not changed by a new %s", name)
		}
		if f(); changed() {
			t.Errorf("changed by the same %s", name)
		}
	}
}

func TestSnooping(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24"), Added: prefixes("fe80::5/64")})
	base := groupList(b.p)
	has := func(mac string) bool { return strings.Contains(groupList(b.p), mac) }
	for _, c := range []struct {
		join, leave []byte
		mac         string
	}{
		{report("224.0.0.251"), igmp(0x17, "224.0.0.251"), "01:00:5e:00:00:fb/0"},
		{mld(131, "ff02::fb"), mld(132, "ff02::fb"), "33:33:00:00:00:fb/0"},
	} {
		b.host(c.join)
		if !has(c.mac) {
			t.Errorf("%s not joined", c.mac)
		}
		b.host(c.leave)
		if groupList(b.p) != base {
			t.Errorf("%s not left: %s", c.mac, groupList(b.p))
		}
		// Without a repeated report it expires after 300 s.
		b.host(c.join)
		b.run(200 * clock.Second)
		b.host(c.join)
		b.run(299 * clock.Second)
		if !has(c.mac) {
			t.Errorf("%s expired early", c.mac)
		}
		b.run(clock.Second)
		if groupList(b.p) != base {
			t.Errorf("%s did not expire: %s", c.mac, groupList(b.p))
		}
	}
	b.expect() // nothing of it was sent
	b.expectDrops(DropHostDiscovery, 8)
}

func TestReportsSentIfWanted(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, Settings{Assigned: prefixes("10.0.0.5/24"), Added: prefixes("fe80::5/64"), SendReports: true})
	b.host(report("224.0.0.251"))
	b.host(mld(131, "ff02::fb"))
	b.expect("net 01:00:5e:00:00:fb 10.0.0.5>224.0.0.251 proto 2 len 28", "net 33:33:00:00:00:fb fe80::5>ff02::fb proto 58 len 72")
	if !b.p.joined(0x01005e0000fb) || !b.p.joined(0x3333000000fb) {
		t.Error("not joined")
	}
}

// A list of the system replaces queries; a report counts at once and expires
// unless the list has the group.
func TestHostList(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	b.host(report("239.1.1.1"))
	b.host(report("239.1.1.2"))
	b.p.SetHostGroups([]netip.Addr{ip("239.1.1.1"), ip("ff02::fb"), ip("10.0.0.1")})
	b.run(400 * clock.Second)
	b.expect()
	want := []bool{true, false, true}
	got := []bool{b.p.joined(0x01005e010101), b.p.joined(0x01005e010102), b.p.joined(0x3333000000fb)}
	if !slices.Equal(got, want) {
		t.Errorf("joined %v, want %v", got, want)
	}
	b.p.SetHostGroups(nil)
	if b.p.joined(0x01005e010101) {
		t.Error("still joined")
	}
}

func TestHostQueries(t *testing.T) {
	t.Parallel()
	// The querier is the member with address 0, which no node can have.
	querier := "host mld-query from " + identity.LinkLocal(identity.MACOf(nwid, 0)).String()
	b := newBench(t, Config{}, Settings{Added: prefixes("10.0.0.5/24", "fe80::5/64")})
	b.run(3 * clock.Second)
	b.log = slices.DeleteFunc(b.log, func(s string) bool { return strings.HasPrefix(s, "net") })
	b.expect("host igmp-query", querier)
	b.run(121 * clock.Second)
	b.expect()
	b.run(2 * clock.Second)
	b.expect("host igmp-query", querier)
	// A new address is a reason to ask again.
	b.p.Configure(b.at, Settings{Added: prefixes("10.0.0.5/24"), MTU: 1500})
	b.run(0)
	b.expect("host igmp-query")
}
