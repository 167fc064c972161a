package dns

import (
	"context"
	"errors"
	"fmt"
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
	path := r.entry(w).Name
	changed, err := writeOwn(path, fileMark, resolverFile(w))
	if errors.Is(err, errForeign) {
		return false, &problem{
			state: Failed, reason: path + " is there already, and not of this service.",
			advice: "Remove it, if it is not needed for another program.",
		}
	}
	if err != nil || !changed {
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
