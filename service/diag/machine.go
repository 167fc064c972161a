package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"orrery/service/ipc"
)

// Look looks at the machine around a node: home is its home directory. Port is
// the UDP port that the service would use, 0 if the service runs and has it.
func Look(home string, port int) Surroundings {
	s := Surroundings{Driver: driver(), Privileged: privileged()}
	s.Identity, s.Home = identityIn(home)
	for _, o := range others() {
		id, _ := identityIn(o.home)
		s.Other = append(s.Other, Other{Name: o.name, Process: o.process, SameIdentity: id != "" && id == s.Identity})
	}
	s.PortTaken = port > 0 && taken(port)
	return s
}

// other is another program of the kind, with its usual home.
type other struct {
	name, home string
	process    int
}

// identityIn returns the address in a home directory, and what keeps one from
// reading it.
func identityIn(home string) (address, problem string) {
	info, err := os.Stat(home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Sprintf("the home directory %s does not exist yet", home)
	case err != nil:
		return "", fmt.Sprintf("the home directory %s cannot be read: %v", home, err)
	case !info.IsDir():
		return "", fmt.Sprintf("the home directory %s is not a directory", home)
	}
	b, err := os.ReadFile(filepath.Join(home, "identity.public"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	if err != nil {
		return "", fmt.Sprintf("%s: %v", filepath.Join(home, "identity.public"), err)
	}
	address, _, _ = strings.Cut(strings.TrimSpace(string(b)), ":")
	if len(address) != 10 {
		return "", fmt.Sprintf("%s is damaged", filepath.Join(home, "identity.public"))
	}
	return address, ""
}

// taken reports whether another program has a UDP port on this machine.
func taken(port int) bool {
	c, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		return !errors.Is(err, fs.ErrPermission)
	}
	_ = c.Close()
	return false
}

// machine looks at what is around the node.
func machine(f *Facts) []ipc.Finding {
	s := &f.Machine
	var all []ipc.Finding
	if s.Driver != "" {
		all = append(all, found("device", "missing", ipc.Broken, "No virtual network device can be made: "+s.Driver+".", driverAdvice)...)
	} else {
		all = append(all, found("device", "ready", ipc.Fine, "Virtual network devices can be made.", "")...)
	}
	for _, o := range s.Other {
		if o.SameIdentity {
			all = append(all, found("other", "same-identity", ipc.Broken, fmt.Sprintf("%s (process %d) runs here with the same identity: both get in each other's way.", o.Name, o.Process),
				"Stop one of them, or give one of them a new identity.")...)
			continue
		}
		all = append(all, found("other", "running", ipc.Fine, fmt.Sprintf("%s (process %d) runs here too. That works, with another identity and port.", o.Name, o.Process), "")...)
	}
	return all
}

// Machine examines a machine on which the service does not answer; why says why
// it does not.
func Machine(why string, s Surroundings, port int, start string) []ipc.Finding {
	all := found("service", "down", ipc.Broken, "The service does not answer: "+why+".", "Start it: "+start)
	switch {
	case s.Home != "":
		all = append(all, found("home", "unusable", ipc.Unsure, capital(s.Home)+".", "It is made when the service first starts. If it was there, see whether it was moved, or run this as root.")...)
	case s.Identity == "":
		all = append(all, found("home", "new", ipc.Fine, "There is no identity yet: the service makes one when it first starts.", "")...)
	default:
		all = append(all, found("home", "ready", ipc.Fine, "The home directory has the identity "+s.Identity+".", "")...)
	}
	if s.PortTaken {
		all = append(all, found("sockets", "taken", ipc.Unsure, fmt.Sprintf("UDP port %d is in use by another program; the service would take another one.", port),
			"Stop that program, or set settings.primaryPort in local.conf.")...)
	} else {
		all = append(all, found("sockets", "free", ipc.Fine, fmt.Sprintf("UDP port %d is free.", port), "")...)
	}
	return append(all, machine(&Facts{Machine: s})...)
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
