// Command orreryd is the Orrery service: it carries the protocol engine and the
// virtual network devices, and serves the local API.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"orrery/service/ctl"
	"orrery/service/daemon"
	"orrery/service/lifecycle"
)

// version is set by the linker.
var version = "development"

func main() {
	root := command()
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "orreryd:", err)
		var usage *usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func command() *cobra.Command {
	cfg := daemon.Config{Version: version}
	debug := false
	logger := func() *slog.Logger {
		level := slog.LevelInfo
		if debug {
			level = slog.LevelDebug
		}
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	root := &cobra.Command{
		Use: "orreryd", Short: "The Orrery service", Version: version, SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			return &usageError{errors.New("no command; see orreryd --help")}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&cfg.Home, "home", ctl.DefaultHome(), "home directory, with identity, networks and settings")
	flags.IntVar(&cfg.Port, "port", -1, "primary UDP port, 0 for a random one (default: from local.conf, else 9993)")
	flags.StringVar(&cfg.Socket, "socket", "", "path of the local API's socket or pipe")
	flags.BoolVar(&cfg.CompatAPI, "compat-api", false, "serve the JSON API of existing tools on 127.0.0.1, with authtoken.secret")
	flags.StringVar(&cfg.OperatorGroup, "group", "", "group whose members may join and leave networks (default: orrery)")
	flags.BoolVar(&debug, "debug", false, "log more")
	run := func(ctx context.Context) error {
		cfg.UsualHome = cfg.Home == ctl.DefaultHome()
		cfg.Log = logger()
		if cfg.Port < -1 || cfg.Port > 65535 {
			return &usageError{fmt.Errorf("--port %d: want 0 to 65535", cfg.Port)}
		}
		return daemon.Run(ctx, cfg)
	}
	root.AddCommand(&cobra.Command{
		Use: "run", Short: "Run in the foreground", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return run(ctx)
		},
	})
	service := func() (*lifecycle.Service, error) {
		args := []string{"service", "--home", cfg.Home}
		if cfg.Port >= 0 {
			args = append(args, "--port", fmt.Sprint(cfg.Port))
		}
		if cfg.Socket != "" {
			args = append(args, "--socket", cfg.Socket)
		}
		if cfg.CompatAPI {
			args = append(args, "--compat-api")
		}
		if cfg.OperatorGroup != "" {
			args = append(args, "--group", cfg.OperatorGroup)
		}
		return lifecycle.New(args, run, logger())
	}
	root.AddCommand(&cobra.Command{
		Use: "service", Short: "Run under the system's service manager", Hidden: true, Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := service()
			if err != nil {
				return err
			}
			return s.Run()
		},
	})
	for action, short := range map[string]string{
		"install": "Install the service; flags given here are those it will run with", "uninstall": "Remove the service; the home directory stays",
		"start": "Start the installed service", "stop": "Stop the service",
	} {
		root.AddCommand(&cobra.Command{
			Use: action, Short: short, Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				s, err := service()
				if err != nil {
					return err
				}
				return s.Control(action)
			},
		})
	}
	root.AddCommand(&cobra.Command{
		Use: "status", Short: "Tell whether the service is installed and runs (exit code 0: runs, 3: stopped, 4: not installed)", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := service()
			if err != nil {
				return err
			}
			st, err := s.Status()
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), st)
			switch st {
			case lifecycle.Stopped:
				os.Exit(3)
			case lifecycle.NotInstalled:
				os.Exit(4)
			}
			return nil
		},
	})
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return &usageError{err}
	}
	return nil
}
