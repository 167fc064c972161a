package api

import (
	"net/http"
	"strings"

	"orrery/service/ipc"
)

// route is one line of a route table.
type route struct {
	// method is "GET", "POST", "PATCH" or "DELETE".
	method string
	// path is made of literal segments and names in braces, such as
	// "/v1/networks/{network}". The name says how the segment is parsed:
	// network, address, or anything else for text.
	path string
	// need is the least role that may call.
	need ipc.Role
	// what completes "…ing a network needs the role operator" in a refusal.
	what string
	// command is the orreryctl line that does the same, with the names of path.
	command string
	handle  handler
}

// handler answers a request. An error is answered for it.
type handler func(*call) error

// powers orders the roles.
var powers = map[ipc.Role]int{ipc.Observer: 1, ipc.Operator: 2, ipc.Administrator: 3}

// allowed reports whether role is at least need. An unknown role is nothing.
func allowed(role, need ipc.Role) bool {
	return powers[role] > 0 && powers[role] >= powers[need]
}

// table is a list of routes that can be searched.
type table []route

// match finds the route of a request. If there is none, methods has those with
// which the path exists.
func (t table) match(method, path string) (found *route, args map[string]string, methods []string) {
	for i := range t {
		a, ok := matchPath(t[i].path, path)
		if !ok {
			continue
		}
		if t[i].method == method {
			return &t[i], a, nil
		}
		methods = append(methods, t[i].method)
	}
	return nil, nil, methods
}

// matchPath compares segment by segment, exactly: no cleaning, no trailing
// slash. A name in braces takes one non-empty segment.
func matchPath(pattern, path string) (map[string]string, bool) {
	var args map[string]string
	for {
		p, restP, moreP := strings.Cut(pattern, "/")
		s, restS, moreS := strings.Cut(path, "/")
		if moreP != moreS {
			return nil, false
		}
		if name, ok := strings.CutPrefix(p, "{"); ok {
			if s == "" {
				return nil, false
			}
			if args == nil {
				args = make(map[string]string, 2)
			}
			args[strings.TrimSuffix(name, "}")] = s
		} else if p != s {
			return nil, false
		}
		if !moreP {
			return args, true
		}
		pattern, path = restP, restS
	}
}

// fill puts arguments into the names of a command line. Only what looks like an
// identifier is put in, because the line is there to be copied into a shell.
func fill(command string, args map[string]string) string {
	for name, value := range args {
		if !harmless(value) {
			value = strings.ToUpper(name)
		}
		command = strings.ReplaceAll(command, "{"+name+"}", value)
	}
	return command
}

func harmless(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// allowHeader joins methods for the header Allow; HEAD comes with GET.
func allowHeader(methods []string) string {
	for _, m := range methods {
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
			break
		}
	}
	return strings.Join(methods, ", ")
}
