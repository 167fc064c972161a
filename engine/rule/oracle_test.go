package rule_test

import (
	"math/big"
	"net/netip"

	"orrery/engine/identity"
	"orrery/engine/rule"
)

// oracle evaluates a list as slowly and literally as spec 04 §10.2 and §10.3
// put it, with nothing of the product but the model of a rule. It is what the
// compiled form is measured against.
func oracle(rules []rule.Rule, in *rule.Input) (v rule.Verdict) {
	match, superAccept, skipDrop := true, false, false
	for _, r := range rules {
		target := r.Address & 0xffffffffff
		if r.Type < 16 {
			if !match {
				if in.Inbound && (r.Type == 2 || r.Type == 3 || r.Type == 4) && target == in.Local.Self {
					superAccept = true
				}
				match = true
				continue
			}
			switch r.Type {
			case 0:
				if skipDrop {
					skipDrop = false
					continue
				}
				v.Result = rule.Drop
				return v
			case 1:
				v.Result = rule.Accept
				if superAccept {
					v.Result = rule.SuperAccept
				}
				return v
			case 6:
				v.Result = rule.Accept
				return v
			case 5:
				v.Result = rule.NoMatch
				return v
			case 2, 3, 4:
				if target == in.Source {
					continue
				}
				if target == in.Local.Self {
					if in.Inbound {
						v.Result = rule.SuperAccept
						return v
					}
					continue
				}
				if target == in.Destination {
					continue
				}
				if r.Type == 4 {
					v.Result, v.Destination = rule.Redirect, target
					return v
				}
				v.CopyTo, v.Watch, v.CopyLength = target, r.Type == 3, len(in.Frame)
				if r.Length != 0 && int(r.Length) < len(in.Frame) {
					v.CopyLength = int(r.Length)
				}
			}
			continue
		}
		if !match && !r.Or {
			continue
		}
		is := oracleMatch(&r, in, superAccept, &skipDrop)
		result := false
		switch is {
		case hardYes:
			result = true
		case hardNo:
		case softYes:
			result = !r.Not
		case softNo:
			result = r.Not
		}
		if r.Or {
			match = match || result
		} else {
			match = match && result
		}
	}
	v.Result = rule.NoMatch
	return v
}

// Answers of oracleMatch.
const (
	softNo = iota
	softYes
	hardNo
	hardYes
)

func softly(b bool) int {
	if b {
		return softYes
	}
	return softNo
}

// oraclePacket is what the oracle reads from an IP header.
type oraclePacket struct {
	v4, v6   bool
	broken   bool // an IPv6 chain of headers that leaves the frame
	proto    int
	l4       int // where the upper header begins
	src, dst netip.Addr
}

func oracleRead(in *rule.Input) (p oraclePacket) {
	f := in.Frame
	if in.EtherType == 0x0800 && len(f) >= 20 {
		p.v4, p.proto, p.l4 = true, int(f[9]), int(f[0]&15)*4
		p.src, p.dst = netip.AddrFrom4([4]byte(f[12:16])), netip.AddrFrom4([4]byte(f[16:20]))
	}
	if in.EtherType == 0x86dd && len(f) >= 40 {
		p.v6 = true
		p.src, p.dst = netip.AddrFrom16([16]byte(f[8:24])), netip.AddrFrom16([16]byte(f[24:40]))
		p.proto, p.l4 = int(f[6]), 40
		for p.proto == 0 || p.proto == 43 || p.proto == 60 || p.proto == 135 {
			if p.l4+8 > len(f) {
				p.broken = true
				return p
			}
			p.proto, p.l4 = int(f[p.l4]), p.l4+8+8*int(f[p.l4+1])
			if p.l4 > len(f) {
				p.broken = true
				return p
			}
		}
	}
	return p
}

// oracleByte is a byte of the frame, 0 past its end.
func oracleByte(f []byte, i int) uint64 {
	if i >= len(f) {
		return 0
	}
	return uint64(f[i])
}

func oracleTag(s *rule.Side, id uint32) (uint32, bool) {
	if s == nil {
		return 0, false
	}
	for _, t := range s.Tags {
		if t.ID == id {
			return t.Value, true
		}
	}
	return 0, false
}

