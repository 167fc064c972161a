//go:build linux

package demo

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// displayTools are what a display of its own is made of.
var displayTools = []string{"Xvfb", "dbus-daemon", "openbox"}

// program is a command that the user runs, whose words go to a log.
func (d *demo) program(name, log string, env []string, args ...string) (*exec.Cmd, func() error, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("make a log: %w", err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = f, f, env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.cfg.User.credential()}
	return cmd, f.Close, nil
}

// openApplication opens the application on the user's display. It fails if the
// application does.
func (d *demo) openApplication(ctx context.Context) error {
	log := d.folder.file("logs", "application")
	cmd, done, err := d.program(filepath.Join(d.cfg.Bin, "orrery"), log, d.cfg.User.environ(true), "--socket", d.lab.hosts[memberA].socket)
	if err != nil {
		return err
	}
	c, err := d.lab.start(cmd, nil)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	const settle = 4 * time.Second // without a usable display it ends in less
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case <-c.over:
		return fmt.Errorf("%w\n%s", cmp.Or(c.err, errors.New("it ended at once")), logTail(log, 5))
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
	}
	d.tell.note("Ada's application is on your display, and in its tray.")
	go func() {
		<-c.over
		if ctx.Err() == nil {
			d.tell.note("You have quit the application. To see it again: %s --socket %s", filepath.Join(d.cfg.Bin, "orrery"), d.lab.hosts[memberA].socket)
		}
	}()
	return nil
}

// tour walks through the application's windows on a display that only it sees.
func (d *demo) tour(ctx context.Context) (string, error) {
	home := d.folder.file("screen")
	for _, dir := range []string{home, filepath.Join(home, "run"), filepath.Join(home, ".cache"), filepath.Join(home, ".config")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", fmt.Errorf("make a folder: %w", err)
		}
		if err := d.cfg.User.give(dir); err != nil {
			return "", err
		}
	}
	if err := d.emptyPictures(); err != nil {
		return "", err
	}
	env := []string{"HOME", home, "XDG_RUNTIME_DIR", filepath.Join(home, "run"), "XDG_CONFIG_HOME", filepath.Join(home, ".config"), "LIBGL_ALWAYS_SOFTWARE", "1"}
	log := d.folder.file("logs", "screen")
	environ := func() []string { return d.cfg.User.environ(false, env...) }
	number, err := d.answers(ctx, log, environ(), "Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "+extension", "GLX", "-nolisten", "tcp", "-noreset")
	if err != nil {
		return "", err
	}
	env = append(env, "DISPLAY", ":"+number)
	bus, err := d.answers(ctx, log, environ(), "dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=3")
	if err != nil {
		return "", err
	}
	env = append(env, "DBUS_SESSION_BUS_ADDRESS", bus)
	wm, done, err := d.program("openbox", log, environ())
	if err != nil {
		return "", err
	}
	_, err = d.lab.start(wm, nil)
	if err = errors.Join(err, done()); err != nil {
		return "", err
	}
	return "", d.takePictures(ctx, environ())
}

// answers starts a program that writes one line to its file 3 when it is ready.
func (d *demo) answers(ctx context.Context, log string, env []string, name string, args ...string) (string, error) {
	cmd, done, err := d.program(name, log, env, args...)
	if err != nil {
		return "", err
	}
	defer func() { _ = done() }() // the program has its own
	r, w, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	_, err = d.lab.start(cmd, nil)
	if err = errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	const limit = 20 * time.Second
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Now()) })
	defer stop()
	if err := r.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return "", fmt.Errorf("wait for %s: %w", name, err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if line = strings.TrimSpace(line); err != nil || line == "" {
		return "", fmt.Errorf("%s did not start: %w\n%s", name, cmp.Or(context.Cause(ctx), err, errors.New("it gave no answer")), logTail(log, 8))
	}
	return line, nil
}

// emptyPictures makes the folder for pictures, without those of an earlier tour.
func (d *demo) emptyPictures() error {
	dir := d.cfg.Pictures
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for pictures: %w", err)
	}
	if err := d.cfg.User.give(dir); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		return fmt.Errorf("look for old pictures: %w", err)
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("remove an old picture: %w", err)
		}
	}
	return nil
}

// takePictures runs the application's tour.
func (d *demo) takePictures(ctx context.Context, env []string) error {
	log := d.folder.file("logs", "application")
	cmd, done, err := d.program(filepath.Join(d.cfg.Bin, "orrery"), log, env, "--socket", d.lab.hosts[memberA].socket, "--tour", d.cfg.Pictures)
	if err != nil {
		return err
	}
	c, err := d.lab.start(cmd, nil)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	const limit = 5 * time.Minute // sixteen pictures take more than one on a loaded machine
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-c.over:
		err = c.err
	case <-t.C:
		c.stop(time.Second)
		err = fmt.Errorf("not within %v", limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("the application: %w\n%s", err, logTail(log, 12))
	}
	if d.result.pictures, err = filepath.Glob(filepath.Join(d.cfg.Pictures, "*.png")); err != nil {
		return fmt.Errorf("look for pictures: %w", err)
	}
	slices.Sort(d.result.pictures)
	if len(d.result.pictures) == 0 {
		return fmt.Errorf("the application took no pictures\n%s", logTail(log, 12))
	}
	return nil
}
