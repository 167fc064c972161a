// Command orreryctl talks to the Orrery service, or to the reference's JSON API
// of a home, and has the tools that need neither. Its commands are in package
// ctl; here are their flags.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"orrery/engine/world"
	"orrery/service/ctl"
	"orrery/service/ipc"
)

// version is set by the linker.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program, with its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{tool: &ctl.Tool{
		Out: stdout, Err: stderr, In: stdin, Interactive: terminal(stdin), Screen: terminal(stdout),
		Now: time.Now, Random: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
	}}
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra would take os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := ctl.Repeat(root.ExecuteContext(ctx), args)
	if p.tool.Service != nil {
		p.tool.Service.Close()
	}
	var exit *ctl.Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.Err != nil {
			_, _ = fmt.Fprintln(stderr, exit.Err)
		}
		return exit.Code
	}
	_, _ = fmt.Fprintf(stderr, "%v\nSee orreryctl --help\n", err)
	return ctl.Usage
}

func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// program holds what the flags that all commands share were set to.
type program struct {
	tool     *ctl.Tool
	socket   string
	endpoint ctl.Endpoint
}

const long = `orreryctl steers the Orrery service of this machine.

With -D, -p, -T or -H it talks to the JSON API that a home directory offers on
the loopback, as zerotier-cli does; otherwise to the service's own socket, which
needs no token: the system says who you are.

Everybody may read the status. Changing it needs root or membership of the group
"orrery"; the network controller and global settings need root.`

// root makes all commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:                   "orreryctl [-switches] <command/path> [<args>]",
		Short:                 "Steer the Orrery service",
		Long:                  long,
		Version:               version,
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				c.SetOut(p.tool.Err)
				return c.Help()
			}
			if !strings.HasPrefix(args[0], "/") {
				return usage("unknown command %q\nSee orreryctl --help", args[0])
			}
			return p.online(func(ctx context.Context, _ []string) error { return p.tool.Raw(ctx, args[0]) })(c, nil)
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v\nSee %s --help", err, c.CommandPath())
	})
	f := root.PersistentFlags()
	f.BoolVarP(&p.tool.JSON, "json", "j", false, "print JSON")
	f.StringVar(&p.socket, "socket", "", "the service's socket or pipe (default "+ipc.DefaultPath+")")
	f.StringVarP(&p.endpoint.Home, "home", "D", "", "home directory whose compatible API to use")
	f.IntVarP(&p.endpoint.Port, "port", "p", 0, "port of the compatible API (default: that of the home)")
	f.StringVarP(&p.endpoint.Token, "token", "T", "", "token of the compatible API (default: that of the home)")
	f.StringVarP(&p.endpoint.Host, "host", "H", "", "IP address of the compatible API (default 127.0.0.1)")
	root.AddCommand(p.nodeCommands()...)
	root.AddCommand(p.networkCommand(), p.rulesCommand(), p.trustCommand(), p.verifyCommand(), p.contactCommand(), p.idCommand())
	root.AddCommand(p.orbitCommands()...)
	root.AddCommand(p.moonTools()...)
	root.AddCommand(
		p.worldCommand(world.Planet, "sets of root servers", "Put it, named \"planet\", into the home directory of every node\nbefore it starts, or \"orreryctl planet use\" it there."),
		p.worldCommand(world.Moon, "further root servers", "Put it into moons.d of the home directory of its\nroots. Others ask for it: orreryctl orbit."))
	return root
}

func usage(format string, args ...any) error {
	return &ctl.Exit{Code: ctl.Usage, Err: fmt.Errorf(format, args...)}
}

// online wraps a command that needs a service: it connects first.
func (p *program) online(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := p.connect(c); err != nil {
			return err
		}
		return do(c.Context(), args)
	}
}

// connect chooses the way to the service by the flags.
func (p *program) connect(c *cobra.Command) error {
	f := c.Flags()
	for _, name := range []string{"home", "token", "host"} {
		if f.Changed(name) && f.Lookup(name).Value.String() == "" {
			return usage("--%s is empty: leave it out to have it looked up", name)
		}
	}
	if f.Changed("port") && (p.endpoint.Port < 1 || p.endpoint.Port > 65535) {
		return usage("-p %d is not a port: want 1 to 65535", p.endpoint.Port)
	}
	compatible := f.Changed("home") || f.Changed("port") || f.Changed("token") || f.Changed("host")
	if compatible && p.socket != "" {
		return usage("--socket and -D, -p, -T, -H are different ways to the service: choose one")
	}
	if !compatible {
		p.tool.Service = ipc.NewClient(p.socket)
		p.tool.API = ctl.Native{Client: p.tool.Service}
		return nil
	}
	api, err := p.endpoint.Connect("orreryctl")
	p.tool.API = api
	return err
}

// between takes from least to most arguments, which hint describes.
func between(least, most int, hint string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s\nSee %s --help", c.CommandPath(), hint, c.CommandPath())
		case len(args) > most && most == 0:
			return usage("%s takes no arguments, got %q", c.CommandPath(), args[0])
		case len(args) > most:
			return usage("%s takes only %s, got %q too", c.CommandPath(), hint, args[most])
		}
		return nil
	}
}

// group is a command that only has other commands.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("unknown command %q for %q\nSee %s --help", args[0], c.CommandPath(), c.CommandPath())
		}
		return usage("%s needs a command\nSee %s --help", c.CommandPath(), c.CommandPath())
	}}
	c.AddCommand(commands...)
	return c
}

// at returns an argument that may be missing.
func at(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}
