package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
)

// joinCommand joins a network by its ID or an invite.
func (p *program) joinCommand() *cobra.Command {
	token := ""
	c := &cobra.Command{
		Use: "join <network ID|invite>", Short: "Join a network", Args: between(1, 1, "a network ID or an invite"),
		Long: `Join a network by its ID or by an invite: a link (orrery://join/…), a file with
the link, a PNG or JPEG picture of its QR code, or - for such a file at the
standard input.

An invite names the key of the network's controller. It is recorded as verified
before the controller is asked for anything, so that nobody, no root either, can
pose as the controller. If another key is recorded for it nothing is done.`,
		Example: "  orreryctl join 8056c2e21c000001\n  orreryctl join garden.png",
		RunE:    p.online(func(ctx context.Context, a []string) error { return p.tool.JoinBy(ctx, a[0], token) }),
	}
	c.Flags().StringVar(&token, "join-token", "", "token with which the network admits this computer unasked")
	return c
}

// contactCommand makes this computer's contact card.
func (p *program) contactCommand() *cobra.Command {
	var v ctl.Invitation
	c := &cobra.Command{
		Use: "contact", Short: "Make this computer's contact card: a link, a picture, a file", Args: between(0, 0, ""),
		Long: `Make this computer's contact card and print its link. Whoever opens it, from a
place that they trust, has verified this computer: orreryctl trust verify CARD.`,
		Example: "  orreryctl contact --name Kim --qr kim.png",
		RunE:    p.online(func(ctx context.Context, _ []string) error { return p.tool.Contact(ctx, v) }),
	}
	f := c.Flags()
	f.StringVar(&v.Name, "name", "", "what you want to be called")
	f.StringVar(&v.QRFile, "qr", "", "save the QR picture in this new PNG file")
	f.StringVar(&v.File, "file", "", "save the link in this new file, by custom NAME.orrery")
	f.BoolVar(&v.Picture, "show", false, "draw the QR picture on the terminal")
	return c
}

// inviteCommand makes invites.
func (p *program) inviteCommand() *cobra.Command {
	var v ctl.Invitation
	c := &cobra.Command{
		Use: "invite <network ID>", Short: "Make an invite to a network: a link, a picture, a file", Args: between(1, 1, "a network ID"),
		ValidArgsFunction: p.completeNetworks,
		Long: `Make an invite to a network that this computer has joined, or is the controller
of, and print its link. Whoever opens it joins the network and knows for sure
which key its controller has. That must be so here too: unless this computer is
the controller, you must have verified it.

It holds no secret: members of a private network must be authorised all the same.`,
		Example: "  orreryctl invite 8056c2e21c000001 --show\n  orreryctl invite 8056c2e21c000001 --name Garden --qr garden.png --file garden.orrery",
		RunE:    p.online(func(ctx context.Context, a []string) error { return p.tool.Invite(ctx, a[0], v) }),
	}
	f := c.Flags()
	f.StringVar(&v.Name, "name", "", "what the invite calls the network (default: its own name)")
	f.StringVar(&v.QRFile, "qr", "", "save the QR picture in this new PNG file")
	f.StringVar(&v.File, "file", "", "save the link in this new file, by custom NAME.orrery")
	f.BoolVar(&v.Picture, "show", false, "draw the QR picture on the terminal")
	return c
}
