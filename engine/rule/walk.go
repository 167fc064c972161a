package rule

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Evaluate runs the list over a frame (spec 04 §10.2). It does not allocate.
func (s *Set) Evaluate(in *Input) Verdict {
	var h header
	return s.evaluate(in, &h)
}

// evaluate is Evaluate with what is known of the frame's headers, and notes there
// what it finds out.
func (s *Set) evaluate(in *Input, h *header) Verdict {
	entry, ok := s.lanes.lookup(in, h)
	if !ok {
		return s.run(in, h, nil)
	}
	return s.walk(entry, in, h)
}

// walk goes through a lane from a node on.
func (s *Set) walk(at uint16, in *Input, h *header) (v Verdict) {
	var superAccept, skipDrop bool
	for {
		n := &s.lanes.nodes[at]
		var r bool
		switch n.do {
		case endNoMatch:
			return v
		case endDrop:
			v.Result = Drop
			return v
		case endAccept:
			v.Result = Accept
			return v
		case testProtocol:
			r = uint32(h.proto) == n.lo
		case testSourcePort:
			p := h.ports(in).source
			r = p >= int32(n.lo) && p <= int32(n.hi)
		case testDestinationPort:
			p := h.ports(in).destination
			r = p >= int32(n.lo) && p <= int32(n.hi)
		case testSourceIPv4:
			a := binary.BigEndian.Uint32(in.Frame[12:])
			r = a >= n.lo && a <= n.hi
		case testDestinationIPv4:
			a := binary.BigEndian.Uint32(in.Frame[16:])
			r = a >= n.lo && a <= n.hi
		case testRule:
			o := &s.ops[n.rule]
			r = o.result(o.match(in, h, superAccept, &skipDrop))
		case dropUnlessSkipped:
			if !skipDrop {
				v.Result = Drop
				return v
			}
			skipDrop, r = false, true
		case acceptAs:
			v.Result = Accept
			if superAccept {
				v.Result = SuperAccept
			}
			return v
		case forward:
			if end, _ := s.ops[n.rule].forward(in, &v); end {
				return v
			}
			r = true
		case passForward:
			superAccept = superAccept || in.Inbound && s.ops[n.rule].a == uint64(in.Local.Self)
			r = true
		}
		if r {
			at = n.yes
		} else {
			at = n.no
		}
	}
}

// forward applies a tee, watch or redirect. It reports whether that ends the
// evaluation, and whether it asks for a copy.
func (o *op) forward(in *Input, v *Verdict) (end, copied bool) {
	switch {
	case o.a == uint64(in.Source):
	case o.a == uint64(in.Local.Self):
		if in.Inbound {
			v.Result = SuperAccept
			return true, false
		}
	case o.a == uint64(in.Destination):
	case o.kind == ActionRedirect:
		v.Result, v.Destination = Redirect, identity.Address(o.a)
		return true, false
	default:
		v.CopyTo, v.Watch, v.CopyLength = identity.Address(o.a), o.kind == ActionWatch, len(in.Frame)
		if o.v != 0 {
			v.CopyLength = min(int(o.v), len(in.Frame))
		}
		return false, true
	}
	return false, false
}
