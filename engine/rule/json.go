package rule

import (
	"bytes"
	"encoding/json"
	"fmt"

	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// Mode says how forgivingly rules in JSON are read. The reference coerces
// nearly everything; front ends and the rule compiler rely on part of that.
type Mode uint8

const (
	// Entered is for what a user or front end sends: values are coerced, but an
	// IP prefix that does not parse is refused instead of meaning everything.
	Entered Mode = iota
	// Stored is for records, which may come from a reference controller: read as
	// that reads them, and integer ranges, which it cannot read.
	Stored
	// Reference is for comparison with the reference alone.
	Reference
)

// FromValue reads a rule from a decoded JSON object, in which numbers are
// json.Number, float64 or Go integers (spec 05 §6). Integers are cut to their
// fields' widths. Errors are ErrNotRule, for what is to be left out of a list,
// and ErrField with the field's name, which refuses the whole.
func FromValue(v any, mode Mode) (Rule, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return Rule{}, ErrNotRule
	}
	name, _ := o["type"].(string)
	t, ok := typesByName(name)
	if !ok || t == MatchIntegerRange && mode == Reference {
		return Rule{}, ErrNotRule
	}
	r := Rule{Type: t, Not: loose.ToBool(o["not"], false), Or: loose.ToBool(o["or"], false)}
	if err := r.fromObject(o, mode); err != nil {
		return Rule{}, err
	}
	return r, nil
}

// typesByName finds the type with a name in JSON.
func typesByName(name string) (Type, bool) {
	if name == "MATCH_INTEGER_RANGE" {
		return MatchIntegerRange, true
	}
	if name == "" || name == typeNames[ActionPriority] { // has no form in JSON
		return 0, false
	}
	for t, n := range typeNames {
		if n == name {
			return Type(t), true
		}
	}
	return 0, false
}

// fromObject reads the fields of r's type.
func (r *Rule) fromObject(o map[string]any, mode Mode) (err error) {
	switch r.Type {
	case ActionTee, ActionWatch, ActionRedirect:
		r.Address = toAddress(o["address"])
		r.Flags = uint32(loose.ToUint(o["flags"], 0))
		if r.Type != ActionRedirect {
			r.Length = uint16(loose.ToUint(o["length"], 0))
		}
	case MatchSourceAddress, MatchDestinationAddress:
		r.Address = toAddress(o["zt"])
	case MatchVLANID:
		r.Value = uint32(uint16(loose.ToUint(o["vlanId"], 0)))
	case MatchVLANPCP:
		r.Value = uint32(uint8(loose.ToUint(o["vlanPcp"], 0)))
	case MatchVLANDEI:
		r.Value = uint32(uint8(loose.ToUint(o["vlanDei"], 0)))
	case MatchSourceMAC, MatchDestinationMAC:
		r.MAC = toMAC(loose.ToText(o["mac"], "0"))
	case MatchIPv4Source, MatchIPv4Destination:
		r.IP, r.Bits, err = toPrefix(loose.ToText(o["ip"], "0.0.0.0"), 4, mode)
	case MatchIPv6Source, MatchIPv6Destination:
		r.IP, r.Bits, err = toPrefix(loose.ToText(o["ip"], "::0"), 16, mode)
	case MatchIPTOS:
		r.Mask = uint64(uint8(loose.ToUint(o["mask"], 0)))
		r.Start, r.End = uint64(uint8(loose.ToUint(o["start"], 0))), uint64(uint8(loose.ToUint(o["end"], 0)))
	case MatchIPProtocol:
		r.Value = uint32(uint8(loose.ToUint(o["ipProtocol"], 0)))
	case MatchEtherType:
		r.Value = uint32(uint16(loose.ToUint(o["etherType"], 0)))
	case MatchICMP:
		r.Value = uint32(uint8(loose.ToUint(o["icmpType"], 0)))
		if code, ok := o["icmpCode"]; ok && code != nil {
			r.Code, r.Flags = uint8(loose.ToUint(code, 0)), ICMPCodeSet
		}
	case MatchSourcePort, MatchDestinationPort, MatchFrameSize:
		r.Start = uint64(uint16(loose.ToUint(o["start"], 0)))
		r.End = uint64(uint16(loose.ToUint(o["end"], r.Start)))
	case MatchCharacteristics:
		r.Mask, err = toMask(o)
	case MatchRandom:
		r.Value = uint32(loose.ToUint(o["probability"], 0))
	case MatchIntegerRange:
		err = r.integerRange(o, mode)
	default:
		if r.Type >= MatchTagsDifference && r.Type <= MatchTagReceiver {
			r.Tag, r.Value = uint32(loose.ToUint(o["id"], 0)), uint32(loose.ToUint(o["value"], 0))
		}
	}
	return err
}

