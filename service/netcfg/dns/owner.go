package dns

import (
	"net/netip"
	"strings"
)

// owner is who answers names on a Linux machine.
type owner string

// The owners.
const (
	ownerResolved   owner = "systemd-resolved"
	ownerManager    owner = "NetworkManager"
	ownerOpenresolv owner = "openresolv"
	ownerResolvconf owner = "resolvconf"
	// ownerBypassed is systemd-resolved with a resolv.conf that leads past it.
	ownerBypassed owner = "bypassed"
	// ownerOther is another program, named in signs.other, ownerNobody a file
	// that nobody looks after.
	ownerOther  owner = "other"
	ownerNobody owner = "nobody"
)

// signs are what tells the owner.
type signs struct {
	// target is where the symbolic link /etc/resolv.conf leads, empty if it is
	// none.
	target string
	// content is the file's, nsswitch that of /etc/nsswitch.conf.
	content, nsswitch string
	// resolved tells whether systemd-resolved is on the bus, mode how
	// NetworkManager resolves names, empty if it is not there. They are asked
	// only where it matters.
	resolved func() bool
	mode     func() string
	// version is what the program resolvconf says of itself, and whether there is
	// one.
	version func() (string, bool)
	// other is who says in the file that he made it.
	other string
}

// writers are programs that put their name into a resolv.conf.
var writers = []string{"NetworkManager", "dhcpcd", "netconfig", "connman", "dhclient", "WSL", "iwd", "Docker"}

// judgeOwner tells who answers names: whoever the C library asks.
func judgeOwner(s *signs) owner {
	header := comments(s.content)
	stub := false
	for _, a := range nameservers(s.content) {
		stub = stub || a == stubAddress || a == stubPlain
	}
	nss := asksResolved(s.nsswitch)
	switch {
	case stub, strings.HasSuffix(s.target, "/systemd/resolve/stub-resolv.conf"), s.target == "/usr/lib/systemd/resolv.conf", s.target == "/lib/systemd/resolv.conf":
		return ownerResolved
	case nss && s.resolved():
		return ownerResolved // the C library asks it before it reads the file
	case strings.HasSuffix(s.target, "/systemd/resolve/resolv.conf"):
		return ownerBypassed
	case strings.Contains(header, "NetworkManager") || strings.Contains(s.target, "/NetworkManager/"):
		switch mode := s.mode(); {
		case mode == "systemd-resolved" && s.resolved():
			return ownerResolved
		case mode != "":
			return ownerManager
		}
	case strings.Contains(strings.ToLower(header), "resolvconf") || strings.Contains(s.target, "/resolvconf/"):
		switch version, ok := s.version(); {
		case strings.HasPrefix(version, "openresolv"):
			return ownerOpenresolv
		case ok:
			return ownerResolvconf
		}
	}
	for _, w := range writers {
		if strings.Contains(header, w) {
			s.other = w
			return ownerOther
		}
	}
	return ownerNobody
}

// stubAddress and stubPlain are where systemd-resolved answers programs that
// know nothing of it.
var stubAddress, stubPlain = netip.AddrFrom4([4]byte{127, 0, 0, 53}), netip.AddrFrom4([4]byte{127, 0, 0, 54})

// comments are the comment lines of a resolv.conf.
func comments(content string) string {
	var b strings.Builder
	for line := range strings.Lines(content) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// nameservers are the servers in a resolv.conf.
func nameservers(content string) (all []netip.Addr) {
	for line := range strings.Lines(content) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			all = append(all, a.Unmap())
		}
	}
	return all
}

// asksResolved reports whether the C library asks systemd-resolved by itself.
func asksResolved(nsswitch string) bool {
	for line := range strings.Lines(nsswitch) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "hosts:" {
			continue
		}
		for _, source := range f[1:] {
			switch source {
			case "resolve":
				return true
			case "dns":
				return false
			}
		}
	}
	return false
}

// refuse says why nobody can be told, nil for owners that can.
func (s *signs) refuse(o owner) *problem {
	const install = "Install and enable systemd-resolved, or openresolv with dnsmasq or unbound. Until then ask the servers by hand, or enter names in /etc/hosts."
	switch o {
	case ownerResolved, ownerManager, ownerOpenresolv:
	case ownerBypassed:
		return unsupportedHere("Programs ask the name servers in /etc/resolv.conf directly, past systemd-resolved, so that names cannot be resolved by domain.",
			"Have them ask systemd-resolved: ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf.")
	case ownerResolvconf:
		return unsupportedHere("/etc/resolv.conf is made by a resolvconf that cannot resolve names by domain.", install)
	case ownerOther:
		return unsupportedHere("/etc/resolv.conf is made by "+s.other+", which cannot resolve names by domain.", install)
	case ownerNobody:
		return unsupportedHere("/etc/resolv.conf is a plain file, with which names cannot be resolved by domain; this service does not edit it.", install)
	}
	return nil
}
