package netcfg

import (
	"errors"
	"strconv"
)

// command is a program by absolute path and its arguments.
type command struct {
	path string
	args []string
}

const (
	ifconfigPath = "/sbin/ifconfig"
	routePath    = "/sbin/route"
)

// macDo is the command that makes an item on macOS. It is here, and not in the
// file of that system, to be tested on any.
func macDo(it Item) (command, error) {
	switch it.Kind {
	case KindMTU:
		return command{ifconfigPath, []string{it.Interface, "mtu", strconv.Itoa(it.Value)}}, nil
	case KindUp:
		return command{ifconfigPath, []string{it.Interface, upWord(it.Value)}}, nil
	case KindAddress:
		return macAddress(it, "alias"), nil
	case KindRoute:
		return macRoute(it, "add"), nil
	}
	return command{}, errors.ErrUnsupported
}

// macUndo is the command that undoes it.
func macUndo(it Item) (command, error) {
	switch it.Kind {
	case KindMTU:
		return command{ifconfigPath, []string{it.Interface, "mtu", strconv.Itoa(it.Before)}}, nil
	case KindUp:
		return command{ifconfigPath, []string{it.Interface, upWord(it.Before)}}, nil
	case KindAddress:
		return macAddress(it, "-alias"), nil
	case KindRoute:
		return macRoute(it, "delete"), nil
	}
	return command{}, errors.ErrUnsupported
}

func upWord(v int) string {
	if v == 0 {
		return "down"
	}
	return "up"
}

// macAddress adds or removes an address. utun is a point-to-point interface,
// so an IPv4 address needs a far end: itself.
func macAddress(it Item, verb string) command {
	ip := it.Prefix.Addr()
	args := []string{it.Interface, "inet", it.Prefix.String(), ip.String(), verb}
	switch {
	case ip.Is4() && verb == "-alias":
		args = []string{it.Interface, "inet", ip.String(), verb}
	case ip.Is6() && verb == "-alias":
		args = []string{it.Interface, "inet6", ip.String(), verb}
	case ip.Is6():
		args = []string{it.Interface, "inet6", ip.String(), "prefixlen", strconv.Itoa(it.Prefix.Bits()), verb}
	}
	return command{ifconfigPath, args}
}

// macRoute adds or removes a route. Routes into utun name the interface: it
// knows no gateways, the engine resolves them.
func macRoute(it Item, verb string) command {
	family := "-inet"
	if it.Prefix.Addr().Is6() {
		family = "-inet6"
	}
	return command{routePath, []string{"-q", "-n", verb, family, it.Prefix.String(), "-interface", it.Interface}}
}
