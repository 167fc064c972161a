package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
)

// verifyCommand shows what two people compare.
func (p *program) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify <address>", Short: "Show the safety number with a peer, in digits and words", Args: between(1, 1, "a node's address"),
		Long: `Show what you and the owner of an address compare to be sure that nobody is in
between: 12 groups of digits, and the same in 12 words. Both sides see the same.`,
		RunE: p.online(func(ctx context.Context, a []string) error { return p.tool.Verify(ctx, a[0]) }),
	}
}

// trustCommand manages trust records.
func (p *program) trustCommand() *cobra.Command {
	t := p.tool
	var proof ctl.Proof
	verify := &cobra.Command{
		Use: "verify <address|contact card>", Short: "Say that a peer's identity is the right one", Args: between(1, 1, "a node's address or a contact card"),
		Long: `Say that a peer's identity is the right one. Without flags it shows the safety
number and asks. With --identity or --contact the peer need not have been met. A
contact card from a place that you trust can stand for the address: a link
(orrery://contact/…), a file with the link, a picture of its QR code, or - for
such a file at the standard input.`,
		RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustVerify(ctx, a[0], proof) }),
	}
	f := verify.Flags()
	f.BoolVar(&proof.Matches, "matches", false, "the safety number was compared and is the same")
	f.StringVar(&proof.Identity, "identity", "", "the peer's full public identity, or a file with it, from a place that you trust")
	f.StringVar(&proof.Contact, "contact", "", "the peer's contact card (a link, or a file with it) from a place that you trust")
	verify.MarkFlagsMutuallyExclusive("matches", "identity", "contact")

	var yes bool
	forget := &cobra.Command{
		Use: "forget <address>", Short: "Remove a record: the next identity seen will be believed", Args: between(1, 1, "a node's address"),
		RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustForget(ctx, a[0], yes) }),
	}
	forget.Flags().BoolVar(&yes, "yes", false, "do not ask")

	return group("trust", "Manage whose identity is trusted",
		"Manage whose identity is trusted. The first identity seen for an address is\nremembered, and no other is accepted for it; it is verified once you have\ncompared the safety number with its owner.",
		verify, forget,
		&cobra.Command{Use: "list", Short: "List all records", Args: between(0, 0, ""),
			RunE: p.online(func(ctx context.Context, _ []string) error { return t.TrustList(ctx) })},
		&cobra.Command{Use: "unverified [<network ID>]", Short: "List members that networks for verified peers turn away", Args: between(0, 1, "a network ID"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustUnverified(ctx, at(a, 0)) })},
		&cobra.Command{Use: "show <address>", Short: "Show a record", Args: between(1, 1, "a node's address"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustShow(ctx, a[0]) })},
		&cobra.Command{Use: "block <address|identity>", Short: "Drop everything from and to a peer", Args: between(1, 1, "a node's address or identity"),
			Long: `Drop everything from and to a peer, until "trust verify" or "trust forget". One
that was never met is named by its public identity, or by a file with it.`,
			RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustBlock(ctx, a[0]) })},
		&cobra.Command{Use: "name <address> [<name>]", Short: "Give a peer a name, or take it away", Args: between(1, 2, "a node's address and a name"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustName(ctx, a[0], at(a, 1)) })},
		&cobra.Command{Use: "settle <address>", Short: "Settle a conflict: the recorded identity is the right one", Args: between(1, 1, "a node's address"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.TrustSettle(ctx, a[0]) })},
	)
}
