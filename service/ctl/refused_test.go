package ctl

import (
	"errors"
	"strings"
	"testing"

	"orrery/service/ipc"
)

// TestRepeat: whoever may not do something is told the line that does it, not
// another one that makes the same call.
func TestRepeat(t *testing.T) {
	t.Parallel()
	refused := func(command string) error {
		e := ipc.Errorf(ipc.CodeForbidden, "not you").Advise("Run it as root")
		e.Command = command
		return explain(e)
	}
	const suggested = "sudo orreryctl trust verify e285b97aef"
	for _, c := range []struct {
		from string
		args []string
		want string
	}{
		{suggested, []string{"trust", "block", "e285b97aef"}, "\n    sudo orreryctl trust block e285b97aef"},
		{suggested, []string{"--socket", "/run/x/s", "join", "orrery://join/1?c=2&n=it's"}, "\n    sudo orreryctl --socket /run/x/s join 'orrery://join/1?c=2&n=it'\\''s'"},
		{suggested, []string{"network", "create", "--name", ""}, "\n    sudo orreryctl network create --name ''"},
		{suggested, []string{"trust", "name", "e285b97aef", "a\x1b[2J"}, "\n    " + suggested},
		{"orreryctl trust verify e285b97aef", []string{"dump", "x"}, "\n    orreryctl dump x"},
		{"orreryctl trust verify e285b97aef", []string{"dump", "x y"}, "\n    orreryctl trust verify e285b97aef"},
		{"", []string{"dump", "x"}, "Run it as root"},
	} {
		err := Repeat(refused(c.from), c.args)
		var exit *Exit
		if !errors.As(err, &exit) || exit.Code != Failed || !errors.Is(err, ipc.ErrNotAllowed) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%q: %q", c.args, err)
		}
	}
	other := explain(ipc.Errorf(ipc.CodeConflict, "no").Advise("see"))
	for _, err := range []error{nil, other, usagef("x")} {
		if got := Repeat(err, []string{"info"}); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
