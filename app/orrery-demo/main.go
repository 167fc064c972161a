//go:build linux

// Command orrery-demo shows Orrery on this machine alone; `make run` runs it. It
// is a tool of the repository and not installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-isatty"

	"orrery/service/demo"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var cfg demo.Config
	var desktop []string
	f := flag.NewFlagSet("orrery-demo", flag.ContinueOnError)
	f.StringVar(&cfg.Bin, "bin", "build", "folder with orreryd, orreryctl and orrery, at `DIR`")
	f.StringVar(&cfg.Pictures, "pictures", "build/pictures", "folder for the pictures of the application, at `DIR`")
	f.StringVar(&cfg.Dir, "dir", "", "folder for what lasts as long as the demonstration, at `DIR` (default /run/orrery-demo)")
	f.BoolVar(&cfg.NoApplication, "no-application", false, "leave the tray application out")
	f.Func("env", "variable of the desktop, `NAME=VALUE`; sudo keeps none", func(v string) error {
		desktop = append(desktop, v)
		return nil
	})
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(os.Stderr, "orrery-demo: unknown argument %q; see orrery-demo -h\n", f.Arg(0))
		return 2
	}
	if err := demo.Elevate(os.Stdout, args); err != nil {
		return fail(err)
	}
	if len(desktop) == 0 {
		desktop = os.Environ()
	}
	var err error
	if cfg.User, err = demo.Somebody(desktop); err != nil {
		return fail(err)
	}
	cfg.Out = os.Stdout
	cfg.Terminal = isatty.IsTerminal(os.Stdin.Fd()) && isatty.IsTerminal(os.Stdout.Fd())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	if err := demo.Run(ctx, cfg); err != nil {
		return fail(err)
	}
	fmt.Println("Done: everything that the demonstration made has been removed.")
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "orrery-demo:", err)
	if errors.Is(err, demo.ErrInterrupted) {
		return 130
	}
	return 1
}
