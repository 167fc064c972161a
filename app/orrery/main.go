// Command orrery is the application in the tray: it shows what the service
// does, and asks it for changes. It talks to the service over its socket and
// never to the network.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"

	"orrery/assets"
	"orrery/service/ipc"
	"orrery/ui/instance"
	"orrery/ui/model"
	"orrery/ui/shell"
	"orrery/ui/text"
	own "orrery/ui/theme"
)

// appID names the application to the desktop.
const appID = "org.orrery.Orrery"

func main() {
	o, code := parseFlags(os.Args[1:], os.Stdout, os.Stderr)
	if code >= 0 {
		os.Exit(code)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "orrery:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	text.Use(string(lang.SystemLocale()))
	var first *instance.Instance
	if o.tour == "" {
		path, err := instance.Path(os.Getenv("DISPLAY"), os.Getenv("WAYLAND_DISPLAY"), o.socket)
		if err != nil {
			return err
		}
		if first, err = instance.Claim(path, o.link); err != nil {
			return err
		}
		if first == nil {
			return nil // it runs already, and has been told
		}
		defer first.Close()
	}
	r := newRunner()
	r.start(o, first)
	return r.err
}

// runner is what lives as long as the application.
type runner struct {
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	app     fyne.App
	shell   *shell.Shell
	client  *ipc.Client
	again   chan struct{} // look for the service now
	changed chan struct{} // what is shown has changed
	err     error         // of the tour
}

func newRunner() *runner {
	ctx, cancel := context.WithCancel(context.Background())
	return &runner{ctx: ctx, cancel: cancel, again: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
}

// do runs f on a goroutine that ends before the application does.
func (r *runner) do(f func(context.Context)) {
	r.wg.Go(func() { f(r.ctx) })
}

// start builds the application and runs it until the user quits.
func (r *runner) start(o options, first *instance.Instance) {
	app.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: text.Get("app.name"), Version: programVersion(), Icon: fyne.NewStaticResource("orrery.svg", assets.AppIcon()),
		Migrations: map[string]bool{"fyneDo": true},
	})
	r.app = app.NewWithID(appID)
	r.app.SetIcon(fyne.NewStaticResource("orrery.svg", assets.AppIcon()))
	r.app.Settings().SetTheme(themeOf(o.theme))
	r.client = ipc.NewClient(o.socket)
	tray := trayHost()
	r.shell = shell.New(shell.Config{
		App: r.app, Service: r.client, Run: r.do, KeepRunning: tray, Changed: func() { signal(r.changed) }, Reconnect: func() { signal(r.again) },
		Options: model.Options{OS: runtime.GOOS, User: login(), Zone: time.Local},
	})
	r.do(r.follow)
	switch {
	case o.tour != "":
		r.do(func(ctx context.Context) { r.err = r.tour(ctx, o) })
	default:
		r.do(func(ctx context.Context) { first.Serve(ctx, r.shell.Open) })
	}
	if o.link != "" {
		r.shell.Open(o.link)
	}
	if !o.background || !tray {
		r.shell.Show()
	}
	if !tray && o.tour == "" {
		r.app.SendNotification(fyne.NewNotification(text.Get("app.name"), text.Get("tray.missing")))
	}
	end := shell.TakeEnd(r.app.Lifecycle())
	r.app.Run()
	r.shell.Closed()
	end()
	r.cancel()
	r.wg.Wait()
	r.client.Close()
}

// follow keeps the stream of events open. A signal on again restarts it, which
// skips the pause between two attempts.
func (r *runner) follow(ctx context.Context) {
	for ctx.Err() == nil {
		once, cancel := context.WithCancel(ctx)
		stop := make(chan struct{})
		r.wg.Go(func() {
			select {
			case <-r.again:
				cancel()
			case <-stop:
			}
		})
		err := r.client.Follow(once, r.shell.Event, r.shell.Failed)
		close(stop)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			r.shell.Failed(err)
		}
	}
}

// signal sets a channel of one place.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func themeOf(name string) fyne.Theme {
	switch name {
	case "light":
		return own.Fixed(theme.VariantLight)
	case "dark":
		return own.Fixed(theme.VariantDark)
	}
	return &own.Theme{}
}

// login is the user's login name, for commands to copy; empty if unknown.
func login() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// version is set by the build: -ldflags "-X main.version=…".
var version string

// programVersion is the version to show: the build's, else that of the module.
func programVersion() string {
	if version != "" {
		return version
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}
