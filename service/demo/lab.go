//go:build linux

package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"orrery/service/ipc"
)

// role is what a node is for. Its text is how people read of it.
type role string

// The roles.
const (
	root       role = "root"
	controller role = "controller"
	memberA    role = "Ada"
	memberB    role = "Ben"
)

// roles has all roles in the order in which their nodes start.
var roles = []role{root, controller, memberA, memberB}

// members are those who join the network.
var members = []role{memberA, memberB}

// places are where the computers are on their switch.
var places = map[role]string{root: "10.99.0.1", controller: "10.99.0.2", memberA: "10.99.0.11", memberB: "10.99.0.12"}

// port is the UDP port of all nodes.
const port = 9993

// file is a name for files of the role.
func (r role) file() string { return strings.ToLower(string(r)) }

// name is how the others call the node.
func (r role) name() string { return strings.ToUpper(string(r[:1])) + string(r[1:]) }

// host is a computer with a node.
type host struct {
	role    role
	place   string // its address on the switch
	net     *namespace
	home    string
	socket  string
	log     string
	client  *ipc.Client
	node    *exec.Cmd // nil until it runs
	address string    // of the node
	ip      string    // in the virtual network, empty until there is one
}

// pid is the process of the node.
func (h *host) pid() int { return h.node.Process.Pid }

// wrap makes an error one of the host's node.
func (h *host) wrap(format string, args ...any) error {
	return &nodeError{h, fmt.Errorf(format, args...)}
}

// lab is the computers, their switch, and all processes.
type lab struct {
	cfg    *Config
	folder *folder
	wires  *namespace
	hosts  map[role]*host

	mu       sync.Mutex // guards children and closing
	children []*child
	closing  bool
}

// child is a process that ends with the lab.
type child struct {
	cmd  *exec.Cmd
	over chan struct{} // closed when it has ended
	err  error         // how it ended; read after over
}

// newLab makes the computers and wires them.
func newLab(cfg *Config, f *folder) (l *lab, err error) {
	l = &lab{cfg: cfg, folder: f, hosts: make(map[role]*host)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	// Sockets lie apart from homes, which only root may enter.
	for _, dir := range []string{"homes", "sockets", "logs"} {
		mode := os.FileMode(0o755)
		if dir == "homes" {
			mode = 0o700
		}
		if err := os.Mkdir(f.file(dir), mode); err != nil {
			return l, fmt.Errorf("make a folder: %w", err)
		}
	}
	if l.wires, err = newNamespace(); err != nil {
		return l, err
	}
	if err := l.wires.addBridge(); err != nil {
		return l, err
	}
	for _, r := range roles {
		h := &host{role: r, place: places[r], home: f.file("homes", r.file()), socket: f.file("sockets", r.file()), log: f.file("logs", r.file())}
		h.client = ipc.NewClient(h.socket)
		l.hosts[r] = h
		if err := os.Mkdir(h.home, 0o700); err != nil {
			return l, fmt.Errorf("make a home: %w", err)
		}
		if h.net, err = newNamespace(); err != nil {
			return l, err
		}
		at := netip.MustParseAddr(h.place)
		if err := l.wires.plug(h.net, r.file(), &net.IPNet{IP: at.AsSlice(), Mask: net.CIDRMask(24, 32)}); err != nil {
			return l, err
		}
	}
	return l, nil
}

// start starts a command that ends with the lab, at the latest when this process
// does. In is nil for this machine's own namespace.
func (l *lab) start(cmd *exec.Cmd, in *namespace) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // if we are killed
	cmd.SysProcAttr.Setpgid = true              // Ctrl-C is for us; we end the others in order
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil, ErrInterrupted
	}
	begin := cmd.Start
	if in != nil {
		begin = func() error { return in.start(cmd) }
	}
	if err := begin(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	c := &child{cmd: cmd, over: make(chan struct{})}
	l.children = append(l.children, c)
	go func() {
		c.err = cmd.Wait()
		close(c.over)
	}()
	return c, l.folder.note(cmd.Process.Pid)
}

// output runs a command to its end, or to that of ctx, and returns what it said.
func (l *lab) output(ctx context.Context, in *namespace, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var said, complained strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complained
	c, err := l.start(cmd, in)
	if err != nil {
		return "", err
	}
	select {
	case <-c.over:
	case <-ctx.Done():
		c.stop(time.Second)
		return "", context.Cause(ctx)
	}
	if c.err != nil {
		what := strings.TrimSpace(complained.String())
		if what == "" {
			what = strings.TrimSpace(said.String())
		}
		return said.String(), fmt.Errorf("%s: %w: %s", filepath.Base(name), c.err, what)
	}
	return said.String(), nil
}

// tool runs orreryctl.
func (l *lab) tool(ctx context.Context, args ...string) (string, error) {
	return l.output(ctx, nil, filepath.Join(l.cfg.Bin, "orreryctl"), args...)
}

// run starts the node of a host. It tells quit if the node ends by itself.
func (l *lab) run(h *host, quit chan<- error) error {
	args := []string{"run", "--home", h.home, "--port", fmt.Sprint(port), "--socket", h.socket}
	if g := l.cfg.User.Group; g != "" && h.role != controller && h.role != root {
		args = append(args, "--group", g) // the user steers the members
	}
	log, err := os.Create(h.log)
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	defer log.Close()
	h.node = exec.Command(filepath.Join(l.cfg.Bin, "orreryd"), args...)
	h.node.Stdout, h.node.Stderr = log, log
	c, err := l.start(h.node, h.net)
	if err != nil {
		return &nodeError{h, err}
	}
	go func() {
		<-c.over
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.closing {
			quit <- h.wrap("the node ended by itself: %w", cmp.Or(c.err, errors.New("exit status 0")))
		}
	}()
	return nil
}

// How long processes get to end by themselves.
const grace = 5 * time.Second

// stop ends a process.
func (c *child) stop(limit time.Duration) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-c.over:
		return
	case <-t.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.over
}

// close ends all processes, the last started first, and lets the namespaces go.
func (l *lab) close() {
	l.mu.Lock()
	l.closing = true
	children := l.children
	l.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range children {
		all.Go(func() { c.stop(grace) })
	}
	all.Wait()
	for _, h := range l.hosts {
		h.client.Close()
		if h.net != nil {
			_ = h.net.close()
		}
	}
	if l.wires != nil {
		_ = l.wires.close()
	}
}