// toMask reads the mask of MatchCharacteristics: a number, or hex text.
func toMask(o map[string]any) (uint64, error) {
	v, ok := o["mask"]
	if !ok {
		return 0, nil
	}
	if s, ok := v.(string); ok {
		return loose.Uint(s, 16), nil
	}
	n, _, ok := loose.Bits(v)
	if !ok {
		return 0, fmt.Errorf("%w: mask must be a number or hex digits", ErrField)
	}
	return n, nil
}

// integerRange reads a match that the reference renders but does not read.
func (r *Rule) integerRange(o map[string]any, mode Mode) error {
	bound := func(v any) uint64 {
		if s, ok := v.(string); ok {
			return loose.Uint(s, 16)
		}
		return loose.ToUint(v, 0)
	}
	bits := loose.ToUint(o["bits"], 64)
	if bits < 1 || bits > 64 {
		if mode == Entered {
			return fmt.Errorf("%w: bits must be 1 to 64", ErrField)
		}
		bits = (bits-1)&63 + 1
	}
	r.Index = uint16(loose.ToUint(o["idx"], 0))
	r.Flags = uint32(bits - 1)
	if loose.ToBool(o["little"], false) {
		r.Flags |= LittleEndian
	}
	r.Start, r.End = bound(o["start"]), bound(o["end"])
	r.End = r.Start + r.span()
	return nil
}

// Object returns the rule as a JSON object with json.Number for numbers, as a
// decoder with UseNumber gives them. Types without a form in JSON give an empty
// object, which does not read back. On actions Not and Or are not shown.
func (r *Rule) Object() map[string]any {
	o := map[string]any{}
	if int(r.Type) >= len(typeNames) || typeNames[r.Type] == "" || r.Type == ActionPriority {
		return o
	}
	o["type"] = typeNames[r.Type]
	if !r.Type.Action() {
		o["not"], o["or"] = r.Not, r.Or
	}
	switch r.Type {
	case ActionTee, ActionWatch, ActionRedirect:
		o["address"], o["flags"] = (r.Address & addressMask).String(), loose.Number(uint64(r.Flags))
		if r.Type != ActionRedirect {
			o["length"] = loose.Number(uint64(r.Length))
		}
	case MatchSourceAddress, MatchDestinationAddress:
		o["zt"] = (r.Address & addressMask).String()
	case MatchVLANID:
		o["vlanId"] = loose.Number(uint64(uint16(r.Value)))
	case MatchVLANPCP:
		o["vlanPcp"] = loose.Number(uint64(uint8(r.Value)))
	case MatchVLANDEI:
		o["vlanDei"] = loose.Number(uint64(uint8(r.Value)))
	case MatchSourceMAC, MatchDestinationMAC:
		o["mac"] = (r.MAC & identity.Broadcast).String()
	case MatchIPv4Source, MatchIPv4Destination, MatchIPv6Source, MatchIPv6Destination:
		o["ip"] = r.prefixText()
	case MatchIPTOS:
		o["mask"] = loose.Number(uint64(uint8(r.Mask)))
		o["start"], o["end"] = loose.Number(uint64(uint8(r.Start))), loose.Number(uint64(uint8(r.End)))
	case MatchIPProtocol:
		o["ipProtocol"] = loose.Number(uint64(uint8(r.Value)))
	case MatchEtherType:
		o["etherType"] = loose.Number(uint64(uint16(r.Value)))
	case MatchICMP:
		o["icmpType"], o["icmpCode"] = loose.Number(uint64(uint8(r.Value))), nil
		if r.Flags&ICMPCodeSet != 0 {
			o["icmpCode"] = loose.Number(uint64(r.Code))
		}
	case MatchSourcePort, MatchDestinationPort, MatchFrameSize:
		o["start"], o["end"] = loose.Number(uint64(uint16(r.Start))), loose.Number(uint64(uint16(r.End)))
	case MatchCharacteristics:
		o["mask"] = fmt.Sprintf("%016x", r.Mask)
	case MatchRandom:
		o["probability"] = loose.Number(uint64(r.Value))
	case MatchIntegerRange:
		o["start"], o["end"] = fmt.Sprintf("%016x", r.Start), fmt.Sprintf("%016x", r.Start+r.span())
		o["idx"], o["little"] = loose.Number(uint64(r.Index)), r.Flags&LittleEndian != 0
		o["bits"] = loose.Number(uint64(r.Flags&0x3f) + 1)
	default:
		if r.Type >= MatchTagsDifference && r.Type <= MatchTagReceiver {
			o["id"], o["value"] = loose.Number(uint64(r.Tag)), loose.Number(uint64(r.Value))
		}
	}
	return o
}

// MarshalJSON implements json.Marshaler, see [Rule.Object].
func (r Rule) MarshalJSON() ([]byte, error) { return json.Marshal(r.Object()) }

// UnmarshalJSON implements json.Unmarshaler in mode Entered.
func (r *Rule) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("read rule: %w", err)
	}
	var err error
	*r, err = FromValue(v, Entered)
	return err
}
