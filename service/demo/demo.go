//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"orrery/service/ipc"
)

// Config says what to show, and to whom.
type Config struct {
	// Bin is the folder with orreryd, orreryctl and orrery.
	Bin string
	// Pictures is where the application's pictures go.
	Pictures string
	// Dir is for homes, sockets and logs, owned by root: clients refuse a socket
	// in a folder that others may write to. "" is /run/orrery-demo. A second
	// demonstration needs another one.
	Dir string
	// Out gets the story.
	Out io.Writer
	// Terminal is whether somebody reads along: then the demonstration stays
	// until ctx ends, and progress moves.
	Terminal bool
	// NoApplication leaves the tray application out.
	NoApplication bool
	// User is whose screen it is; the application runs as this user.
	User User
}

// usualDir is where the demonstration keeps its files.
const usualDir = "/run/orrery-demo"

// ErrInterrupted is returned when ctx ended before there was anything to see.
var ErrInterrupted = errors.New("interrupted")

// demo is one demonstration.
type demo struct {
	cfg     Config
	tell    *teller
	folder  *folder
	lab     *lab
	network string // its ID
	quit    chan error
	result  result
}

// result is what the summary tells.
type result struct {
	joined   time.Duration // from asking to join to both having an address
	ping     pingResult
	traffic  float64  // bits per second
	groups   []string // of the safety number
	words    []string
	pictures []string
}

// Run makes the demonstration and removes everything when it ends. It needs
// root. An error says what went wrong and what to do.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Dir == "" {
		cfg.Dir = usualDir
	}
	if err := check(&cfg); err != nil {
		return err
	}
	d := &demo{cfg: cfg, tell: newTeller(cfg.Out, cfg.Terminal), quit: make(chan error, len(roles)+1)}
	var err error
	if d.folder, err = openFolder(cfg.Dir); err != nil {
		return err
	}
	if n := d.folder.stale; n > 0 {
		d.tell.note("An earlier demonstration was killed; %d of its processes had survived and were ended.", n)
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a node that ends, ends the demonstration
		select {
		case err := <-d.quit:
			cancel(err)
		case <-work.Done():
		}
	}()
	err = d.play(work)
	if cause := context.Cause(work); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	err = d.explain(err)
	if rest := d.end(); err == nil {
		err = rest
	}
	if err != nil && ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

// play is the story.
func (d *demo) play(ctx context.Context) error {
	d.tell.note("Orrery, on a planet of its own inside this machine. Nothing leaves it.\n")
	for _, s := range []struct {
		what string
		do   func(context.Context) (string, error)
	}{
		{"four computers on one switch, in network namespaces", d.makeLab},
		{"an identity for each", d.makeIdentities},
		{"a private planet, signed, with one root", d.makePlanet},
		{"a root, a controller, Ada and Ben start", d.startNodes},
		{"the root answers them", d.awaitOnline},
		{"the controller creates a private network", d.createNetwork},
		{"Ada and Ben ask to join, and are admitted", d.join},
		{"Ada pings Ben through her network device", d.firstPing},
		{"Ada and Ben found a direct path", d.awaitDirect},
		{"ten pings more", d.pings},
		{"three seconds of TCP (iperf3)", d.throughput},
		{"Ada and Ben compare their safety number", d.compare},
	} {
		if err := d.tell.step(ctx, s.what, s.do); err != nil {
			return err
		}
	}
	if err := d.report(ctx); err != nil {
		return err
	}
	if d.cfg.NoApplication {
		return nil
	}
	return d.application(ctx)
}

// application opens the application where somebody can see it, else it takes
// pictures of it. Then it waits, if somebody is there.
func (d *demo) application(ctx context.Context) error {
	shown := false
	if d.cfg.Terminal && d.cfg.User.hasDisplay() {
		err := d.openApplication(ctx)
		if shown = err == nil; !shown {
			d.tell.note("The application could not be opened on your display (%v), so here are pictures of it.", err)
		}
	}
	if !shown {
		if err := d.tell.step(ctx, "a tour of the application on a display of its own", d.tour); err != nil {
			return err
		}
		d.tell.note("\nThe application's windows are in %s (%d pictures).", d.cfg.Pictures, len(d.result.pictures))
	}
	if !d.cfg.Terminal {
		return nil
	}
	d.invite(shown)
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	d.tell.note("")
	return nil
}

// invite tells what to try.
func (d *demo) invite(shown bool) {
	a, b := d.lab.hosts[memberA], d.lab.hosts[memberB]
	sudo := ""
	if d.cfg.User.UID != 0 {
		sudo = "sudo "
	}
	d.tell.note(`
Now look around, in another terminal:
  %[1]s --socket %[2]s listnetworks
  %[1]s --socket %[2]s peers
  %[3]snsenter --net -t %[4]d ping %[5]s    # as Ada`,
		filepath.Join(d.cfg.Bin, "orreryctl"), a.socket, sudo, a.pid(), b.ip)
	if !shown {
		d.tell.note("  %s --socket %s    # the application, on a display", filepath.Join(d.cfg.Bin, "orrery"), a.socket)
	}
	d.tell.note("\nCtrl-C ends it and removes everything.")
}

// end stops all processes and removes all files.
func (d *demo) end() error {
	var err error
	if d.lab != nil {
		d.lab.close()
	}
	if e := d.folder.remove(); e != nil {
		err = fmt.Errorf("remove %s: %w", d.cfg.Dir, e)
	}
	return err
}

// explain adds what a node logged last to an error of it.
func (d *demo) explain(err error) error {
	var of *nodeError
	if !errors.As(err, &of) {
		return err
	}
	if tail := logTail(of.host.log, 12); tail != "" {
		return fmt.Errorf("%w\nThe last lines of its log:\n%s", err, tail)
	}
	return err
}

// nodeError is an error of one node.
type nodeError struct {
	host *host
	err  error
}

func (e *nodeError) Error() string { return fmt.Sprintf("%s: %v", e.host.role, e.err) }

func (e *nodeError) Unwrap() error { return e.err }

// pause is how often states that no event tells are looked at.
const pause = 100 * time.Millisecond

// until calls good every now and then until it is true. It is false and no error
// as long as there is hope.
func until(ctx context.Context, limit time.Duration, good func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		ok, err := good(ctx)
		if ok || err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// setName is a change of the name of a peer.
func setName(name string) ipc.TrustUpdate { return ipc.TrustUpdate{Name: &name} }
