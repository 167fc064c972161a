package main

import (
	"context"

	"github.com/spf13/cobra"

	"orrery/engine/world"
	"orrery/service/ctl"
)

// idCommand has the reference's identity tool.
func (p *program) idCommand() *cobra.Command {
	t, moon := p.tool, p.moonTools()
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
		moon[0], moon[1],
	)
}

// worldCommand makes, shows and uses planets or moons.
func (p *program) worldCommand(kind world.Kind, what, where string) *cobra.Command {
	t, name := p.tool, kind.String()
	keyFile := name + ".key"
	var make, update, sign ctl.WorldPlan
	rootFlag := func(c *cobra.Command, to *ctl.WorldPlan) {
		c.Flags().StringArrayVar(&to.Roots, "root", nil, "root as IDENTITY=IP/PORT[,IP/PORT…]; IDENTITY is text or a file")
	}
	mk := &cobra.Command{
		Use: "make", Short: "Make a " + name + " of your own", Args: between(0, 0, ""),
		Long: "Make a " + name + " of your own: a signed file that names up to four root servers and\nwhere they are. " + where + `

The key file signs. Without it there is no next revision: keep it, off line.
Nothing is overwritten.`,
		Example: "  orreryctl " + name + " make --root root1/identity.public=203.0.113.5/9993,2001:db8::5/9993",
		RunE:    func(*cobra.Command, []string) error { make.Kind = kind; return t.WorldMake(make) },
	}
	rootFlag(mk, &make)
	mk.Flags().StringVar(&make.Out, "out", "", "file to write (default: planet, or the ID of the moon)")
	mk.Flags().StringVar(&make.KeyFile, "key", keyFile, "file with the signing key; made if there is none")
	mk.Flags().StringVar(&make.ID, "id", "", "ID in hex (default: at random, or the address of a moon's first root)")
	up := &cobra.Command{
		Use: "update <file>", Short: "Make the next revision of a " + name, Args: between(1, 1, "the file of the revision before"),
		Long: `Make the next revision of a ` + name + `, in place of the file or as another one. Roots
that have it tell everybody. It must be signed by the key of the revision before.

--next-key hands over to another key: nodes that have the revision before take
it by themselves, others need to be told the key that signed it.`,
		Example: "  orreryctl " + name + " update FILE --root root2.public=203.0.113.6/9993",
		RunE:    func(_ *cobra.Command, a []string) error { update.Kind = kind; return t.WorldUpdate(a[0], update) },
	}
	rootFlag(up, &update)
	up.Flags().StringVar(&update.Out, "out", "", "file to write (default: the same)")
	up.Flags().StringVar(&update.KeyFile, "key", keyFile, "file with the signing key")
	up.Flags().StringVar(&update.NextKey, "next-key", "", "file with the key for the revision after; made if there is none")
	sg := &cobra.Command{
		Use: "sign <definition>", Short: "Make a " + name + " from a JSON definition", Args: between(1, 1, "a definition"),
		Long: `Make a ` + name + ` from a JSON definition such as initmoon prints, signed by the key in
it or in the key file. A file that is there is replaced only by its next revision.`,
		RunE: func(_ *cobra.Command, a []string) error { sign.Kind = kind; return t.WorldSign(a[0], sign) },
	}
	sg.Flags().StringVar(&sign.Out, "out", "", "file to write (default: the ID and .moon)")
	sg.Flags().StringVar(&sign.KeyFile, "key", "", "file with the signing key (default: that of the definition)")
	var useKey string
	use := &cobra.Command{
		Use: "use <file>", Short: "Have the service use a " + name, Args: between(1, 1, "a file"),
		Long: "Have the service use a " + name + ` from a file, at once and from now on. It must be signed by
the key that it names, or by the one that you name.`,
	}
	use.RunE = func(c *cobra.Command, a []string) error {
		return p.online(func(ctx context.Context, a []string) error { return t.WorldUse(ctx, kind, a[0], useKey) })(c, a)
	}
	use.Flags().StringVar(&useKey, "key", "", "public key that signed it, 128 hex digits or a file")
	return group(name, "Make, show and use "+name+"s: "+what, "",
		mk, up, sg, use,
		&cobra.Command{Use: "show [<file>]", Short: "Show a " + name + " file, or what is in use", Args: between(0, 1, "a file"),
			RunE: func(c *cobra.Command, a []string) error {
				if len(a) > 0 {
					return t.WorldShow(c.Context(), kind, a[0])
				}
				return p.online(func(ctx context.Context, _ []string) error { return t.WorldShow(ctx, kind, "") })(c, a)
			}},
	)
}

// moonTools are the commands of the reference's identity tool for moons.
func (p *program) moonTools() []*cobra.Command {
	t := p.tool
	return []*cobra.Command{
		{Use: "initmoon <identity> [<file>]", Short: "Print the definition of a moon with one root", Args: between(1, 2, "an identity and a file"),
			Long: `Print the definition of a moon with one root, or write it to a new file, for you
to fill in its stableEndpoints ("IP/PORT") and more roots. It holds the signing
key: keep it.`,
			RunE: func(_ *cobra.Command, a []string) error { return t.MoonInit(a[0], at(a, 1)) }},
		{Use: "genmoon <definition>", Short: "Make a moon from a definition, in the current directory", Args: between(1, 1, "a definition"),
			RunE: func(_ *cobra.Command, a []string) error { return t.GenMoon(a[0]) }},
	}
}

// orbitCommands use and leave moons.
func (p *program) orbitCommands() []*cobra.Command {
	t := p.tool
	var key string
	orbit := &cobra.Command{
		Use: "orbit <moon ID> [<seed>]", Short: "Use a moon, asking one of its roots for it", Args: between(1, 2, "a moon and the address of one of its roots"),
		Long: `Use a moon. The seed, a root of it, is asked for it until it answers, also after a
restart; without a seed the moon's file must be in moons.d of the home directory.
The moon must be signed by the key that it names, or by the one that you name.
"orreryctl moon show" says how far it got.`,
		Example: "  orreryctl orbit 0000001122334455 1122334455",
	}
	orbit.Flags().StringVar(&key, "key", "", "public key that must have signed it, 128 hex digits or a file")
	orbit.RunE = func(c *cobra.Command, a []string) error {
		return p.online(func(ctx context.Context, a []string) error { return t.Orbit(ctx, a[0], at(a, 1), key) })(c, a)
	}
	return []*cobra.Command{
		orbit,
		{Use: "deorbit <moon ID>", Short: "Leave a moon", Args: between(1, 1, "a moon"),
			RunE: p.online(func(ctx context.Context, a []string) error { return t.Deorbit(ctx, a[0]) })},
	}
}
