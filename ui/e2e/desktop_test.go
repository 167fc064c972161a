//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"image"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

var (
	binary   = flag.String("orrery", "", "test this `program` instead of building one")
	pictures = flag.String("pictures", "", "save pictures of the screen in `DIR`")
)

// patience bounds every wait: a software renderer on a busy machine is slow.
const patience = 60 * time.Second

// program builds the application once.
var program = sync.OnceValues(func() (string, error) {
	if *binary != "" {
		return filepath.Abs(*binary)
	}
	dir, err := os.MkdirTemp("", "orrery-e2e-")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "orrery")
	cmd := exec.Command("go", "build", "-o", out, "orrery/app/orrery")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if cc := compiler(); cc != "" {
		cmd.Env = append(cmd.Env, "CC="+cc)
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("build the application: " + err.Error() + "\n" + string(b))
	}
	return out, nil
})

// compiler finds the C compiler that the Makefile uses too: clang, because gcc
// takes minutes for the OpenGL bindings.
func compiler() string {
	for _, name := range []string{"clang", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14", "gcc"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if out, err := program(); *binary == "" && err == nil {
		_ = os.RemoveAll(filepath.Dir(out)) // what is left is in the system's temporary folder
	}
	os.Exit(code)
}

// desktop is an X server, a bus, a window manager and a service.
type desktop struct {
	t       *testing.T
	dir     string
	env     []string
	bus     string // address
	socket  string
	service *uitest.Service
	server  *uitest.Server
	calls   chan string
}

// need skips the test if a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in short mode")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is missing: apt-get install xvfb dbus-daemon openbox xdotool imagemagick", p)
		}
	}
	if compiler() == "" && *binary == "" {
		t.Skip("there is no C compiler to build the application: apt-get install clang")
	}
}

func newDesktop(t *testing.T, all *ipc.Snapshot) *desktop {
	t.Helper()
	need(t, "Xvfb", "dbus-daemon", "openbox", "xdotool", "import")
	if _, err := program(); err != nil {
		t.Fatal(err)
	}
	d := &desktop{t: t, dir: t.TempDir(), calls: make(chan string, 64)}
	run := filepath.Join(d.dir, "run")
	for _, dir := range []string{run, filepath.Join(d.dir, "home", ".cache"), filepath.Join(d.dir, "home", ".config")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "HOME="+filepath.Join(d.dir, "home"), "XDG_RUNTIME_DIR="+run, "LC_ALL=C.UTF-8", "WAYLAND_DISPLAY=")
	display := d.startWithPipe("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "+extension", "GLX", "-nolisten", "tcp")
	d.env = append(d.env, "DISPLAY=:"+display)
	d.bus = d.startWithPipe("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=3")
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+d.bus)
	d.start("openbox")
	d.socket = filepath.Join(run, "s.sock")
	d.service = uitest.NewService(all)
	d.service.Called = func(call string) { d.calls <- call }
	d.serve()
	return d
}

// serve plays the service until the test ends or the server is closed.
func (d *desktop) serve() {
	d.t.Helper()
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		d.t.Fatal(err)
	}
	srv := uitest.NewServer(d.service)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	d.server = srv
	d.t.Cleanup(func() {
		_ = srv.Close() // it may be closed already
		if err := <-done; err != nil {
			d.t.Error(err)
		}
	})
}

// command is a program on this desktop.
func (d *desktop) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	return cmd
}

// start runs a program until the test ends.
func (d *desktop) start(name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := d.command(name, args...)
	d.launch(cmd)
	return cmd
}

func (d *desktop) launch(cmd *exec.Cmd) {
	d.t.Helper()
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}

// startWithPipe runs a program that says one line on descriptor 3.
func (d *desktop) startWithPipe(name string, args ...string) string {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := d.command(name, args...)
	cmd.ExtraFiles = []*os.File{w}
	d.launch(cmd)
	_ = w.Close()
	_ = r.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		d.t.Fatalf("%s says nothing: %v", name, err)
	}
	return strings.TrimSpace(line)
}

