package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
)

// networkCommand manages networks of one's own.
func (p *program) networkCommand() *cobra.Command {
	t := p.tool
	var n ctl.NewNetwork
	create := &cobra.Command{
		Use: "create", Short: "Create a network and print its ID", Args: between(0, 0, ""),
		Long: `Create a network on this node's controller and print its ID. Members of a
private network (the default) must be authorised one by one.`,
		Example: "  orreryctl network create --name home --subnet 10.147.17.0/24",
		RunE:    p.online(func(ctx context.Context, _ []string) error { return t.NetworkCreate(ctx, n) }),
	}
	f := create.Flags()
	f.StringVar(&n.Name, "name", "", "name that members see")
	f.BoolVar(&n.Public, "public", false, "admit everybody who knows the ID")
	f.StringVar(&n.Subnet, "subnet", "", "IPv4 network for members' addresses, or \"none\" (default: a 10.x.y.0/24 at random)")
	f.StringSliceVar(&n.IPv6, "ipv6", nil, "IPv6 addresses for members: rfc4193, 6plane")
	f.StringSliceVar(&n.Routes, "route", nil, "further route, NETWORK/BITS or NETWORK/BITS=GATEWAY")
	f.StringVar(&n.ID, "id", "", "network ID, which must begin with this node's address (default: the controller chooses)")

	var name string
	authorize := &cobra.Command{
		Use: "authorize <network ID> <address>", Short: "Admit a member", Args: between(2, 2, "a network ID and a node's address"),
		RunE: p.online(func(ctx context.Context, a []string) error { return t.NetworkAuthorize(ctx, a[0], a[1], true, name) }),
	}
	authorize.Flags().StringVar(&name, "name", "", "name to remember the member by")

	var off bool
	bridge := &cobra.Command{
		Use: "bridge <network ID> <address>", Short: "Let a member bridge computers behind it", Args: between(2, 2, "a network ID and a node's address"),
		Long: `Let a member bridge: computers behind it, on its LAN, that run none of this
software and are no members, can send to and receive from all members.`,
		RunE: p.online(func(ctx context.Context, a []string) error { return t.NetworkBridge(ctx, a[0], a[1], !off) }),
	}
	bridge.Flags().BoolVar(&off, "off", false, "do not let it any more")

	var yes bool
	remove := &cobra.Command{
		Use: "delete <network ID>", Short: "Delete a network with all its members", Args: between(1, 1, "a network ID"),
		RunE: p.online(func(ctx context.Context, a []string) error { return t.NetworkDelete(ctx, a[0], yes) }),
	}
	remove.Flags().BoolVar(&yes, "yes", false, "do not ask")

	status := &cobra.Command{
		Use: "status [<network ID>]", Short: "Say how joined networks do, and what can be done", Args: between(0, 1, "a network ID"),
		ValidArgsFunction: p.completeNetworks,
		RunE:              p.online(func(ctx context.Context, a []string) error { return t.NetworkStatus(ctx, at(a, 0)) }),
	}
	return group("network", "Manage networks of your own on this node's controller",
		"Manage networks of your own on this node's controller. To join a network see\n\"orreryctl join\". These commands need root, but for \"status\".",
		create, authorize, bridge, remove, status,
		&cobra.Command{Use: "list", Short: "List networks with their members: authorised/all", Args: between(0, 0, ""),
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.NetworkList(ctx) })},
		&cobra.Command{Use: "show <network ID>", Short: "Show a network", Args: between(1, 1, "a network ID"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.NetworkShow(ctx, a[0]) })},
		&cobra.Command{Use: "members <network ID>", Short: "List members, those who wait for authorisation first", Args: between(1, 1, "a network ID"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.NetworkMembers(ctx, a[0]) })},
		&cobra.Command{Use: "deauthorize <network ID> <address>", Short: "Expel a member", Args: between(2, 2, "a network ID and a node's address"),
			RunE: p.online(func(ctx context.Context, a []string) error {
				return t.NetworkAuthorize(ctx, a[0], a[1], false, "")
			})},
	)
}
