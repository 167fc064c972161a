package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"orrery/service/ipc/linkfile"
	"orrery/ui/model"
	"orrery/ui/tour"
)

// options are the command line.
type options struct {
	socket     string
	tour       string
	theme      string
	background bool
	link       string
}

// parseFlags reads the command line. A code that is not negative ends the
// program with it.
func parseFlags(args []string, out, errs io.Writer) (o options, code int) {
	f := flag.NewFlagSet("orrery", flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: orrery [flags] [orrery://link | file with one]")
		f.PrintDefaults()
	}
	showVersion := f.Bool("version", false, "print the version and exit")
	f.StringVar(&o.socket, "socket", "", "the service's socket or pipe, at `PATH` instead of the usual place")
	f.StringVar(&o.theme, "theme", "", "use the theme `light|dark` whatever the desktop says")
	f.BoolVar(&o.background, "background", false, "start in the tray, without opening the window")
	f.StringVar(&o.tour, "tour", "", "walk through the windows, save a picture of each in `DIR`, and exit")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, 0
	case err != nil:
		return o, 2
	}
	if *showVersion {
		fmt.Fprintln(out, "orrery", programVersion())
		return o, 0
	}
	wrong := func(format string, args ...any) (options, int) {
		fmt.Fprintf(errs, "orrery: "+format+"\n", args...)
		return o, 2
	}
	switch o.theme {
	case "", "light", "dark":
	default:
		return wrong("--theme is %q; it must be light or dark", o.theme)
	}
	switch f.NArg() {
	case 0:
	case 1:
		o.link = f.Arg(0)
		if strings.HasPrefix(strings.ToLower(o.link), "orrery://") {
			break
		}
		// Not a link: a file that holds one, as the desktop passes it.
		link, err := linkIn(f.Arg(0))
		if err != nil {
			return wrong("%q is not an orrery:// link, nor a file with one: %v", f.Arg(0), err)
		}
		o.link = link
	default:
		return wrong("%d arguments, but there can be one link; run orrery --help", f.NArg())
	}
	if o.tour != "" && (o.link != "" || o.background) {
		return wrong("--tour goes with neither --background nor a link")
	}
	return o, -1
}

// linkIn reads the link of an invite or a contact card from a file.
func linkIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, linkfile.MaxFile+1))
	if err != nil {
		return "", err
	}
	link, err := linkfile.Read(content)
	if err == nil && !strings.HasPrefix(strings.ToLower(link), "orrery://") {
		err = linkfile.ErrNone
	}
	return link, err
}

// How long the tour waits for the service and for things to show, and how long
// the window gets to draw each place: a software renderer takes a while.
const (
	tourWait  = 20 * time.Second
	tourPause = 700 * time.Millisecond
)

// tour walks through the windows and quits.
func (r *runner) tour(ctx context.Context, o options) error {
	variants := []string{"light", "dark"}
	if o.theme != "" {
		variants = []string{o.theme}
	}
	err := tour.Walk(ctx, tour.Config{
		App: r.app, Shell: r.shell, Dir: o.tour, Variants: variants, Changed: r.changed, Wait: tourWait, Pause: tourPause,
		Saved: func(path string) { fmt.Println(path) },
	})
	r.shell.Wait(ctx, func() { r.shell.Do(model.Action{Do: model.Quit}) })
	return err
}
