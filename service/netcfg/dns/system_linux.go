package dns

import (
	"context"
	"log/slog"
	"os"
)

// linux is a machine with one of several resolvers.
type linux struct {
	bus *bus
	// resolvConf and nsswitch are the files that the C library reads.
	resolvConf, nsswitch string
	program              program
	folder               string // for the dnsmasq of NetworkManager
	resolvers            map[owner]resolver
}

func newSystem(*slog.Logger) system { return newLinux(newBus(resolvedName, nmName)) }

func newLinux(b *bus) *linux {
	return &linux{
		bus: b, resolvConf: "/etc/resolv.conf", nsswitch: "/etc/nsswitch.conf", folder: nmFolder,
		resolvers: map[owner]resolver{
			ownerResolved:   &resolved{b},
			ownerOpenresolv: &openresolv{conf: openresolvConf, resolvConf: "/etc/resolv.conf"},
			ownerManager:    &networkManager{bus: b, folder: nmFolder},
		},
	}
}

// find implements system.
func (l *linux) find(ctx context.Context) (resolver, error) {
	content, _ := os.ReadFile(l.resolvConf) // without one there is no owner
	nsswitch, _ := os.ReadFile(l.nsswitch)
	target, _ := os.Readlink(l.resolvConf)
	mode := ""
	s := &signs{
		target: target, content: string(content), nsswitch: string(nsswitch),
		resolved: func() bool { return l.bus.owned(ctx, resolvedName) },
		mode:     func() string { mode = nmMode(ctx, l.bus); return mode },
		version: func() (string, bool) {
			if _, err := l.program.path(); err != nil {
				return "", false
			}
			v, _ := l.program.run(ctx, "", "--version") // others than openresolv know no such option
			return v, true
		},
	}
	o := judgeOwner(s)
	if p := s.refuse(o); p != nil {
		return nil, p
	}
	if o == ownerManager {
		return &networkManager{bus: l.bus, mode: mode, folder: l.folder}, nil
	}
	if o == ownerResolved {
		_, _ = l.bus.connect() // to hear when it is started anew
	}
	return l.resolvers[o], nil
}

// named implements system.
func (l *linux) named(name string) resolver {
	if r := l.resolvers[owner(name)]; r != nil {
		return r
	}
	return nil
}

func (l *linux) notices() <-chan struct{} { return l.bus.news }
func (l *linux) close()                   { l.bus.close() }