func oracleMatch(r *rule.Rule, in *rule.Input, superAccept bool, skipDrop *bool) int {
	p, f := oracleRead(in), in.Frame
	switch r.Type {
	case 24:
		return softly(r.Address&0xffffffffff == in.Source)
	case 25:
		return softly(r.Address&0xffffffffff == in.Destination)
	case 26:
		return softly(uint16(r.Value) == in.VLAN)
	case 27, 28:
		return softly(uint8(r.Value) == 0)
	case 29:
		return softly(r.MAC == in.SourceMAC)
	case 30:
		return softly(r.MAC == in.DestinationMAC)
	case 31, 32:
		if !p.v4 {
			return hardNo
		}
		bits := min(int(r.Bits), 32)
		a := p.src
		if r.Type == 32 {
			a = p.dst
		}
		operand := netip.IPv4Unspecified()
		if r.IP.Is4() {
			operand = r.IP
		}
		return softly(netip.PrefixFrom(operand, bits).Contains(a))
	case 33, 34:
		if !p.v6 {
			return hardNo
		}
		a := p.src
		if r.Type == 34 {
			a = p.dst
		}
		operand := netip.IPv6Unspecified()
		if r.IP.Is6() {
			operand = r.IP
		}
		have, want := a.As16(), operand.As16()
		for i := min(int(r.Bits), 128); i < 128; i++ {
			have[i/8] &^= 0x80 >> (i % 8)
		}
		return softly(have == want) // the operand keeps its host bits
	case 35:
		if !p.v4 && !p.v6 {
			return hardNo
		}
		tos := int(f[1])
		if p.v6 {
			tos = int(f[0]&15)<<4 | int(f[1]>>4)
		}
		tos &= int(uint8(r.Mask))
		return softly(int(uint8(r.Start)) <= tos && tos <= int(uint8(r.End)))
	case 36:
		if !p.v4 && !p.v6 || p.broken {
			return hardNo
		}
		return softly(int(uint8(r.Value)) == p.proto)
	case 37:
		return softly(uint16(r.Value) == in.EtherType)
	case 38:
		icmp := p.v4 && p.proto == 1 || p.v6 && !p.broken && p.proto == 58
		if !icmp || len(f) < p.l4+2 || f[p.l4] != uint8(r.Value) {
			return hardNo
		}
		if r.Flags&1 == 0 {
			return hardYes
		}
		return softly(f[p.l4+1] == r.Code)
	case 39, 40:
		if !p.v4 && !p.v6 || p.broken {
			return hardNo
		}
		if p.proto != 6 && p.proto != 17 && p.proto != 132 && p.proto != 136 || len(f) <= p.l4+4 {
			return softNo
		}
		at := p.l4
		if r.Type == 40 {
			at += 2
		}
		port := int(f[at])<<8 | int(f[at+1])
		if p.v6 && port == 0 {
			return softNo
		}
		return softly(int(uint16(r.Start)) <= port && port <= int(uint16(r.End)))
	case 41:
		return softly(oracleCharacteristics(&p, in)&r.Mask != 0)
	case 42:
		return softly(int(uint16(r.Start)) <= len(f) && len(f) <= int(uint16(r.End)))
	case 43:
		drawn := uint32(0)
		if in.Random != nil {
			drawn = uint32(in.Random.Uint64())
		}
		return softly(drawn <= r.Value)
	case 44, 45, 46, 47, 48:
		local, ok := oracleTag(&in.Local.Side, r.Tag)
		if !ok {
			return hardNo
		}
		remote, ok := oracleTag(in.Remote, r.Tag)
		if !ok {
			if in.Inbound && !superAccept {
				return hardNo
			}
			*skipDrop = true
			return hardYes
		}
		l, m, w := int64(local), int64(remote), int64(r.Value)
		return softly([]bool{l-m <= w && m-l <= w, l&m == w, l|m == w, l^m == w, l == w && m == w}[r.Type-44])
	case 49, 50:
		if superAccept {
			*skipDrop = true
			return hardYes
		}
		sender, receiver := in.Remote, &in.Local.Side // who has the tag that is asked for
		if !in.Inbound {
			sender, receiver = &in.Local.Side, in.Remote
		}
		side := sender
		if r.Type == 50 {
			side = receiver
		}
		value, ok := oracleTag(side, r.Tag)
		if ok {
			return softly(value == r.Value)
		}
		if r.Type == 50 && !in.Inbound {
			*skipDrop = true
			return hardYes
		}
		return hardNo
	case 51:
		n := oracleInteger(r, f)
		low := new(big.Int).SetUint64(r.Start)
		high := new(big.Int).SetUint64(r.Start + uint64(uint32(r.End-r.Start)))
		return softly(n.Cmp(low) >= 0 && n.Cmp(high) <= 0)
	}
	return softly(in.Local.UnsupportedMatch)
}

