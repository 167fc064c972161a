package armor

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
)

var suites = []Suite{Poly1305None, Salsa2012Poly1305, AESGMACSIV}

// testKeys are ready for bulk traffic; TestExpansion compares the other forms.
func testKeys() *Keys {
	k := coldKeys()
	k.Expand(true)
	return k
}

func coldKeys() *Keys {
	var shared [48]byte
	for i := range shared {
		shared[i] = byte(i)
	}
	return NewKeys(&shared)
}

// Packets are the same whatever is kept of the key schedules.
func TestExpansion(t *testing.T) {
	t.Parallel()
	cold, warm, hot, again := coldKeys(), coldKeys(), coldKeys(), coldKeys()
	warm.Expand(false)
	hot.Expand(true)
	again.Expand(true)
	again.Shrink()
	for n := headerLen; n < 300; n++ {
		packet := make([]byte, n)
		for i := range packet {
			packet[i] = byte(rand.Uint32())
		}
		want := slices.Clone(packet)
		hot.Seal(want, AESGMACSIV)
		for name, k := range map[string]*Keys{"cold": cold, "warm": warm, "shrunk": again} {
			got := slices.Clone(packet)
			k.Seal(got, AESGMACSIV)
			if !bytes.Equal(got, want) {
				t.Fatalf("%s keys seal %d bytes to others", name, n)
			}
			if !k.Open(got) || !bytes.Equal(got[offSection:], packet[offSection:]) {
				t.Fatalf("%s keys do not open %d bytes", name, n)
			}
		}
	}
}

// Every bit of a packet except the hops is authenticated.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	clear := []byte("idididiDDDDDSSSSS\x00\x00mmmmmmmmVpayload and more of it")
	for _, suite := range suites {
		sealed := slices.Clone(clear)
		keys.Seal(sealed, suite)
		for bit := range 8 * len(sealed) {
			packet := slices.Clone(sealed)
			packet[bit/8] ^= 1 << (bit % 8)
			want := bit/8 == offFlags && bit%8 < 3
			received := slices.Clone(packet)
			if keys.Open(packet) != want {
				t.Errorf("%v: bit %d of byte %d flipped: opens is %v", suite, bit%8, bit/8, !want)
			}
			if !bytes.Equal(packet[:offSection], received[:offSection]) {
				t.Errorf("%v: bit %d of byte %d flipped: header not restored", suite, bit%8, bit/8)
			}
		}
		for n := range len(sealed) {
			if keys.Open(slices.Clone(sealed[:n])) {
				t.Errorf("%v: opens when cut to %d bytes", suite, n)
			}
		}
	}
}

// Relays may have counted hops on a packet before it was sealed by a sender
// that reuses buffers; the seal must not depend on them.
func TestHopsDoNotMatter(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	for _, suite := range suites {
		packet := make([]byte, 100)
		packet[offFlags] = 5
		keys.Seal(packet, suite)
		packet[offFlags] ^= 5 ^ 2
		if !keys.Open(packet) {
			t.Errorf("%v: does not open with other hops", suite)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	for _, c := range []struct {
		suite    Suite
		in, want byte
	}{
		{Poly1305None, 0xf8, 0x40},
		{Salsa2012Poly1305, 0x40, 0xc8},
		{AESGMACSIV, 0x80, 0x18},
	} {
		packet := make([]byte, headerLen)
		packet[offFlags] = c.in
		keys.Seal(packet, c.suite)
		if packet[offFlags] != c.want || SuiteOf(packet) != c.suite {
			t.Errorf("%v: flags %#x became %#x, want %#x", c.suite, c.in, packet[offFlags], c.want)
		}
	}
}

func TestSealRefusesOtherSuites(t *testing.T) {
	t.Parallel()
	for _, s := range []Suite{TrustedPath, 4, 7} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was sealed", s)
				}
			}()
			testKeys().Seal(make([]byte, headerLen), s)
		}()
	}
}

