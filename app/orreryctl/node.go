package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
	"orrery/service/ipc"
)

// nodeCommands are those of the reference's command line.
func (p *program) nodeCommands() []*cobra.Command {
	t := p.tool
	info := &cobra.Command{
		Use: "info", Aliases: []string{"status"}, Short: "Show address, version and state of this node", Args: between(0, 0, ""),
	}
	info.RunE = func(c *cobra.Command, args []string) error {
		return p.online(func(ctx context.Context, _ []string) error { return t.Info(ctx, info.CalledAs()) })(c, args)
	}
	return []*cobra.Command{
		info,
		{Use: "listpeers", Short: "List all peers", Args: between(0, 0, ""),
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.ListPeers(ctx) })},
		p.peersCommand(),
		{Use: "listnetworks", Short: "List all networks", Args: between(0, 0, ""),
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.ListNetworks(ctx) })},
		{Use: "listmoons", Short: "List moons (federated root sets)", Args: between(0, 0, ""),
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.ListMoons(ctx) })},
		p.joinCommand(),
		p.inviteCommand(),
		{Use: "leave <network ID>", Short: "Leave a network", Args: between(1, 1, "a network ID"), ValidArgsFunction: p.completeNetworks,
			RunE: p.online(func(ctx context.Context, a []string) error { return t.Leave(ctx, a[0]) })},
		{Use: "set <network ID> <setting>=<value>", Short: "Change a setting of a network", Args: between(1, 2, "a network ID and a setting"),
			ValidArgsFunction: p.completeNetworks,
			Long: `Change a setting of a network that is joined. Settings:

  allowManaged=1|0           let the network give addresses and routes
  allowManaged=NET/BITS,...  let it give only those inside these networks
  allowGlobal=1|0            let it give addresses and routes of the Internet
  allowDefault=1|0           let it take over the default route
  allowDNS=1|0               let its name servers answer for its domain
  dnsDefault=1|0             with allowDNS: let them answer all other queries too
  port=tun|tap               kind of virtual device (tap: Linux only)
  mtu=1280..10000            cap of the network's MTU; 0 for none
  verifiedOnly=1|0           let only peers through that you have verified
  lanDiscovery=1|0           let programs that look for others on the local
                             network find those of this one
  acceptRoutes=NET/BITS,...  apply these routes even if allowGlobal, allowDefault
                             or a conflict with another network would refuse them
  ignoreRoutes=NET/BITS,...  never apply these routes
  remoteTrace=1|0            let the controller have counts of what is dropped
  token=TEXT                 join token, if the network's owner gave you one

An empty list or token, as in "ignoreRoutes=", clears it.`,
			Example: "  orreryctl set 8056c2e21c000001 allowDNS=1",
			RunE:    p.online(func(ctx context.Context, a []string) error { return t.Set(ctx, a[0], at(a, 1)) })},
		{Use: "get <network ID> <property>", Short: "Print a property of a network", Args: between(1, 2, "a network ID and a property"),
			ValidArgsFunction: p.completeNetworks,
			Long: `Print a property of a network that is joined: a name from the output of
"orreryctl -j listnetworks", or one of ip, ip4, ip6, ip6plane, ip6prefix; or a
setting of "orreryctl set"; or dns, what the network says of name servers and
what became of it here. "mtu" is the one in force, "settings.mtu" the cap.`,
			RunE: p.online(func(ctx context.Context, a []string) error { return t.Get(ctx, a[0], at(a, 1)) })},
		{Use: "routes <network ID>", Short: "Show a network's addresses and routes, and why some are not applied", Args: between(1, 1, "a network ID"), ValidArgsFunction: p.completeNetworks,
			Long: `Show what became of the addresses and routes that a network gives this computer:
applied; ignored, by your settings; refused, because they do not fit into the
networks that this computer is in; narrowed to what does; or pending.

A refused route is applied all the same after "orreryctl set NETWORK
acceptRoutes=NET/BITS", and never applied after "ignoreRoutes=NET/BITS".`,
			RunE: p.online(func(ctx context.Context, a []string) error { return t.Routes(ctx, a[0]) })},
		{Use: "bridge <network ID>", Short: "Show a network's bridges and who is behind them", Args: between(1, 1, "a network ID"), ValidArgsFunction: p.completeNetworks,
			Long: `Show which members of a network are bridges, whether this computer is one, and
the MACs of computers that are no members and were seen behind a bridge within
five minutes.

To bridge a LAN into a network: have its controller allow it ("orreryctl network
bridge"), "orreryctl set NETWORK port=tap", and make the network's device and the
LAN's interface ports of a bridge of the system. Linux only.`,
			RunE: p.online(func(ctx context.Context, a []string) error { return t.Bridge(ctx, a[0]) })},
		p.doctorCommand(),
		p.traceCommand(),
		{Use: "metrics", Short: "Print measurements in the text format of Prometheus", Args: between(0, 0, ""),
			Long: "Print measurements in the text format of Prometheus. Collectors get them from the\nservice's socket at /metrics, or with metricstoken.secret from the JSON API.",
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.Raw(ctx, "/metrics") })},
		{Use: "dump [<file>]", Short: "Write a report for support", Args: between(0, 1, "a file name"),
			Long: "Write a report for support to " + ctl.DumpFile + " or another file, - to print it. It has no keys or\ntokens, but it has your addresses and local.conf.",
			RunE: p.online(func(ctx context.Context, a []string) error {
				file := ctl.DumpFile
				if len(a) > 0 {
					file = a[0]
				}
				return t.Dump(ctx, file, version)
			})},
	}
}