// app is the running application.
type app struct {
	*exec.Cmd
	done   chan struct{}
	err    error
	output *bytes.Buffer
}

// open starts the application.
func (d *desktop) open(args ...string) *app {
	d.t.Helper()
	path, err := program()
	if err != nil {
		d.t.Fatal(err)
	}
	a := &app{Cmd: d.command(path, append([]string{"--socket", d.socket}, args...)...), done: make(chan struct{}), output: &bytes.Buffer{}}
	a.Stdout, a.Stderr = a.output, a.output
	if err := a.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		a.err = a.Cmd.Wait()
		close(a.done)
	}()
	d.t.Cleanup(func() {
		_ = a.Process.Kill()
		<-a.done
		if d.t.Failed() {
			d.t.Logf("the application said:\n%s", a.output)
		}
	})
	return a
}

// ends waits for the application's end and returns its exit code.
func (d *desktop) ends(a *app) int {
	d.t.Helper()
	select {
	case <-a.done:
		return a.ProcessState.ExitCode()
	case <-time.After(patience):
		_ = a.Process.Signal(syscall.SIGQUIT) // it says what it waits for, which the log of a failed test shows
		select {
		case <-a.done:
		case <-time.After(patience / 10):
		}
		d.t.Fatal("the application does not end")
		return -1
	}
}

// called waits for a call to the service.
func (d *desktop) called(want string) {
	d.t.Helper()
	select {
	case got := <-d.calls:
		if got != want {
			d.t.Fatalf("the service was asked %q, want %q", got, want)
		}
	case <-time.After(patience):
		d.t.Fatalf("the service was not asked %q", want)
	}
}

// window waits until the application's window shows, and gives it the focus.
func (d *desktop) window() {
	d.t.Helper()
	d.xdotool("search", "--sync", "--onlyvisible", "--name", "^Orrery$", "windowactivate", "--sync")
}

func (d *desktop) xdotool(args ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = d.env
	if b, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("xdotool %q: %v\n%s", args, err, b)
	}
}

// picture takes a picture of the screen once it differs much from an earlier
// one (nil for a dark screen), which means that the window has drawn what was
// asked for, and keeps it if the user asked for pictures.
func (d *desktop) picture(name string, earlier image.Image) image.Image {
	d.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		out, err := d.command("import", "-window", "root", "png:-").Output()
		if err != nil {
			d.t.Fatalf("take a picture: %v", err)
		}
		img, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			d.t.Fatal(err)
		}
		if colours(img) > 60 && difference(img, earlier) > 0.02 {
			d.save(name, out)
			return img
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.save(name, out)
			d.t.Fatalf("nothing new is drawn for %s", name)
		}
	}
}

func (d *desktop) save(name string, data []byte) {
	if *pictures == "" {
		return
	}
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), data, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// grid calls f for a quarter of a picture's points.
func grid(img image.Image, f func(x, y int)) {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 2 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 2 {
			f(x, y)
		}
	}
}

// colours counts the colours of a picture.
func colours(img image.Image) int {
	seen := map[[3]uint32]struct{}{}
	grid(img, func(x, y int) {
		r, g, b, _ := img.At(x, y).RGBA()
		seen[[3]uint32{r, g, b}] = struct{}{}
	})
	return len(seen)
}

// difference is the share of points that differ.
func difference(img, earlier image.Image) float64 {
	all, differ := 0, 0
	grid(img, func(x, y int) {
		r, g, b, _ := img.At(x, y).RGBA()
		var r0, g0, b0 uint32
		if earlier != nil {
			r0, g0, b0, _ = earlier.At(x, y).RGBA()
		}
		all++
		if r != r0 || g != g0 || b != b0 {
			differ++
		}
	})
	return float64(differ) / float64(all)
}
