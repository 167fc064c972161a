package armor

import "encoding/binary"

// element is a polynomial over GF(2) modulo x^128 + x^7 + x^2 + x + 1 in the bit
// order of GCM: the top bit of hi is the coefficient of x^0.
type element struct{ hi, lo uint64 }

// modulus is x^128 reduced, in the position of its coefficients.
const modulus = 0xe1 << 56

func elementFrom(b *[16]byte) element {
	return element{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a element) put(b *[16]byte) {
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
}

func (a element) plus(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

func (a element) timesX() element {
	return element{a.hi>>1 ^ -(a.lo&1)&modulus, a.lo>>1 | a.hi<<63}
}

// times multiplies without branches or lookups, as both may be secret. It is
// for setting up keys, not for packets.
func (a element) times(b element) element {
	var sum element
	for _, word := range [2]uint64{a.hi, a.lo} {
		for range 64 {
			mask := -(word >> 63)
			sum.hi ^= b.hi & mask
			sum.lo ^= b.lo & mask
			word <<= 1
			b = b.timesX()
		}
	}
	return sum
}

// square moves each coefficient from x^i to x^2i and folds the upper half back:
// x^128 is 1 + x + x^2 + x^7.
func (a element) square() element {
	sum := element{spread(a.hi >> 32), spread(a.hi & (1<<32 - 1))}
	upper := element{spread(a.lo >> 32), spread(a.lo & (1<<32 - 1))}
	for power := range 8 {
		if power <= 2 || power == 7 {
			sum = sum.plus(upper)
		}
		upper = upper.timesX()
	}
	return sum
}

// spread puts a zero bit after each of the low 32 bits of v.
func spread(v uint64) uint64 {
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	v = (v | v<<2) & 0x3333333333333333
	v = (v | v<<1) & 0x5555555555555555
	return v << 1
}

// inverse is a^(2^128-2), which is 1/a, and 0 for 0.
func (a element) inverse() element {
	power := a // a^(2^k - 1)
	for k := 1; k < 127; k = 2*k + 1 {
		shifted := power
		for range k {
			shifted = shifted.square()
		}
		power = shifted.times(power)    // 2k
		power = power.square().times(a) // 2k + 1
	}
	return power.square()
}

// multiplier multiplies public values by one fixed element. The value is taken
// as four words of 32 bits whose nibbles are looked up side by side, so that
// eight steps of x^4 suffice.
type multiplier [4][16]element

func newMultiplier(a element) *multiplier {
	m := new(multiplier)
	for word := range m {
		// In this bit order the top bit of a nibble is the lowest power.
		power := a
		for bit := 8; bit > 0; bit >>= 1 {
			for n := range m[word] {
				if n&bit != 0 {
					m[word][n] = m[word][n].plus(power)
				}
			}
			power = power.timesX()
		}
		for range 32 {
			a = a.timesX()
		}
	}
	return m
}

// times multiplies b, which must not be secret, by the fixed element.
func (m *multiplier) times(b element) (sum element) {
	for shift := 0; shift < 32; shift += 4 {
		out := sum.lo & 15
		sum.lo = sum.lo>>4 | sum.hi<<60
		sum.hi = sum.hi>>4 ^ reduce[out]
		e0, e1 := &m[0][b.hi>>(32+shift)&15], &m[1][b.hi>>shift&15]
		e2, e3 := &m[2][b.lo>>(32+shift)&15], &m[3][b.lo>>shift&15]
		sum.hi ^= e0.hi ^ e1.hi ^ e2.hi ^ e3.hi
		sum.lo ^= e0.lo ^ e1.lo ^ e2.lo ^ e3.lo
	}
	return sum
}

// reduce is what the four coefficients beyond x^127 fold back to after a
// multiplication by x^4.
var reduce = [16]uint64{
	0x0000 << 48, 0x1c20 << 48, 0x3840 << 48, 0x2460 << 48, 0x7080 << 48, 0x6ca0 << 48, 0x48c0 << 48, 0x54e0 << 48,
	0xe100 << 48, 0xfd20 << 48, 0xd940 << 48, 0xc560 << 48, 0x9180 << 48, 0x8da0 << 48, 0xa9c0 << 48, 0xb5e0 << 48,
}
