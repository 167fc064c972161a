//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
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
const patience = 2 * time.Minute

// again is how long to wait for what comes of a click or a key before doing it
// once more. A person would: a click is lost if the menu is drawn anew just then.
const again = 10 * time.Second

// built is the folder with the application, once program has built it.
var built string

// program builds the application once.
var program = sync.OnceValues(func() (string, error) {
	if *binary != "" {
		return filepath.Abs(*binary)
	}
	dir, err := os.MkdirTemp("", "orrery-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
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
	if built != "" {
		_ = os.RemoveAll(built) // what is left is in the system's temporary folder
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
	asked   string // the last call that was waited for
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
	// Without -r, a key whose release comes late on a busy machine would repeat.
	// Without -noreset, the server would turn away whoever comes while the last one
	// goes.
	display := d.startWithPipe("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "+extension", "GLX", "-nolisten", "tcp", "-noreset", "-r")
	d.env = append(d.env, "DISPLAY=:"+display)
	d.bus = d.startWithPipe("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=3")
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+d.bus)
	d.start("openbox")
	d.until("the window manager does not start", func() error { return d.xdotool("get_num_desktops") })
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

// launch starts a program, which is asked to end when the test does, so that it
// leaves nothing behind.
func (d *desktop) launch(cmd *exec.Cmd) {
	d.t.Helper()
	said := &output{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, again
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		late := time.AfterFunc(again, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
		if d.t.Failed() {
			d.t.Logf("%s said:\n%s", cmd.Path, said)
		}
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
	output *output
}

// output is what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// open starts the application.
func (d *desktop) open(args ...string) *app {
	d.t.Helper()
	path, err := program()
	if err != nil {
		d.t.Fatal(err)
	}
	a := &app{Cmd: d.command(path, append([]string{"--socket", d.socket}, args...)...), done: make(chan struct{}), output: &output{}}
	a.Stdout, a.Stderr, a.WaitDelay = a.output, a.output, again
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

// ends waits for the application's end, for as long as it says something new, and
// returns its exit code.
func (d *desktop) ends(a *app) int {
	d.t.Helper()
	for said := ""; ; {
		select {
		case <-a.done:
			return a.ProcessState.ExitCode()
		case <-time.After(patience):
		}
		if now := a.output.String(); now != said {
			said = now
			continue
		}
		_ = a.Process.Signal(syscall.SIGQUIT) // it says what it waits for, which the log of a failed test shows
		select {
		case <-a.done:
		case <-time.After(again):
		}
		d.t.Fatal("the application does not end")
	}
}

// until does something until it works.
func (d *desktop) until(failed string, do func() error) {
	d.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		err := do()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("%s: %v", failed, err)
		}
	}
}

// called waits for a call to the service, which do brings about; do may be nil,
// and is done again if there is no call.
func (d *desktop) called(want string, do func() error) {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		var err error
		var once <-chan time.Time
		if do != nil {
			err = do()
			once = time.After(again)
		}
		for waiting := true; waiting; {
			select {
			case got := <-d.calls:
				switch got {
				case want:
					d.asked = want
					return
				case d.asked: // what was done again came through twice
				default:
					d.t.Fatalf("the service was asked %q, want %q", got, want)
				}
			case <-once:
				waiting = false
			case <-deadline:
				d.t.Fatalf("the service was not asked %q: %v", want, err)
			}
		}
	}
}

// keys gives the application's window the focus, and types what xdotool is told
// to.
func (d *desktop) keys(args ...string) func() error {
	return func() error {
		d.window()
		return d.xdotool(args...)
	}
}

// window waits until the application's window shows, and gives it the focus.
func (d *desktop) window() {
	d.t.Helper()
	d.until("the window does not show", func() error {
		return d.xdotool("search", "--sync", "--onlyvisible", "--name", "^Orrery$", "windowactivate", "--sync")
	})
}

// xdotool runs one of its commands, which may wait for good if a window goes or
// the window manager is slow.
func (d *desktop) xdotool(args ...string) error {
	ctx, cancel := context.WithTimeout(d.t.Context(), again)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = d.env
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("xdotool %q: %w\n%s", args, err, b)
	}
	return nil
}

// picture takes a picture of the screen once it differs much from an earlier
// one (nil for a dark screen), which means that the window has drawn what was
// asked for, and keeps it if the user asked for pictures. What is to be drawn is
// what do asks for; do may be nil, and is done again if nothing new is drawn.
func (d *desktop) picture(name string, earlier image.Image, do func() error) image.Image {
	d.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	var failed error
	var done time.Time
	for {
		if do != nil && time.Since(done) > again {
			failed = do()
			done = time.Now()
		}
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
			d.t.Fatalf("nothing new is drawn for %s: %v", name, failed)
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
