package dns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// resolverFiles are the folder where macOS looks for the servers of domains, a
// file for each. It is here, and not in the file of the system, to be tested on
// any.
type resolverFiles struct {
	folder string
	// flush, if not nil, has the system forget what it remembers of names.
	flush func(ctx context.Context)
}

// fileMark is the first line of our files.
const fileMark = "# Made by Orrery for network "

func (*resolverFiles) name() string    { return "macOS resolver files" }
func (*resolverFiles) transient() bool { return false }

func (r *resolverFiles) entry(w *wish) entry {
	return entry{By: r.name(), Network: w.network, Interface: w.device, Name: filepath.Join(r.folder, w.domain)}
}

// able implements resolver.
func (*resolverFiles) able(w *wish) error {
	if w.all {
		return unsupportedHere("On macOS a network can answer for its domain only.",
			"Let it do that: orreryctl set "+w.network+" dnsDefault=0, or enter its servers in the system's settings by hand.")
	}
	return nil
}

// apply implements resolver.
func (r *resolverFiles) apply(ctx context.Context, w *wish) (bool, error) {
	path, want := r.entry(w).Name, resolverFile(w)
	have, err := os.ReadFile(path)
	switch {
	case err == nil && string(have) == want:
		return false, nil
	case err == nil && !strings.HasPrefix(string(have), fileMark):
		return false, &problem{
			state: Failed, reason: path + " is there already, and not of this service.",
			advice: "Remove it, if it is not needed for another program.",
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return false, err
	}
	if err := replace(path, []byte(want), 0o644); err != nil {
		return false, err
	}
	r.forget(ctx)
	return true, nil
}

func (r *resolverFiles) forget(ctx context.Context) {
	if r.flush != nil {
		r.flush(ctx)
	}
}

// resolverFile is the file of a network's domain (resolver(5)).
func resolverFile(w *wish) string {
	var b strings.Builder
	b.WriteString(fileMark + w.network + "\n")
	for _, a := range w.servers {
		fmt.Fprintf(&b, "nameserver %v\n", a)
	}
	return b.String()
}

// undo implements resolver.
func (r *resolverFiles) undo(ctx context.Context, e entry) error {
	if filepath.Dir(e.Name) != filepath.Clean(r.folder) {
		return nil // none of ours
	}
	gone, err := removeOwn(e.Name, fileMark+e.Network+"\n")
	if gone {
		r.forget(ctx)
	}
	return err
}
