package rule_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/rule"
)

const (
	propSelf  identity.Address = 0x803348d73a
	propPeer  identity.Address = 0xc872fe451a
	propOther identity.Address = 0x5735dba8d9
)

// sequence gives the same numbers to whoever draws equally often.
type sequence struct{ n uint64 }

func (s *sequence) Uint64() uint64 {
	s.n++
	return s.n * 0x9e3779b97f4a7c15 >> 3
}

// compare judges a frame in every way there is and reports where they differ.
func compare(rules []rule.Rule, caps [][]rule.Rule, in rule.Input, noTee bool) error {
	with := func() *rule.Input { // each gets the same random numbers
		in.Random = &sequence{}
		return &in
	}
	want := oracle(rules, with())
	drawn := in.Random.(*sequence).n
	set := rule.Compile(rules)
	if got := set.Evaluate(with()); got != want {
		return fmt.Errorf("compiled %+v, by the book %+v", got, want)
	}
	if set.AcceptsAll() && want != (rule.Verdict{Result: rule.Accept}) {
		return fmt.Errorf("accepts all, but by the book %+v", want)
	}
	if n := in.Random.(*sequence).n; n != drawn {
		return fmt.Errorf("%d random numbers drawn, by the book %d", n, drawn)
	}
	if _, got := set.Trace(nil, with()); got != want {
		return fmt.Errorf("rule by rule %+v, by the book %+v", got, want)
	}
	sets := make([]rule.Set, len(caps))
	for i := range caps {
		sets[i] = rule.Compile(caps[i])
	}
	noTee = noTee && !in.Inbound
	result, copies := oracleFilter(rules, caps, with(), noTee)
	var d rule.Decision
	var x rule.FilterExplanation
	if in.Inbound {
		d = rule.FilterIn(&set, sets, with())
		x = rule.ExplainIn(&set, sets, steady(in))
	} else {
		d = rule.FilterOut(&set, sets, with(), noTee)
		x = rule.ExplainOut(&set, sets, steady(in), noTee)
	}
	if err := tells(&x, &set, sets, steady(in)); err != nil {
		return err
	}
	if d.Result != result || d.Count != len(copies) {
		return fmt.Errorf("filter %v with %d copies, by the book %v with %d", d.Result, d.Count, result, len(copies))
	}
	for i, c := range copies {
		if got := d.Copies[i]; got != (rule.Copy{To: c.to, Length: c.length, Flags: c.flags}) {
			return fmt.Errorf("copy %d is %+v, by the book %+v", i, got, c)
		}
	}
	return nil
}

// TestAgainstTheBook compares the compiled form with the oracle over random
// lists and frames: well-formed, cut off, and with hostile chains of headers.
func TestAgainstTheBook(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(4, 10))
	seen := map[rule.Result]int{}
	for range 2500 {
		rules := randomList(rnd, 1+rnd.IntN(24))
		var caps [][]rule.Rule
		for range rnd.IntN(3) {
			caps = append(caps, randomList(rnd, 1+rnd.IntN(8)))
		}
		for range 20 {
			in := randomInput(rnd)
			noTee := rnd.IntN(3) == 0
			if err := compare(rules, caps, in, noTee); err != nil {
				t.Fatalf("%v\nrules %x\ninbound %v, ethertype %04x, frame %x", err, rule.Append(nil, rules), in.Inbound, in.EtherType, in.Frame)
			}
			set := rule.Compile(rules)
			seen[set.Evaluate(&in).Result]++
		}
	}
	for r := rule.NoMatch; r <= rule.SuperAccept; r++ {
		if seen[r] < 50 {
			t.Errorf("only %d of the evaluations ended in %v", seen[r], r)
		}
	}
}

// TestVectorsByTheBook holds the oracle itself against the recorded results.
func TestVectorsByTheBook(t *testing.T) {
	t.Parallel()
	v := load(t)
	links := v.links()
	for _, c := range v.FilterCases {
		in := c.input(v, links[c.Ctx])
		got := oracle(mustParse(t, c.Rules), in)
		copied := c.CC != nil
		if got.Result.String() != c.Result || copied != (got.CopyTo != 0) || copied && (got.CopyTo != *c.CC || got.CopyLength != c.CCLength || got.Watch != c.CCWatch) {
			t.Errorf("%s (%s, in %v): %+v, want %s", c.Name, c.Ctx, c.In, got, c.Result)
		}
	}
}

