package verdict

import (
	"net/netip"
	"slices"
)

// covers reports whether outer contains all of inner.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// unmap turns IPv4 in IPv6 form into IPv4. ok is false for what is no prefix,
// or spans more than IPv4 addresses in that form.
func unmap(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() || p.Addr().Zone() != "" {
		return p, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, false
		}
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), true
	}
	return p, true
}

// commonBits counts the leading bits that two addresses of a family share.
func commonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			n := 8 * i
			for ; d&0x80 == 0; d <<= 1 {
				n++
			}
			return n
		}
	}
	return a.BitLen()
}

// list names prefixes in a sentence, a few of them.
func list(ps []netip.Prefix) string {
	const most = 3
	slices.SortFunc(ps, netip.Prefix.Compare)
	ps = slices.Compact(ps)
	text := ""
	for i, p := range ps {
		switch {
		case i == most:
			return text + " and others"
		case i > 0 && i == len(ps)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += p.String()
	}
	return text
}