// peersCommand lists peers, in the reference's form or with reasons.
func (p *program) peersCommand() *cobra.Command {
	t := p.tool
	why := false
	c := &cobra.Command{
		Use: "peers [<address>]", Short: "List all peers (prettier), or say how one is reached", Args: between(0, 1, "a node's address"),
		Long: `List all peers. With --why, or of one peer: how it is reached, and if packets do
not go directly why that is and what can be done about it.`,
		RunE: p.online(func(ctx context.Context, a []string) error {
			if why || len(a) > 0 {
				return t.PeersWhy(ctx, at(a, 0))
			}
			return t.Peers(ctx)
		}),
	}
	c.Flags().BoolVar(&why, "why", false, "say how peers are reached, and why not directly")
	return c
}

// doctorCommand examines the service and the machine.
func (p *program) doctorCommand() *cobra.Command {
	t, details, home, port := p.tool, false, ipc.DefaultHome(), usualPort
	c := &cobra.Command{
		Use: "doctor", Short: "Find out what is wrong, and what to do about it", Args: between(0, 0, ""),
		Long: `Examine the service and this machine: sockets and ports, whether UDP works,
roots, router, port mapping, TCP relay, clock, devices, networks, and why peers
are not reached directly. It also works while the service does not run.

The exit code is 0 if nothing is broken, even if there are warnings, and 1 if
there is a problem.`,
		RunE: p.online(func(ctx context.Context, _ []string) error { return t.Doctor(ctx, home, port, details) }),
	}
	f := c.Flags()
	f.BoolVar(&details, "details", false, "print particulars, among them physical addresses")
	f.StringVar(&home, "service-home", home, "home directory to look at if the service does not run")
	f.IntVar(&port, "service-port", port, "UDP port to look at if the service does not run")
	return c
}

// traceCommand shows the log.
func (p *program) traceCommand() *cobra.Command {
	level, follow := "debug", false
	c := &cobra.Command{
		Use: "trace", Short: "Show the last lines of the service's log", Args: between(0, 0, ""),
		Long: `Show the last thousand lines of the service's log, with those that the system's
log leaves out: how peers are reached, and what the node tries. Packets that are
dropped are counted, not logged: see orreryctl metrics.`,
		RunE: p.online(func(ctx context.Context, _ []string) error { return p.tool.Trace(ctx, level, follow) }),
	}
	f := c.Flags()
	f.StringVar(&level, "level", level, "least level: debug, info, warn or error")
	f.BoolVarP(&follow, "follow", "f", false, "go on with new lines")
	return c
}

// usualPort is the service's UDP port unless it is told otherwise.
const usualPort = 9993

// completeNetworks offers the joined networks to the shell's completion.
func (p *program) completeNetworks(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || p.connect(c) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), time.Second)
	defer cancel()
	ids, err := p.tool.NetworkIDs(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
