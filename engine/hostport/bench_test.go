package hostport

import (
	"fmt"
	"testing"

	"orrery/engine/ether"
	"orrery/engine/identity"
)

// ready is a port with n reachable neighbours of either family.
func ready(tb testing.TB, n int) *bench {
	b := settled(tb, Config{}, Settings{Assigned: prefixes("10.0.0.5/16", "fd00::5/64"), Added: prefixes("fe80::5/64")})
	for i := range n {
		for _, to := range []string{fmt.Sprintf("10.0.1.%d", i+1), fmt.Sprintf("fd00::1:%x", i+1)} {
			src := "10.0.0.5"
			if ip(to).Is6() {
				src = "fd00::5"
			}
			b.host(udp(src, to))
			b.p.confirm(b.at.Mono, withMAC(b.p.neighbors[ip(to)], peerMAC), b)
			b.host(udp(src, to))
		}
	}
	return b
}

func withMAC(n *neighbor, m identity.MAC) *neighbor {
	n.mac = m
	return n
}

func TestNoAllocations(t *testing.T) {
	b := ready(t, 3)
	for name, f := range map[string]func(p []byte) func(){
		"from the host": func(p []byte) func() { return func() { b.p.FromHost(b.at, p, discard{}) } },
		"from the network": func(p []byte) func() {
			return func() { b.p.FromNetwork(b.at, peerMAC, ownMAC, typeOf(p), p, false, discard{}) }
		},
	} {
		for _, p := range [][]byte{
			udp("10.0.0.5", "10.0.1.2"), udp("fd00::5", "fd00::1:2"), udp("10.0.1.2", "10.0.0.5"), udp("fd00::1:2", "fd00::5"),
			udp("10.0.0.5", "224.0.0.251"),
		} {
			run := f(p)
			if n := testing.AllocsPerRun(100, run); n != 0 {
				t.Errorf("%s, %s: %v allocations", name, describe(typeOf(p), p), n)
			}
		}
	}
	question := arp(ether.ARPRequest, peerMAC, "10.0.1.2", "10.0.0.5")
	if n := testing.AllocsPerRun(8, func() {
		b.p.FromNetwork(b.at, peerMAC, ownMAC, ether.TypeARP, question, false, discard{})
	}); n != 0 {
		t.Errorf("ARP: %v allocations", n)
	}
}

func typeOf(p []byte) uint16 {
	if p[0]>>4 == 6 {
		return ether.TypeIPv6
	}
	return ether.TypeIPv4
}

func benchmarkHost(b *testing.B, n int, src, form string) {
	port := ready(b, n)
	var packets [][]byte
	for i := range n {
		packets = append(packets, packet(src, fmt.Sprintf(form, i+1), 17, make([]byte, 1350)...))
	}
	b.SetBytes(int64(len(packets[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		port.p.FromHost(port.at, packets[i%n], discard{})
	}
}

func BenchmarkFromHost4(b *testing.B)     { benchmarkHost(b, 1, "10.0.0.5", "10.0.1.%d") }
func BenchmarkFromHost4Many(b *testing.B) { benchmarkHost(b, 200, "10.0.0.5", "10.0.1.%d") }
func BenchmarkFromHost6(b *testing.B)     { benchmarkHost(b, 1, "fd00::5", "fd00::1:%x") }

func benchmarkNetwork(b *testing.B, src, dst string) {
	port := ready(b, 1)
	p := packet(src, dst, 17, make([]byte, 1350)...)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		port.p.FromNetwork(port.at, peerMAC, ownMAC, typeOf(p), p, false, discard{})
	}
}

func BenchmarkFromNetwork4(b *testing.B) { benchmarkNetwork(b, "10.0.1.1", "10.0.0.5") }

// The sender is no neighbour, as when only it sends.
func BenchmarkFromNetwork4Unknown(b *testing.B) { benchmarkNetwork(b, "10.0.2.1", "10.0.0.5") }
func BenchmarkFromNetwork6(b *testing.B)        { benchmarkNetwork(b, "fd00::1:1", "fd00::5") }
