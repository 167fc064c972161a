package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"

	"orrery/service/caller"
	"orrery/service/ipc"
)

// foreign returns why a request must not have come from where it says, nil if
// nothing is wrong. Web pages cannot reach a Unix socket, but they can reach
// loopback TCP, by name through DNS rebinding too; browsers say so in these
// headers, and our clients never send them. name is a host name that is accepted.
func foreign(r *http.Request, hostOK func(string) bool, name string) *ipc.Error {
	for _, h := range []string{"Origin", "Referer"} {
		if _, there := r.Header[h]; there {
			return ipc.Errorf(ipc.CodeForeignOrigin, "requests with the header %s are refused: web pages may not use this API", h)
		}
	}
	if !hostOK(r.Host) {
		return ipc.Errorf(ipc.CodeForeignOrigin, "requests for the host %q are refused", clip(r.Host)).
			Advise("Use the host name %q", name)
	}
	return nil
}

// hostOfSocket accepts what our client sends, and what one types for curl.
func hostOfSocket(host string) bool {
	return host == ipc.Host || host == "localhost"
}

// hostOfLoopback accepts localhost and IP addresses, with any port: a name can
// be made to lead here by somebody else's DNS, an address cannot. No host at all
// is what the reference's command line sends; browsers always send one.
func hostOfLoopback(host string) bool {
	if host == "" {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// refusal says which role a call needs and how to get it.
func refusal(r *route, args map[string]string, who caller.Caller, p caller.Policy) *ipc.Error {
	group := p.Group
	if group == "" {
		group = caller.DefaultGroup
	}
	e := ipc.Errorf(ipc.CodeForbidden, "%s needs the role %s, and %s", r.what, r.need, who.Why)
	e.Need = r.need
	elevate, prefix := "Run it as root", "sudo "
	if runtime.GOOS == "windows" {
		elevate, prefix = "Run it as administrator", ""
	}
	if r.command != "" {
		e.Command = prefix + fill(r.command, args)
	}
	e.Advice = elevate
	if r.need == ipc.Operator {
		e.Advice = fmt.Sprintf("%s, or have an administrator add you to the group %q", elevate, group)
	}
	return e
}
