package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// openresolv is the program resolvconf of that project. It tells a resolver on
// the machine, if it is set up with one, which servers are for which domain.
type openresolv struct {
	// conf is its configuration, resolvConf what it makes for the C library.
	conf, resolvConf string
	program          program
}

const (
	openresolvConf = "/etc/resolvconf.conf"
	// recordSuffix marks our records.
	recordSuffix = ".orrery"
)

func (*openresolv) name() string    { return string(ownerOpenresolv) }
func (*openresolv) transient() bool { return false }

func (*openresolv) entry(w *wish) entry {
	return entry{By: string(ownerOpenresolv), Network: w.network, Interface: w.device, Name: w.device + recordSuffix}
}

// subscribers are the settings that have openresolv tell a resolver.
var subscribers = []string{
	"dnsmasq_conf", "dnsmasq_resolv", "named_options", "named_zones", "pdnsd_conf", "pdnsd_resolv", "pdns_zones", "unbound_conf",
}

// able implements resolver. Without a resolver on the machine the servers of a
// private record are in no file that anybody reads.
func (o *openresolv) able(w *wish) error {
	if w.all {
		return nil
	}
	conf, _ := os.ReadFile(o.conf) // without one there are no subscribers
	told, local := openresolvSetup(string(conf))
	current, _ := os.ReadFile(o.resolvConf)
	for _, a := range nameservers(string(current)) {
		local = local || a.IsLoopback()
	}
	if told && local {
		return nil
	}
	return unsupportedHere("openresolv is in charge of /etc/resolv.conf, but no resolver runs here that it could tell which servers are for which domain.",
		"Set openresolv up with dnsmasq or unbound: in "+o.conf+" name_servers=127.0.0.1 and dnsmasq_conf or unbound_conf.")
}

// openresolvSetup reads from a configuration whether a resolver is told, and
// whether the C library asks one on this machine.
func openresolvSetup(conf string) (told, local bool) {
	for line := range strings.Lines(conf) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"' `)
		switch {
		case !ok || value == "":
		case slices.Contains(subscribers, name):
			told = true
		case name == "name_servers":
			for f := range strings.FieldsSeq(value) {
				a, err := netip.ParseAddr(f)
				local = local || err == nil && a.IsLoopback()
			}
		}
	}
	return told, local
}

// record is what openresolv is given. Its first line tells how, which cannot be
// asked.
func record(w *wish) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by Orrery for network %s, %s\n", w.network, openresolvMode(w))
	for _, a := range w.servers {
		fmt.Fprintf(&b, "nameserver %v\n", a)
	}
	if w.domain != "" {
		fmt.Fprintf(&b, "search %s\n", w.domain)
	}
	return b.String()
}

// apply implements resolver.
func (o *openresolv) apply(ctx context.Context, w *wish) (bool, error) {
	name, want := o.entry(w).Name, record(w)
	have, err := o.program.run(ctx, "", "-l", name)
	if _, text, ok := strings.Cut(have, "\n"); err == nil && ok && withoutEmpty(text) == want { // after a line with the name
		return false, nil
	}
	_, err = o.program.run(ctx, want, openresolvMode(w), "-a", name)
	return true, err
}

// undo implements resolver.
func (o *openresolv) undo(ctx context.Context, e entry) error {
	if !strings.HasSuffix(e.Name, recordSuffix) || strings.ContainsAny(e.Name, "/ ") {
		return nil // none of ours
	}
	_, err := o.program.run(ctx, "", "-f", "-d", e.Name)
	if errors.Is(err, exec.ErrNotFound) {
		return nil // it was removed, with all that it did
	}
	return err
}

// openresolvMode has a record be for its domain only, or be the only one.
func openresolvMode(w *wish) string {
	if w.all {
		return "-x"
	}
	return "-p"
}

// withoutEmpty is a text without empty lines.
func withoutEmpty(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if l := strings.TrimSpace(line); l != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// resolvconfPaths are where the program is when it is not in PATH, which for
// services may be short.
var resolvconfPaths = []string{"/sbin/resolvconf", "/usr/sbin/resolvconf"}

// program is the path of resolvconf, empty for wherever it is.
type program string

// path finds the program.
func (p program) path() (string, error) {
	if p != "" {
		return exec.LookPath(string(p))
	}
	path, err := exec.LookPath("resolvconf")
	for _, known := range resolvconfPaths {
		if err == nil {
			break
		}
		path, err = exec.LookPath(known)
	}
	return path, err
}

// maxOutput bounds what is read of a program.
const maxOutput = 64 << 10

// run runs the program.
func (p program) run(ctx context.Context, stdin string, args ...string) (string, error) {
	path, err := p.path()
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Stdin = strings.NewReader(stdin)
	c.Env = append(os.Environ(), "LC_ALL=C", "PATH="+pathForScripts(os.Getenv("PATH")))
	c.WaitDelay = time.Second
	var out, bad limited
	c.Stdout, c.Stderr = &out, &bad
	err = c.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		if text := strings.TrimSpace(bad.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, clip(text))
		}
		return "", fmt.Errorf("resolvconf %s: %w", strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// pathForScripts has what a system's scripts expect to find.
func pathForScripts(path string) string {
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if !slices.Contains(strings.Split(path, ":"), dir) {
			path = strings.Trim(path+":"+dir, ":")
		}
	}
	return path
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := maxOutput - l.Len(); room < len(b) {
		_, _ = l.Buffer.Write(b[:max(room, 0)])
		return len(b), nil
	}
	return l.Buffer.Write(b)
}
