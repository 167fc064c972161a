package rule

import (
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Copy is a frame to send to a member because a rule says so: an EXT_FRAME with
// these flags, the frame's own MACs and ethertype, and its first Length bytes.
// It is sent without pushing credentials and without filtering.
type Copy struct {
	To     identity.Address
	Length int
	Flags  uint8
}

// Decision is what the whole filter of a network makes of a frame.
type Decision struct {
	// Result is Drop, Accept or SuperAccept.
	Result Result
	// Count is the number of Copies in use; send them in order.
	Count  int
	Copies [3]Copy
}

// Accepted reports whether the frame goes on to its own destination.
func (d *Decision) Accepted() bool { return d.Result >= Accept }

// add notes a copy.
func (d *Decision) add(to identity.Address, length int, flags uint8) {
	d.Copies[d.Count] = Copy{To: to, Length: length, Flags: flags}
	d.Count++
}

// FilterOut runs the whole filter over a frame that leaves: base rules, and if
// these decide nothing our own capabilities, in ascending order of ID (spec 04
// §10.4). With noTee no copies are made, but redirection is carried out. It does
// not allocate.
func FilterOut(base *Set, own []Set, in *Input, noTee bool) Decision {
	d := filter(base, own, in, flags{wire.ExtFrameTeeOut, wire.ExtFrameWatchOut, wire.ExtFrameRedirectOut}, noTee)
	d.Result = min(d.Result, Accept)
	return d
}

// FilterIn runs the whole filter over a frame that arrives. peer has the usable
// capabilities of the sender, in ascending order of ID (spec 04 §10.5). It does
// not allocate.
func FilterIn(base *Set, peer []Set, in *Input) Decision {
	return filter(base, peer, in, flags{wire.ExtFrameTeeIn, wire.ExtFrameWatchIn, wire.ExtFrameRedirectIn}, false)
}

// flags are the EXT_FRAME flags of one direction.
type flags struct{ tee, watch, redirect uint8 }

// filter decides in either direction.
func filter(base *Set, caps []Set, in *Input, fl flags, noTee bool) (d Decision) {
	var h header // read once, for all sets
	v := base.evaluate(in, &h)
	d.Result = v.Result
	to := v.Destination
	if v.Result == NoMatch {
		for i := range caps {
			c := caps[i].evaluate(in, &h)
			if c.Result >= Redirect {
				d.Result, to = c.Result, c.Destination
				if !noTee {
					d.copy(&c, fl)
				}
				break
			}
		}
	}
	if d.Result <= Drop {
		return Decision{Result: Drop}
	}
	// The base rules' copy is served even if they went on to decide nothing.
	if !noTee {
		d.copy(&v, fl)
	}
	if d.Result == Redirect {
		d.Result = Accept
		if to != 0 {
			d.add(to, len(in.Frame), fl.redirect)
			d.Result = Drop
		}
	}
	return d
}

// copy notes the copy that an evaluation asked for, if any.
func (d *Decision) copy(v *Verdict, fl flags) {
	switch {
	case v.CopyTo == 0:
	case v.Watch:
		d.add(v.CopyTo, v.CopyLength, fl.watch)
	default:
		d.add(v.CopyTo, v.CopyLength, fl.tee)
	}
}
