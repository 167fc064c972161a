// Command orreryd is the Orrery service: it carries the protocol engine and the
// virtual network devices, and serves the local API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"orrery/service/daemon"
	"orrery/service/ipc"
	"orrery/service/lifecycle"
)

// version is set by the linker.
var version = "development"

// deafness is how long UDP must be silent before the TCP relay takes over. It is
// what the service's default says, except in tests.
var deafness time.Duration

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes, beside 0 and 1 for an error.
const (
	exitUsage        = 2
	exitStopped      = 3
	exitNotInstalled = 4
)

// usageError is a mistake in the command line.
type usageError struct{ error }

// statusError is an answer that only an exit code gives.
type statusError int

func (statusError) Error() string { return "" }

// execute runs a command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	p := &program{cfg: daemon.Config{Version: version, Deafness: deafness}}
	root := p.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var usage *usageError
	var status statusError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(stderr, "orreryd:", err)
	if errors.As(err, &usage) {
		return exitUsage
	}
	return 1
}

// program is what the flags say.
type program struct {
	cfg   daemon.Config
	debug bool
}

// command is the command line.
func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use: "orreryd", Short: "The Orrery service", Version: version, SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{errors.New("no command; see orreryd --help")}
			}
			return &usageError{fmt.Errorf("no command %q; see orreryd --help", args[0])}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			port := c.Flag("port")
			return p.check(port != nil && port.Changed)
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&p.cfg.Home, "home", ipc.DefaultHome(), "home directory, with identity, networks and settings")
	flags.IntVar(&p.cfg.Port, "port", -1, "primary UDP port, 0 for a random one (default: from local.conf, else 9993)")
	flags.StringVar(&p.cfg.Socket, "socket", "", "path of the local API's socket or pipe")
	flags.BoolVar(&p.cfg.CompatAPI, "compat-api", false, "serve the JSON API of existing tools on 127.0.0.1, with authtoken.secret")
	flags.StringVar(&p.cfg.OperatorGroup, "group", "", "group whose members may join and leave networks (default: orrery)")
	flags.BoolVar(&p.debug, "debug", false, "log more")
	root.AddCommand(&cobra.Command{
		Use: "run", Short: "Run in the foreground", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return lifecycle.Foreground(func(ctx context.Context) error { return p.run(ctx, p.foregroundLog()) })
		},
	})
	root.AddCommand(p.relayCommand())
	p.addServiceCommands(root)
	return root
}

// check refuses flags that nothing can be done with.
func (p *program) check(portGiven bool) error {
	switch {
	case portGiven && (p.cfg.Port < 0 || p.cfg.Port > 65535):
		return &usageError{fmt.Errorf("--port %d: want 0 to 65535", p.cfg.Port)}
	case p.cfg.Home == "":
		return &usageError{errors.New("--home: want a directory")}
	}
	return nil
}

func (p *program) level() slog.Level {
	if p.debug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// foregroundLog is the log of a program in the foreground.
func (p *program) foregroundLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: p.level()}))
}

// run runs the node.
func (p *program) run(ctx context.Context, log *slog.Logger) error {
	cfg := p.cfg
	cfg.UsualHome = cfg.Home == ipc.DefaultHome()
	cfg.Log = log
	return daemon.Run(ctx, cfg)
}

// noArgs refuses arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no arguments, but got %q", c.CommandPath(), args[0])}
	}
	return nil
}
