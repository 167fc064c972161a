package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"orrery/service/ipc"
)

// Capture says which frames of a capture are to be explained.
type Capture struct {
	// File is a pcap or pcapng file, "-" for In.
	File string
	// Frame is the number of the one to explain in full, from 1; 0 lists the
	// first Limit.
	Frame, Limit int
}

// capturedFrame is what became of one frame of a capture.
type capturedFrame struct {
	Frame int `json:"frame"`
	*ipc.RuleExplanation
	// Error says why there is no explanation.
	Error string `json:"error,omitempty"`
}

// RulesExplainCapture says what a network's rules make of the frames of a
// capture: one line each, or everything about one.
func (t *Tool) RulesExplainCapture(ctx context.Context, network string, c Capture, ends FrameEnds) error {
	if err := t.needService(); err != nil {
		return err
	}
	id, err := networkID(network)
	if err != nil {
		return err
	}
	if _, err := ends.query(nil); err != nil {
		return err
	}
	if c.Limit < 1 || c.Frame < 0 {
		return usagef("--limit and --frame count from 1")
	}
	in := t.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return failf("%w", err)
		}
		defer f.Close()
		in = f
	}
	next, err := openCapture(in)
	if err != nil {
		return failf("%s: %w", c.File, err)
	}
	var all []capturedFrame
	rows := [][]string{{"FRAME", "", "FROM", "TO", "TYPE", "BYTES", "VERDICT", "WHY"}}
	for n := 1; ; n++ {
		frame, err := next()
		switch {
		case errors.Is(err, io.EOF) && c.Frame > 0:
			return failf("%s has only %d frames", c.File, n-1)
		case errors.Is(err, io.EOF):
			return t.printCapture(rows, all, "")
		case err != nil:
			if c.Frame == 0 && n > 1 { // what came before it is of use
				_ = t.printCapture(rows, all, "")
			}
			return failf("%s: frame %d: %w", c.File, n, err)
		case c.Frame == 0 && n > c.Limit:
			return t.printCapture(rows, all, fmt.Sprintf("Only the first %d frames are listed; see --limit.", c.Limit))
		case c.Frame > 0 && n < c.Frame:
			continue
		}
		q, err := ends.query(frame)
		if err != nil {
			return err
		}
		x, err := t.Service.ExplainFrame(ctx, id.String(), q)
		var refused *ipc.Error
		switch {
		case c.Frame > 0 && err == nil:
			return t.printExplanation(x)
		case c.Frame > 0, err != nil && !(errors.As(err, &refused) && refused.Code == ipc.CodeBadRequest):
			return explain(err)
		case err != nil: // this frame's fault
			why := refused.Message
			if refused.Advice != "" {
				why += ": " + refused.Advice
			}
			all = append(all, capturedFrame{Frame: n, Error: why})
			rows = append(rows, []string{fmt.Sprint(n), "", "", "", "", fmt.Sprint(len(frame)), "?", why})
			continue
		}
		all = append(all, capturedFrame{Frame: n, RuleExplanation: x})
		rows = append(rows, []string{fmt.Sprint(n), x.Direction, x.From, x.To, x.EtherType, fmt.Sprint(x.Bytes), x.Verdict, x.Why})
	}
}

// printCapture prints one line for each frame.
func (t *Tool) printCapture(rows [][]string, all []capturedFrame, more string) error {
	if t.JSON {
		if all == nil {
			all = []capturedFrame{}
		}
		return t.showValue(all)
	}
	t.columns(rows)
	if more != "" {
		t.printf("%s\n", more)
	}
	return nil
}

// maxCaptured is the longest frame that a capture may claim to have.
const maxCaptured = 1 << 18

// openCapture tells the two kinds of captures apart and returns what reads the
// next frame, io.EOF behind the last one.
func openCapture(r io.Reader) (next func() ([]byte, error), err error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil {
		return nil, errors.New("this is no capture: it is too short")
	}
	var source interface {
		gopacket.PacketDataSource
		LinkType() layers.LinkType
	}
	if strings.HasPrefix(string(magic), "\x0a\x0d\x0d\x0a") {
		source, err = pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	} else {
		source, err = pcapgo.NewReader(b)
	}
	if err != nil {
		return nil, fmt.Errorf("this is no capture that can be read, neither pcap nor pcapng: %w", err)
	}
	link := source.LinkType()
	switch link {
	case layers.LinkTypeEthernet, layers.LinkTypeRaw, layers.LinkTypeIPv4, layers.LinkTypeIPv6, linkTypeRawBSD:
	default:
		return nil, fmt.Errorf("the capture has frames of type %s, not Ethernet or IP: capture on the network's own device", link)
	}
	return func() ([]byte, error) {
		frame, _, err := source.ReadPacketData()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("the capture ends in the middle of it")
		}
		if err == nil && len(frame) > maxCaptured {
			return nil, fmt.Errorf("%d bytes are no frame", len(frame))
		}
		if err == nil && link != layers.LinkTypeEthernet {
			frame = ethernet(frame)
		}
		return frame, err
	}, nil
}

// linkTypeRawBSD is what some systems call raw IP in captures.
const linkTypeRawBSD layers.LinkType = 12

// ethernet makes a frame of an IP packet, as a device for IP packets has them.
// Its MACs are left for the service to fill in.
func ethernet(packet []byte) []byte {
	frame := make([]byte, frameHead, frameHead+len(packet))
	frame[12] = 0x08
	if len(packet) > 0 && packet[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	return append(frame, packet...)
}
