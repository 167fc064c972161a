package rule

import (
	"fmt"
	"strings"
)

// Text renders rules for people in the rule language (spec 05 §5): an action,
// its matches below it, and a semicolon. What the language has no words for is
// rendered in its manner. Matches behind the last action have no effect and
// follow as a comment.
func Text(rules []Rule) string {
	var b strings.Builder
	var set []string
	for i := range rules {
		r := &rules[i]
		if !r.Type.Action() {
			set = append(set, r.Text(len(set) == 0))
			continue
		}
		b.WriteString(r.Text(true))
		for _, m := range set {
			b.WriteString("\n  " + m)
		}
		if len(set) > 0 {
			b.WriteString("\n")
		}
		b.WriteString(";\n")
		set = nil
	}
	for _, m := range set {
		b.WriteString("# without an action: " + m + "\n")
	}
	return b.String()
}

// Text renders one rule. The first match of a set does without its "and".
func (r *Rule) Text(first bool) string {
	if r.Type.Action() {
		return r.actionText()
	}
	head := "and "
	switch {
	case r.Or:
		head = "or "
	case first:
		head = ""
	}
	if r.Not {
		head += "not "
	}
	return head + r.matchText()
}

// actionText is an action without its matches.
func (r *Rule) actionText() string {
	switch r.Type {
	case ActionDrop:
		return "drop"
	case ActionAccept:
		return "accept"
	case ActionBreak:
		return "break"
	case ActionPriority:
		return "priority"
	case ActionRedirect:
		return "redirect " + (r.Address & addressMask).String()
	case ActionTee, ActionWatch:
		name := "tee"
		if r.Type == ActionWatch {
			name = "watch"
		}
		return fmt.Sprintf("%s %d %s", name, r.Length, r.Address&addressMask)
	}
	return fmt.Sprintf("action_%d", r.Type)
}

// matchText is a match without its connective.
func (r *Rule) matchText() string {
	tag := func(name string) string { return fmt.Sprintf("%s %d %d", name, r.Tag, r.Value) }
	switch r.Type {
	case MatchSourceAddress:
		return "ztsrc " + (r.Address & addressMask).String()
	case MatchDestinationAddress:
		return "ztdest " + (r.Address & addressMask).String()
	case MatchVLANID:
		return fmt.Sprintf("vlan %d", uint16(r.Value))
	case MatchVLANPCP:
		return fmt.Sprintf("vlanpcp %d", uint8(r.Value))
	case MatchVLANDEI:
		return fmt.Sprintf("vlandei %d", uint8(r.Value))
	case MatchSourceMAC:
		return "macsrc " + r.MAC.String()
	case MatchDestinationMAC:
		return "macdest " + r.MAC.String()
	case MatchIPv4Source, MatchIPv6Source:
		return "ipsrc " + r.prefixText()
	case MatchIPv4Destination, MatchIPv6Destination:
		return "ipdest " + r.prefixText()
	case MatchIPTOS:
		return fmt.Sprintf("iptos %d %s", uint8(r.Mask), rangeText(uint64(uint8(r.Start)), uint64(uint8(r.End))))
	case MatchIPProtocol:
		return "ipprotocol " + protocolText(uint8(r.Value))
	case MatchEtherType:
		return "ethertype " + etherTypeText(uint16(r.Value))
	case MatchICMP:
		if r.Flags&ICMPCodeSet == 0 {
			return fmt.Sprintf("icmp %d -1", uint8(r.Value))
		}
		return fmt.Sprintf("icmp %d %d", uint8(r.Value), r.Code)
	case MatchSourcePort:
		return "sport " + rangeText(uint64(uint16(r.Start)), uint64(uint16(r.End)))
	case MatchDestinationPort:
		return "dport " + rangeText(uint64(uint16(r.Start)), uint64(uint16(r.End)))
	case MatchFrameSize:
		return "framesize " + rangeText(uint64(uint16(r.Start)), uint64(uint16(r.End)))
	case MatchCharacteristics:
		return "chr " + characteristicsText(r.Mask)
	case MatchRandom:
		return fmt.Sprintf("random %.6g", float64(r.Value)/(1<<32-1))
	case MatchTagsDifference:
		return tag("tdiff")
	case MatchTagsAnd:
		return tag("tand")
	case MatchTagsOr:
		return tag("tor")
	case MatchTagsXor:
		return tag("txor")
	case MatchTagsEqual:
		return tag("teq")
	case MatchTagSender:
		return tag("tseq")
	case MatchTagReceiver:
		return tag("treq")
	case MatchIntegerRange:
		order := "big"
		if r.Flags&LittleEndian != 0 {
			order = "little"
		}
		return fmt.Sprintf("integer %d %d %s %d-%d", r.Index, r.Flags&0x3f+1, order, r.Start, r.Start+r.span())
	}
	return fmt.Sprintf("match_%d", r.Type)
}
