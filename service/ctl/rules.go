package ctl

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"orrery/engine/identity"
	"orrery/service/ipc"
)

// RulesShow prints the rules of a network in the rule language, with our own
// capabilities and tags.
func (t *Tool) RulesShow(ctx context.Context, network string) error {
	if err := t.needService(); err != nil {
		return err
	}
	id, err := networkID(network)
	if err != nil {
		return err
	}
	r, err := t.Service.NetworkRules(ctx, id.String())
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(r)
	}
	if len(r.Rules.Rules) == 0 {
		t.printf("# no rules: nothing passes but what capabilities accept\n")
	}
	t.printRules(r.Rules.Text, "")
	for i := range r.Capabilities {
		c := &r.Capabilities[i]
		if c.Capability != nil {
			t.printf("\n# our capability %d\n", *c.Capability)
		}
		t.printRules(c.Text, "  ")
	}
	for i, tag := range r.Tags {
		if i == 0 {
			t.printf("\n")
		}
		t.printf("# our tag %d is %d\n", tag.ID, tag.Value)
	}
	return nil
}

// networkID parses the ID of a network that is joined.
func networkID(s string) (identity.NetworkID, error) {
	n, err := identity.ParseNetworkID(s)
	if err != nil || n == 0 {
		return 0, usagef("%q is not a network ID: want 16 hex digits; \"orreryctl listnetworks\" shows them", clipArg(s))
	}
	return n, nil
}

// printRules prints text from the service line by line.
func (t *Tool) printRules(text, indent string) {
	for line := range strings.Lines(text) {
		t.printf("%s%s\n", indent, printable(strings.TrimSuffix(line, "\n")))
	}
}

// FrameEnds is what a user says about a frame besides its bytes.
type FrameEnds struct {
	In, Out  bool
	From, To string
}

// query makes a question of it.
func (e *FrameEnds) query(frame []byte) (ipc.FrameQuery, error) {
	q := ipc.FrameQuery{Frame: frame}
	switch {
	case e.In && e.Out:
		return q, usagef("--in and --out exclude each other")
	case e.In:
		q.Direction = "in"
	case e.Out:
		q.Direction = "out"
	}
	for _, end := range []struct {
		text string
		to   *string
	}{{e.From, &q.From}, {e.To, &q.To}} {
		if end.text == "" {
			continue
		}
		a, err := memberID(end.text)
		if err != nil {
			return q, err
		}
		*end.to = a.String()
	}
	return q, nil
}

// RulesExplain says what a network's rules make of one frame, in hex; "-" reads
// it from In.
func (t *Tool) RulesExplain(ctx context.Context, network, frame string, ends FrameEnds) error {
	if err := t.needService(); err != nil {
		return err
	}
	id, err := networkID(network)
	if err != nil {
		return err
	}
	if frame == "-" {
		b, err := io.ReadAll(io.LimitReader(t.In, maxHexFrame+1))
		if err != nil {
			return failf("read the frame: %w", err)
		}
		if len(b) > maxHexFrame {
			return usagef("more than %d characters are no frame; a capture is read with --pcap", maxHexFrame)
		}
		frame = string(b)
	}
	raw, err := parseHexFrame(frame)
	if err != nil {
		return err
	}
	q, err := ends.query(raw)
	if err != nil {
		return err
	}
	x, err := t.Service.ExplainFrame(ctx, id.String(), q)
	if err != nil {
		return explain(err)
	}
	return t.printExplanation(x)
}

// maxHexFrame bounds a frame as text.
const maxHexFrame = 256 << 10

// parseHexFrame reads hex digits with spaces, colons, dashes or line ends
// between them, as tools print them. Of what "tcpdump -xx" prints it takes the
// lines that begin with an offset. An IP packet gets an Ethernet header.
func parseHexFrame(s string) ([]byte, error) {
	var digits strings.Builder
	dump := strings.Contains(s, "0x0000:")
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if dump {
			offset, rest, ok := strings.Cut(line, ":")
			if !ok || !strings.HasPrefix(offset, "0x") {
				continue
			}
			if offset == "0x0000" && digits.Len() > 0 {
				break // the next frame
			}
			line = rest
		}
		for word := range strings.FieldsSeq(line) {
			digits.WriteString(strings.NewReplacer(":", "", "-", "").Replace(strings.TrimPrefix(word, "0x")))
		}
	}
	b, err := hex.DecodeString(digits.String())
	stray := strings.Trim(digits.String(), "0123456789abcdefABCDEF")
	switch {
	case stray != "":
		return nil, usagef("the frame is not hex: %q is no digit of it", []rune(stray)[0])
	case err != nil:
		return nil, usagef("the frame is not hex: it has an odd number of digits, %d", digits.Len())
	case isPacket(b):
		return ethernet(b), nil
	case len(b) < frameHead:
		return nil, usagef("%d bytes are no Ethernet frame: it begins with two MACs and the ethertype, %d bytes", len(b), frameHead)
	}
	return b, nil
}

// isPacket reports whether bytes are an IP packet and no Ethernet frame, as what
// tools print of a device for IP packets: the version and the length fit.
func isPacket(b []byte) bool {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return b[0]&15 >= 5 && int(binary.BigEndian.Uint16(b[2:])) == len(b)
	case len(b) >= 40 && b[0]>>4 == 6:
		return int(binary.BigEndian.Uint16(b[4:]))+40 == len(b)
	}
	return false
}

// frameHead is the size of an Ethernet header.
const frameHead = 14

// printExplanation prints everything about one frame.
func (t *Tool) printExplanation(x *ipc.RuleExplanation) error {
	if t.JSON {
		return t.showValue(x)
	}
	to := x.To
	if to == "" {
		to = "a group or bridges"
	}
	t.printf("%s  ethertype %s, %d bytes, from %s to %s\n", x.Direction, x.EtherType, x.Bytes, x.From, printable(to))
	t.printf("%s  %s\n", strings.ToUpper(printable(x.Verdict)), printable(x.Why))
	for _, c := range x.Copies {
		t.printf("    %s: %d bytes to %s\n", printable(c.Kind), c.Bytes, printable(c.To))
	}
	for _, n := range x.Notes {
		t.printf("    %s\n", printable(n))
	}
	t.printf("    our tags: %s; theirs: %s\n", tagList(x.OurTags), tagList(x.TheirTags))
	for i := range x.Lists {
		l := &x.Lists[i]
		name := "rules of the network"
		if l.Capability != nil {
			name = fmt.Sprintf("capability %d", *l.Capability)
		}
		t.printf("\n%s: %s\n", name, printable(l.Result))
		rows := make([][]string, 0, len(l.Rules))
		for k := range l.Rules {
			r := &l.Rules[k]
			mark := ""
			if r.Decided {
				mark = ">"
			}
			said := r.Saw
			if r.Effect != "" {
				said = strings.TrimPrefix(said+"; "+r.Effect, "; ")
			}
			rows = append(rows, []string{mark, fmt.Sprint(r.Number), r.Text, r.State, said})
		}
		t.columns(rows)
	}
	return nil
}

func tagList(tags []ipc.RuleTag) string {
	if len(tags) == 0 {
		return "none"
	}
	var out []string
	for _, tag := range tags {
		out = append(out, fmt.Sprintf("%d=%d", tag.ID, tag.Value))
	}
	return strings.Join(out, " ")
}
