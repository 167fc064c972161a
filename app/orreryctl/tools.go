package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
)

// idCommand has the reference's identity tool.
func (p *program) idCommand() *cobra.Command {
	t := p.tool
	return group("id", "Make and check identities, without a service",
		"Make and check identities. An identity argument is the identity itself or the\nname of a file that holds it.",
		&cobra.Command{Use: "generate [<secret file>] [<public file>] [<vanity>]", Short: "Make an identity", Args: between(0, 3, "two files and the beginning of an address"),
			Long: "Make an identity and print it, with its private key, or write it to new files.\nVanity is the wished-for beginning of the address in hex; each digit takes 16\ntimes as long.",
			RunE: func(c *cobra.Command, a []string) error {
				return t.IDGenerate(c.Context(), at(a, 0), at(a, 1), at(a, 2))
			}},
		&cobra.Command{Use: "validate <identity>", Short: "Check that the address follows from the key", Args: between(1, 1, "an identity"),
			RunE: func(_ *cobra.Command, a []string) error { return t.IDValidate(a[0]) }},
		&cobra.Command{Use: "getpublic <identity>", Short: "Print the public part", Args: between(1, 1, "an identity"),
			RunE: func(_ *cobra.Command, a []string) error { return t.IDPublic(a[0]) }},
		&cobra.Command{Use: "sign <secret identity> <file>", Short: "Sign a file", Args: between(2, 2, "an identity and a file"),
			RunE: func(_ *cobra.Command, a []string) error { return t.IDSign(a[0], a[1]) }},
		&cobra.Command{Use: "verify <identity> <file> <signature>", Short: "Check the signature of a file", Args: between(3, 3, "an identity, a file and a signature"),
			RunE: func(_ *cobra.Command, a []string) error { return t.IDVerify(a[0], a[1], a[2]) }},
	)
}

// planetCommand makes and shows planets.
func (p *program) planetCommand() *cobra.Command {
	t := p.tool
	var plan ctl.PlanetPlan
	make := &cobra.Command{
		Use: "make", Short: "Make a planet of your own, or its next revision", Args: between(0, 0, ""),
		Long: `Make a planet of your own: a signed file that names up to four root servers and
where they are. Put it, named "planet", into the home directory of every node
before it starts. Running this again with the same files makes the next revision.

The key file signs. Without it there is no next revision: keep it, off line.`,
		Example: "  orreryctl planet make --root root1/identity.public=203.0.113.5/9993,2001:db8::5/9993 --out planet",
		RunE:    func(*cobra.Command, []string) error { return t.PlanetMake(plan) },
	}
	f := make.Flags()
	f.StringArrayVar(&plan.Roots, "root", nil, "root as IDENTITY=IP/PORT[,IP/PORT…]; IDENTITY is text or a file")
	f.StringVar(&plan.Out, "out", "planet", "file to write")
	f.StringVar(&plan.KeyFile, "key", "planet.key", "file with the signing key; made if there is none")
	f.StringVar(&plan.ID, "id", "", "ID of a new planet in hex (default: at random)")
	return group("planet", "Make and show planets: sets of root servers", "",
		make,
		&cobra.Command{Use: "show [<file>]", Short: "Show a planet or moon file, or the planet in use", Args: between(0, 1, "a file"),
			RunE: func(c *cobra.Command, a []string) error {
				if len(a) > 0 {
					return t.PlanetShow(c.Context(), a[0])
				}
				return p.online(func(ctx context.Context, _ []string) error { return t.PlanetShow(ctx, "") })(c, a)
			}},
	)
}
