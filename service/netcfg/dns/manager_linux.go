package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	nmName    = "org.freedesktop.NetworkManager"
	nmPath    = "/org/freedesktop/NetworkManager"
	nmDNSPath = "/org/freedesktop/NetworkManager/DnsManager"
	nmDNS     = "org.freedesktop.NetworkManager.DnsManager"
	// nmFolder has files for the dnsmasq that NetworkManager runs.
	nmFolder = "/etc/NetworkManager/dnsmasq.d"
	// reloadDNS has that dnsmasq started anew, which is how it reads them.
	reloadDNS = uint32(0x4)
	// ownMark is the first line of our files.
	ownMark = "# Made by Orrery for network "
)

// networkManager is NetworkManager with a dnsmasq of its own. It rewrites what
// others tell that dnsmasq, but not the files in its folder.
type networkManager struct {
	bus    *bus
	mode   string
	folder string
}

func (*networkManager) name() string    { return string(ownerManager) }
func (*networkManager) transient() bool { return false }

func (n *networkManager) entry(w *wish) entry {
	return entry{By: string(ownerManager), Network: w.network, Interface: w.device, Name: filepath.Join(n.folder, "orrery-"+w.network+".conf")}
}

// able implements resolver.
func (n *networkManager) able(w *wish) error {
	const advice = "Enable systemd-resolved, or write dns=dnsmasq into the section [main] of /etc/NetworkManager/NetworkManager.conf, and restart NetworkManager."
	switch {
	case n.mode != "dnsmasq":
		return unsupportedHere("NetworkManager is in charge of /etc/resolv.conf, in a mode ("+n.mode+") in which names cannot be resolved by domain.", advice)
	case w.all:
		return unsupportedHere("NetworkManager's dnsmasq always asks the other networks' servers too, so that not all queries can go to this network.",
			"Enable systemd-resolved, or let the network answer for its domain only: orreryctl set "+w.network+" dnsDefault=0.")
	}
	return nil
}

// apply implements resolver.
func (n *networkManager) apply(ctx context.Context, w *wish) (bool, error) {
	path := n.entry(w).Name
	if changed, err := writeOwn(path, ownMark, dnsmasqFile(w)); err != nil || !changed {
		return false, err
	}
	if err := n.reload(ctx); err != nil {
		return true, errors.Join(err, os.Remove(path)) // so that it is tried again
	}
	return true, nil
}

// dnsmasqFile is the configuration of a network's domain.
func dnsmasqFile(w *wish) string {
	var b strings.Builder
	b.WriteString(ownMark + w.network + "\n")
	for _, a := range w.servers {
		fmt.Fprintf(&b, "server=/%s/%v\n", w.domain, a)
	}
	fmt.Fprintf(&b, "rebind-domain-ok=/%s/\n", w.domain)
	return b.String()
}

// reload has NetworkManager start its dnsmasq anew.
func (n *networkManager) reload(ctx context.Context) error {
	_, err := n.bus.call(ctx, nmName, nmPath, nmName+".Reload", reloadDNS)
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem{state: Failed, reason: "NetworkManager does not answer.", advice: "It is tried again by itself.", err: err}
	}
	return err
}

// undo implements resolver.
func (n *networkManager) undo(ctx context.Context, e entry) error {
	if _, err := removeOwn(e.Name, ownMark); err != nil {
		return err
	}
	// Also when the file was gone already: who was killed after he removed it has
	// told nobody.
	if _, err := n.bus.connect(); err != nil || !n.bus.owned(ctx, nmName) {
		return nil // it reads the folder when it starts
	}
	return n.reload(ctx)
}

// nmMode is how NetworkManager resolves names, empty if it is not there.
func nmMode(ctx context.Context, b *bus) string {
	v, err := b.get(ctx, nmName, nmDNSPath, nmDNS, "Mode")
	if err != nil {
		return ""
	}
	mode, _ := v.Value().(string)
	return mode
}