// oracleInteger reads the number of an integer range bit by bit.
func oracleInteger(r *rule.Rule, f []byte) *big.Int {
	bits := int(r.Flags&63) + 1
	bytes := (bits + 7) / 8
	little := r.Flags&0x80 != 0
	at := int(r.Index)
	if !little {
		at += 8 - bytes
	}
	n := new(big.Int)
	if at+bytes > len(f) {
		return n
	}
	for i := range bytes {
		b := f[at+i]
		if little {
			b = f[at+bytes-1-i]
		}
		n.Or(n.Lsh(n, 8), big.NewInt(int64(b)))
	}
	if little { // the high bits are kept
		return n.Rsh(n, uint(8*bytes-bits))
	}
	return n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
}

func oracleCharacteristics(p *oraclePacket, in *rule.Input) (bits uint64) {
	f := in.Frame
	if in.Inbound {
		bits |= 1 << 63
	}
	if in.DestinationMAC>>40&1 == 1 {
		bits |= 1 << 62
	}
	if in.DestinationMAC == 0xffffffffffff {
		bits |= 1 << 61
	}
	if oracleSource(p, in) {
		bits |= 1 << 60
	}
	side := &in.Local.Side
	if in.Inbound {
		side = in.Remote
	}
	if side != nil {
		for _, m := range side.MACs {
			if m == in.SourceMAC {
				bits |= 1 << 59
			}
		}
	}
	if p.proto == 6 && (p.v4 || p.v6 && !p.broken && len(f) > p.l4+14) {
		bits |= oracleByte(f, p.l4+12)&15<<8 | oracleByte(f, p.l4+13)
	}
	return bits
}

// oracleSource is the bit "sender IP authenticated".
func oracleSource(p *oraclePacket, in *rule.Input) bool {
	f, ip := in.Frame, netip.Addr{}
	switch {
	case p.v4:
		ip = p.src
	case in.EtherType == 0x0806 && len(f) >= 28:
		ip = netip.AddrFrom4([4]byte(f[14:18]))
	case p.v6:
		ip = p.src
		if len(f) >= 64 && f[6] == 58 && f[40] == 0x87 {
			return true
		}
		if len(f) >= 64 && f[6] == 58 && f[40] == 0x88 {
			ip = netip.AddrFrom16([16]byte(f[48:64]))
		}
	}
	if !ip.IsValid() {
		return false
	}
	side := &in.Local.Side
	if in.Inbound {
		side = in.Remote
	}
	if side != nil {
		for _, own := range side.IPs {
			if own == ip {
				return true
			}
		}
	}
	if !in.Inbound || in.Remote == nil {
		return false
	}
	for _, derived := range []netip.Prefix{in.Local.SixPlane, in.Local.RFC4193} {
		if derived.IsValid() && derived.Contains(ip) {
			return true
		}
	}
	return false
}

// oracleCopy is a frame that the oracle's whole-network filter sends.
type oracleCopy struct {
	to     identity.Address
	length int
	flags  uint8
}

// oracleFilter is the whole filter of spec 04 §10.4 and §10.5.
func oracleFilter(base []rule.Rule, caps [][]rule.Rule, in *rule.Input, noTee bool) (result rule.Result, copies []oracleCopy) {
	tee, watch, redirect := uint8(0x02), uint8(0x16), uint8(0x04)
	if in.Inbound {
		tee, watch, redirect = 0x08, 0x1c, 0x0a
	}
	serve := func(v rule.Verdict) {
		if v.CopyTo == 0 || noTee {
			return
		}
		flags := tee
		if v.Watch {
			flags = watch
		}
		copies = append(copies, oracleCopy{v.CopyTo, v.CopyLength, flags})
	}
	first := oracle(base, in)
	final := first
	if first.Result == rule.NoMatch {
		for _, c := range caps {
			v := oracle(c, in)
			if v.Result == rule.Accept || v.Result == rule.SuperAccept || v.Result == rule.Redirect {
				serve(v)
				final = v
				break
			}
		}
	}
	if final.Result == rule.Drop || final.Result == rule.NoMatch {
		return rule.Drop, nil
	}
	serve(first)
	switch {
	case final.Result == rule.Redirect && final.Destination != 0:
		return rule.Drop, append(copies, oracleCopy{final.Destination, len(in.Frame), redirect})
	case final.Result == rule.SuperAccept && in.Inbound:
		return rule.SuperAccept, copies
	}
	return rule.Accept, copies
}