// TestLongList: a list longer than any network's is evaluated all the same.
func TestLongList(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 7))
	rules := randomList(rnd, rule.MaxRules)
	for i := range rules {
		if rules[i].Type.Action() {
			rules[i].Type = rule.Type(7 + i%8) // that do nothing
		}
	}
	for _, tail := range [][]rule.Rule{nil, {{Type: rule.ActionAccept}}} {
		for range 20 {
			if err := compare(append(rules, tail...), nil, randomInput(rnd), false); err != nil {
				t.Fatalf("%d rules: %v", len(rules)+len(tail), err)
			}
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	v := load(f)
	for i, c := range v.FilterCases {
		if i%13 == 0 {
			f.Add([]byte(c.Rules), []byte{byte(rule.ActionAccept), 0}, []byte(v.Frames[c.Frame]), c.Ether, uint64(c.DMAC), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, list, capability, frame []byte, etherType uint16, mac uint64, how uint8) {
		rules, _, err := rule.Parse(list, 64)
		if err != nil {
			return
		}
		c, _, err := rule.Parse(capability, 16)
		if err != nil {
			return
		}
		in := randomLink(rand.New(rand.NewPCG(uint64(how>>2), 1)), how&1 != 0)
		in.EtherType, in.Frame, in.DestinationMAC = etherType, frame, identity.MAC(mac)&identity.Broadcast
		if err := compare(rules, [][]rule.Rule{c}, in, how&2 != 0); err != nil {
			t.Fatal(err)
		}
	})
}

// pick is one of a few, so that rules and frames meet.
func pick[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

var (
	propEthers = []uint16{0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd, 0x0806, 0x8100, 0x88cc, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	propMACs   = []identity.MAC{0x3eab2976ee98, 0x33330000fb01, identity.Broadcast, 0x020000000001}
	propV4     = []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.2.129"), netip.MustParseAddr("192.168.7.1")}
	propV6     = []netip.Addr{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::8000:1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fc12:3456:78c8:72fe:451a::1")}
	propPorts  = []uint16{0, 22, 80, 443, 65535}
)

// randomList makes sets of up to four matches with an action each, and now and
// then ones with no order in them.
func randomList(rnd *rand.Rand, size int) []rule.Rule {
	list := make([]rule.Rule, 0, size)
	for left := 0; len(list) < size; left-- {
		if left < 0 {
			left = rnd.IntN(5)
		}
		r := rule.Rule{Type: rule.Type(16 + rnd.IntN(48)), Not: rnd.IntN(3) == 0, Or: rnd.IntN(4) == 0}
		if rnd.IntN(3) > 0 {
			r.Type = rule.Type(24 + rnd.IntN(28))
		}
		if left == 0 {
			r.Type = pick(rnd, rule.ActionDrop, rule.ActionAccept, rule.ActionAccept, rule.ActionTee, rule.ActionWatch, rule.ActionRedirect, rule.ActionBreak, rule.ActionPriority, 9)
		}
		r.Address = pick(rnd, propSelf, propPeer, propOther, 0)
		r.MAC = pick(rnd, propMACs...)
		r.Bits = pick[uint8](rnd, 0, 1, 8, 24, 25, 32, 64, 127, 128, 200)
		switch r.Type {
		case rule.MatchIPv4Source, rule.MatchIPv4Destination:
			r.IP = pick(rnd, propV4...)
		case rule.MatchIPv6Source, rule.MatchIPv6Destination:
			a := pick(rnd, propV6...)
			if p, err := a.Prefix(min(int(r.Bits), 128)); err == nil && rnd.IntN(4) > 0 {
				a = p.Addr()
			}
			r.IP = a
		case rule.MatchEtherType:
			r.Value = uint32(pick(rnd, propEthers...))
		case rule.MatchRandom:
			r.Value = rnd.Uint32()
		case rule.MatchIPProtocol:
			r.Value = pick[uint32](rnd, 1, 6, 6, 17, 58, 132, 0, 59)
		case rule.MatchICMP:
			r.Value, r.Code, r.Flags = pick[uint32](rnd, 0, 8, 128, 135), uint8(rnd.IntN(2)), uint32(rnd.IntN(2))
		case rule.MatchSourcePort, rule.MatchDestinationPort:
			r.Start, r.End = uint64(pick(rnd, propPorts...)), uint64(pick(rnd, propPorts...))
		case rule.MatchFrameSize:
			r.Start, r.End = uint64(rnd.IntN(80)), uint64(rnd.IntN(160))
		case rule.MatchIPTOS:
			r.Mask, r.Start, r.End = uint64(pick[uint8](rnd, 0xff, 0xfc, 0x0f)), uint64(rnd.IntN(64)), uint64(rnd.IntN(256))
		case rule.MatchCharacteristics:
			r.Mask = pick(rnd, rule.TCPSYN, rule.TCPACK, rule.TCPSYN|rule.Multicast, rule.Inbound, rule.Broadcast, rule.IPAuthenticated, rule.MACAuthenticated, 0x800, 0, rnd.Uint64())
		case rule.MatchIntegerRange:
			r.Index, r.Flags = uint16(rnd.IntN(70)), uint32(rnd.IntN(256))
			r.Start, r.End = pick(rnd, 0, 1, rnd.Uint64(), ^uint64(0)), rnd.Uint64()
		default:
			if r.Type >= rule.MatchTagsDifference && r.Type <= rule.MatchTagReceiver {
				r.Tag, r.Value = uint32(rnd.IntN(4)), uint32(rnd.IntN(4))
			} else {
				r.Value = uint32(rnd.IntN(2))
			}
		}
		r.Length = uint16(rnd.IntN(2) * rnd.IntN(100))
		list = append(list, r.Normal())
	}
	return list
}

// randomLink is who talks to whom, with what credentials.
func randomLink(rnd *rand.Rand, inbound bool) rule.Input {
	side := func() rule.Side {
		var s rule.Side
		for id := range uint32(4) {
			if rnd.IntN(2) == 0 {
				s.Tags = append(s.Tags, rule.Tag{ID: id, Value: uint32(rnd.IntN(4))})
			}
		}
		if rnd.IntN(2) == 0 {
			s.IPs = []netip.Addr{pick(rnd, propV4...), pick(rnd, propV6...)}
			s.MACs = []identity.MAC{pick(rnd, propMACs...)}
		}
		return s
	}
	in := rule.Input{
		Inbound: inbound, Source: propSelf, Destination: pick(rnd, propPeer, 0),
		SourceMAC: pick(rnd, propMACs...), DestinationMAC: pick(rnd, propMACs...),
		Local: &rule.Local{Side: side(), Self: propSelf, UnsupportedMatch: rnd.IntN(2) == 0},
	}
	if inbound {
		in.Source, in.Destination = propPeer, propSelf
	}
	if rnd.IntN(2) == 0 {
		in.Local.SixPlane = netip.MustParsePrefix("fc12:3456:7800::/40")
	}
	if inbound || rnd.IntN(2) == 0 {
		s := side()
		in.Remote = &s
	}
	return in
}

// randomInput is a frame on a link.
func randomInput(rnd *rand.Rand) rule.Input {
	in := randomLink(rnd, rnd.IntN(2) == 0)
	in.EtherType = pick(rnd, propEthers...)
	var upper []byte
	proto := pick[uint8](rnd, 1, 6, 6, 6, 17, 17, 58, 132, 136, 50)
	upper = binary.BigEndian.AppendUint16(upper, pick(rnd, propPorts...))
	upper = binary.BigEndian.AppendUint16(upper, pick(rnd, propPorts...))
	if proto == 1 || proto == 58 {
		upper = []byte{pick[uint8](rnd, 0, 8, 128, 135, 136), uint8(rnd.IntN(2)), 0, 0}
	}
	for range 8 {
		upper = append(upper, byte(rnd.IntN(256)))
	}
	upper = append(upper, byte(rnd.IntN(256)), pick[byte](rnd, 0, 2, 0x10, 0x12, 0xff), 0, 0)
	for range rnd.IntN(40) {
		upper = append(upper, byte(rnd.IntN(256)))
	}
	switch in.EtherType {
	case 0x0800:
		in.Frame = frame4(rnd, proto, upper)
	case 0x86dd:
		in.Frame = frame6(rnd, proto, upper)
	default:
		in.Frame = upper
	}
	if rnd.IntN(4) == 0 {
		in.Frame = in.Frame[:rnd.IntN(len(in.Frame)+1)]
	}
	return in
}

// frame4 is an IPv4 packet whose stated header length may be anything.
func frame4(rnd *rand.Rand, proto uint8, upper []byte) []byte {
	words := pick(rnd, 5, 5, 5, 6, 15)
	f := make([]byte, 4*words)
	f[0], f[1], f[9] = 0x40|byte(words), byte(rnd.IntN(256)), proto
	if rnd.IntN(8) == 0 {
		f[0] = byte(rnd.IntN(256))
	}
	src, dst := pick(rnd, propV4...).As4(), pick(rnd, propV4...).As4()
	copy(f[12:], src[:])
	copy(f[16:], dst[:])
	return append(f, upper...)
}

// frame6 is an IPv6 packet with up to four extension headers, some of a stated
// length that leads beyond the frame or into the middle of something.
func frame6(rnd *rand.Rand, proto uint8, upper []byte) []byte {
	f := make([]byte, 40)
	f[0], f[1] = 0x60|byte(rnd.IntN(16)), byte(rnd.IntN(256))
	src, dst := pick(rnd, propV6...).As16(), pick(rnd, propV6...).As16()
	copy(f[8:], src[:])
	copy(f[24:], dst[:])
	next := 6 // where the number of the next header goes
	for range rnd.IntN(5) {
		words := rnd.IntN(3)
		f[next] = pick[byte](rnd, 0, 43, 60, 135, 135, 44, 51)
		next = len(f)
		f = append(f, make([]byte, 8+8*words)...)
		f[next+1] = byte(words)
		if rnd.IntN(10) == 0 {
			f[next+1] = byte(rnd.IntN(256))
		}
	}
	f[next] = proto
	return append(f, upper...)
}
