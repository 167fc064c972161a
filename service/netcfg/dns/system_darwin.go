package dns

import (
	"context"
	"log/slog"
	"os/exec"
)

// darwin is macOS.
type darwin struct{ files *resolverFiles }

// resolverFolder is where the system looks.
const resolverFolder = "/etc/resolver"

func newSystem(log *slog.Logger) system {
	return &darwin{&resolverFiles{folder: resolverFolder, flush: func(ctx context.Context) {
		for _, c := range [][]string{{"/usr/bin/dscacheutil", "-flushcache"}, {"/usr/bin/killall", "-HUP", "mDNSResponder"}} {
			if err := exec.CommandContext(ctx, c[0], c[1:]...).Run(); err != nil {
				log.Debug("have the system forget names", "command", c[0], "err", err)
			}
		}
	}}}
}

func (d *darwin) find(context.Context) (resolver, error) { return d.files, nil }

func (d *darwin) named(name string) resolver {
	if name == d.files.name() {
		return d.files
	}
	return nil
}

// notices implements system: the system reads the files as they change, and
// keeps nothing that it could lose.
func (*darwin) notices() <-chan struct{} { return nil }
func (*darwin) close()                   {}
