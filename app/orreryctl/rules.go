package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
)

// rulesCommand shows rules and what they do.
func (p *program) rulesCommand() *cobra.Command {
	t := p.tool
	var ends ctl.FrameEnds
	capture := ctl.Capture{Limit: 1000}
	explain := &cobra.Command{
		Use: "explain <network ID> [<frame>]", Short: "Say which rule lets a frame pass, or not", Args: between(1, 2, "a network ID and a frame"),
		ValidArgsFunction: p.completeNetworks,
		Long: `Run the rules of a network over an Ethernet frame, as this node does for every
frame that comes in or goes out, and say which rule decided and what each one
saw. Nothing is sent or counted.

The frame is hex from its destination MAC on; colons, dashes, spaces and the
offsets of "tcpdump -xx" may stand between the digits. "-" reads it from the
input. --pcap takes frames from a capture: one line for each, or with --frame
everything about one. IP packets, as the devices of networks have them by
default, have no MACs: they need --out and --to, or --in and --from.

Direction and ends follow from the MACs unless they are named. Both ends judge
each frame: if this one accepts it, ask the other one too.`,
		Example: `  orreryctl rules explain 8056c2e21c000001 --pcap zt.pcap
  orreryctl rules explain 8056c2e21c000001 --pcap zt.pcap --frame 7
  tcpdump -i zt0 -c1 -xx port 80 | orreryctl rules explain 8056c2e21c000001 - --out --to 89e92ceee5`,
	}
	explain.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case capture.File == "" && len(args) < 2:
			return usage("name a frame, - to read one, or a capture with --pcap\nSee %s --help", c.CommandPath())
		case capture.File != "" && len(args) > 1:
			return usage("a frame and --pcap exclude each other")
		case capture.File == "" && (c.Flags().Changed("frame") || c.Flags().Changed("limit")):
			return usage("--frame and --limit are about a capture: name it with --pcap")
		}
		return p.online(func(ctx context.Context, a []string) error {
			if capture.File != "" {
				return t.RulesExplainCapture(ctx, a[0], capture, ends)
			}
			return t.RulesExplain(ctx, a[0], a[1], ends)
		})(c, args)
	}
	f := explain.Flags()
	f.BoolVar(&ends.In, "in", false, "the frame comes in")
	f.BoolVar(&ends.Out, "out", false, "the frame goes out")
	f.StringVar(&ends.From, "from", "", "address of the node that it comes from")
	f.StringVar(&ends.To, "to", "", "address of the node that it goes to")
	f.StringVar(&capture.File, "pcap", "", "capture with Ethernet frames or IP packets, pcap or pcapng; - for the input")
	f.IntVar(&capture.Frame, "frame", 0, "number of the frame of the capture to explain in full")
	f.IntVar(&capture.Limit, "limit", capture.Limit, "greatest number of frames of the capture to list")
	return group("rules", "Show the rules of a network, and what they do to a frame",
		"Show the rules of a network, and what they do to a frame. Networks choose their\nrules; see \"orreryctl network\" for networks of your own.",
		&cobra.Command{Use: "show <network ID>", Short: "Print the rules in force", Args: between(1, 1, "a network ID"), ValidArgsFunction: p.completeNetworks,
			Long: "Print the rules in force on a network in the rule language, with the\ncapabilities and tags of this node.",
			RunE: p.online(func(ctx context.Context, a []string) error { return t.RulesShow(ctx, a[0]) })},
		explain,
	)
}
