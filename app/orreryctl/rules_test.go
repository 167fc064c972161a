//go:build !windows

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"orrery/engine/rule"
	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// capability is an ID for the API.
func capability(id uint32) *uint32 { return &id }

// TestRules shows rules, and what they do to a frame.
func TestRules(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	rules := []rule.Rule{
		{Type: rule.MatchEtherType, Not: true, Value: 0x0800}, {Type: rule.MatchEtherType, Not: true, Value: 0x0806}, {Type: rule.ActionDrop},
		{Type: rule.MatchTagsEqual, Tag: 100, Value: 2}, {Type: rule.ActionAccept},
	}
	raw := make([]json.RawMessage, len(rules))
	for i := range rules {
		var err error
		if raw[i], err = rules[i].MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	}
	b.Change(func(b *apitest.Backend) {
		b.Ruled = ipc.NetworkRules{
			Rules:        ipc.RuleList{Text: rule.Text(rules), Rules: raw},
			Capabilities: []ipc.RuleList{{Capability: capability(7), Text: rule.Text(rules[3:]), Rules: raw[3:]}},
			Tags:         []ipc.RuleTag{{ID: 100, Value: 2}},
		}
		b.Explained = ipc.RuleExplanation{
			Direction: "in", From: "e285b97aef", To: "294551b91f", EtherType: "0800", Verdict: "drop", Why: "No rule accepts the frame\x1b[2J.",
			Notes: []string{"e285b97aef has shown no credentials yet."}, OurTags: []ipc.RuleTag{{ID: 100, Value: 2}},
			Copies: []ipc.RuleCopy{{To: "62f865ae71", Kind: "tee", Bytes: 64}},
			Lists: []ipc.ExplainedList{{Result: "no match", Rules: []ipc.ExplainedRule{
				{Number: 1, Text: "not ethertype ipv4", State: "not matched", Saw: "ethertype ipv4"},
				{Number: 2, Text: "and not ethertype arp", State: "not asked"},
				{Number: 3, Text: "drop", State: "not applied"},
				{Number: 4, Text: "teq 100 2", State: "not matched", Saw: "our tag is 2, theirs is unknown"},
				{Number: 5, Text: "accept", State: "not applied"},
			}}, {Capability: capability(7), Result: "accept", Rules: []ipc.ExplainedRule{
				{Number: 1, Text: "accept", State: "applied", Effect: "a copy is sent", Decided: true},
			}}},
		}
	})
	file, ng, cut, wifi, raw6 := captures(t)
	const frame = "eee4ee4e004e-ee:e4:ee:4e:00:4f-0800-45000014000000000000000000000000000000aa"
	r := strings.NewReplacer("--socket "+socket+" ", "", "-D"+home+" ", "-DHOME ", filepath.Dir(file)+"/", "")
	lines := with([]string{"--socket", socket}, "rules", "rules show 294551b91fabcdef", "-j rules show 294551b91fabcdef", "rules show 1234567812345678", "rules show zork",
		"rules explain 294551b91fabcdef", "rules explain 294551b91fabcdef "+frame, "-j rules explain 294551b91fabcdef "+frame+" --out --to e285b97aef",
		"rules explain 294551b91fabcdef xyz", "rules explain 294551b91fabcdef 0012ü", "rules explain 294551b91fabcdef 001", "rules explain 294551b91fabcdef 001122", "rules explain 294551b91fabcdef "+frame+" --in --out",
		"rules explain 294551b91fabcdef "+frame+" --from zork", "rules explain 294551b91fabcdef "+frame+" --pcap x", "rules explain 294551b91fabcdef "+frame+" --limit 3",
		"rules explain 294551b91fabcdef --pcap "+file, "rules explain 294551b91fabcdef --pcap "+ng+" --limit 1", "-j rules explain 294551b91fabcdef --pcap "+ng,
		"rules explain 294551b91fabcdef --pcap "+file+" --frame 2", "rules explain 294551b91fabcdef --pcap "+file+" --frame 9", "rules explain 294551b91fabcdef --pcap "+file+" --limit 0",
		"rules explain 294551b91fabcdef --pcap "+cut, "rules explain 294551b91fabcdef --pcap "+wifi, "rules explain 294551b91fabcdef --pcap "+file+"x", "rules explain 294551b91fabcdef --in --from e285b97aef --frame 1 --pcap "+raw6,
	)
	lines = append(lines, []string{"-D" + home, "rules", "show", "294551b91fabcdef"})
	shown := transcript(t, "", r, lines...)
	golden(t, "rules", shown)
	b.Change(func(b *apitest.Backend) {
		if f := b.Asked.Frame; len(f) != 74 || !bytes.Equal(f[:15], append(append(make([]byte, 12), 0x08, 0), 0xaa)) {
			t.Errorf("the packet became %x", f)
		}
	})
}

// captures writes a capture in each form, one that ends early, and one of
// another kind of link, and one of IP packets.
func captures(t *testing.T) (file, ng, cut, wifi, raw6 string) {
	t.Helper()
	frames := [][]byte{bytes.Repeat([]byte{0xaa}, 60), bytes.Repeat([]byte{0xbb}, 20), bytes.Repeat([]byte{0xcc}, 5)}
	info := func(f []byte) gopacket.CaptureInfo {
		return gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: len(f), Length: len(f)}
	}
	classic := func(link layers.LinkType) []byte {
		var b bytes.Buffer
		w := pcapgo.NewWriter(&b)
		if err := w.WriteFileHeader(65535, link); err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			if err := w.WritePacket(info(f), f); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	var next bytes.Buffer
	w, err := pcapgo.NewNgWriter(&next, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.WritePacket(info(f), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ethernet := classic(layers.LinkTypeEthernet)
	return put("frames.pcap", ethernet), put("frames.pcapng", next.Bytes()), put("cut.pcap", ethernet[:120]), put("wifi.pcap", classic(layers.LinkTypeIEEE802_11)), put("raw.pcap", classic(layers.LinkTypeRaw))
}

// TestFrameText: frames are read in the forms in which tools print them.
func TestFrameText(t *testing.T) {
	t.Parallel()
	b, socket, _ := fakeService(t)
	want, err := hex.DecodeString("ffffffffffff02000000000108060001080006040001020000000001")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":  "ffffffffffff02000000000108060001080006040001020000000001\n",
		"spaced": "0xff ff ff ff ff ff 02:00:00:00:00:01 08-06 00 01 08 00 06 04 00 01\n02 00 00 00 00 01",
		"tcpdump": "10:00:00.000000 ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 14\n\t0x0000:  ffff ffff ffff 0200 0000 0001 0806 0001\n\t0x0010:  0800 0604 0001 0200 0000 0001\n" +
			"10:00:01.000000 ARP, Request\n\t0x0000:  aaaa\n",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"--socket", socket, "rules", "explain", "294551b91fabcdef", "-", "--in", "--from", "e285b97aef"}, strings.NewReader(text), &out, &errs); code != 0 {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
		b.Change(func(b *apitest.Backend) {
			if !bytes.Equal(b.Asked.Frame, want) || b.Asked.Direction != "in" || b.Asked.From != "e285b97aef" {
				t.Errorf("%s: asked %+v", name, b.Asked)
			}
			b.Asked = ipc.FrameQuery{}
		})
	}
}