func TestNoAllocations(t *testing.T) {
	packet := make([]byte, 1400)
	for _, bulk := range []bool{false, true} {
		keys := coldKeys()
		keys.Expand(bulk)
		for _, suite := range suites {
			if n := testing.AllocsPerRun(100, func() {
				keys.Seal(packet, suite)
				if !keys.Open(packet) {
					t.Fatal("does not open")
				}
			}); n != 0 {
				t.Errorf("%v, bulk %v: %v allocations per packet", suite, bulk, n)
			}
		}
	}
}

// Keys are shared by workers.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 200 {
				packet := bytes.Repeat([]byte{byte(worker), byte(i)}, headerLen/2+i)
				want := slices.Clone(packet[offSection:])
				keys.Seal(packet, suites[i%len(suites)])
				if !keys.Open(packet) || !bytes.Equal(packet[offSection:], want) {
					t.Errorf("packet %d of worker %d does not survive", i, worker)
				}
			}
		})
	}
	group.Wait()
}

func FuzzOpen(f *testing.F) {
	v, keys := vectors(f)
	for _, c := range v.Dearmor {
		f.Add([]byte(c.Packet))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		received := slices.Clone(packet)
		if !keys.Open(packet) {
			if n := min(len(packet), offSection); !bytes.Equal(packet[:n], received[:n]) {
				t.Error("the header was changed")
			}
			return
		}
		// What opens must be what sealing its content gives.
		s := SuiteOf(packet)
		legacy := packet[offFlags]&flagEncrypted != 0
		if s != AESGMACSIV && legacy == (s == Salsa2012Poly1305) {
			keys.Seal(packet, s)
			if !bytes.Equal(packet, received) {
				t.Errorf("%x opens but does not seal to itself", received)
			}
		}
	})
}

// FuzzSeal seals arbitrary packets and opens them again.
func FuzzSeal(f *testing.F) {
	f.Add(make([]byte, headerLen), uint8(0))
	f.Add(make([]byte, 77), uint8(1))
	f.Add(make([]byte, 1400), uint8(2))
	keys := testKeys()
	f.Fuzz(func(t *testing.T, packet []byte, pick uint8) {
		if len(packet) < headerLen {
			return
		}
		original := slices.Clone(packet)
		suite := suites[int(pick)%len(suites)]
		keys.Seal(packet, suite)
		if !keys.Open(packet) || !bytes.Equal(packet[offSection:], original[offSection:]) {
			t.Errorf("%v: %x does not survive", suite, original)
		}
	})
}

func benchmark(b *testing.B, run func(keys *Keys, packet []byte)) {
	keys := testKeys()
	for _, n := range []int{64, 1400, 2838} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			packet := make([]byte, n)
			for i := range packet {
				packet[i] = byte(rand.Uint32())
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				run(keys, packet)
			}
		})
	}
}

func BenchmarkSealAES(b *testing.B) {
	benchmark(b, func(keys *Keys, packet []byte) { keys.Seal(packet, AESGMACSIV) })
}

func BenchmarkNewKeys(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		coldKeys()
	}
}

// BenchmarkSealCold is a packet for a peer whose key schedules are not kept.
func BenchmarkSealCold(b *testing.B) {
	benchmark(b, func(keys *Keys, packet []byte) {
		keys.Shrink()
		keys.Seal(packet, AESGMACSIV)
	})
}

// BenchmarkExpand is what it takes to make a peer's keys ready for traffic.
func BenchmarkExpand(b *testing.B) {
	for name, bulk := range map[string]bool{"warm": false, "bulk": true} {
		b.Run(name, func(b *testing.B) {
			keys := coldKeys()
			b.ReportAllocs()
			for b.Loop() {
				keys.Shrink()
				keys.Expand(bulk)
			}
		})
	}
}

// Opening turns a sealed packet into a clear one that does not open again, but
// takes the same time either way.
func BenchmarkOpenAES(b *testing.B) {
	benchmark(b, func(keys *Keys, packet []byte) {
		setSuite(packet, AESGMACSIV)
		keys.Open(packet)
	})
}

func BenchmarkSealSalsa(b *testing.B) {
	benchmark(b, func(keys *Keys, packet []byte) { keys.Seal(packet, Salsa2012Poly1305) })
}

func BenchmarkSealNone(b *testing.B) {
	benchmark(b, func(keys *Keys, packet []byte) { keys.Seal(packet, Poly1305None) })
}
