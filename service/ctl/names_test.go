package ctl

import (
	"bytes"
	"encoding/json"
	"testing"

	"orrery/service/ipc"
)

func TestPrintNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    ipc.DNS
		want string
	}{
		{ipc.DNS{}, "the network names no name servers\n"},
		{ipc.DNS{Domain: "corp.internal", Servers: []string{"10.1.1.1", "fd00::1"}, State: "applied", By: "systemd-resolved"},
			"corp.internal 10.1.1.1,fd00::1 applied\n    Names of corp.internal are asked of 10.1.1.1, fd00::1 by systemd-resolved.\n"},
		{ipc.DNS{Domain: "corp.internal", Servers: []string{"10.1.1.1"}, State: "applied", By: "openresolv", All: true, Reason: "The server 8.8.8.8 is not inside the network."},
			"corp.internal 10.1.1.1 applied\n    All names, and short ones as those of corp.internal, are asked of 10.1.1.1 by openresolv. The server 8.8.8.8 is not inside the network.\n"},
		{ipc.DNS{Servers: []string{"10.1.1.1"}, State: "ignored", Reason: "No domain.", Advice: "Think."},
			"- 10.1.1.1 ignored\n    No domain.\n    Think.\n"},
		{ipc.DNS{Domain: "a\x1b[2Jb", State: "refused", Reason: "The domain \"a\\x1b\" has characters."},
			"a?[2Jb - refused\n    The domain \"a\\x1b\" has characters.\n"},
	} {
		var out bytes.Buffer
		(&Tool{Out: &out}).printNames(&c.d)
		if out.String() != c.want {
			t.Errorf("%+v:\n%swant\n%s", c.d, out.String(), c.want)
		}
	}
}

// The reference's words stay as they are; ours come beside them.
func TestAddNames(t *testing.T) {
	t.Parallel()
	d := ipc.DNS{Domain: "other", Servers: []string{"9.9.9.9"}, State: "refused", Reason: "Why."}
	for in, want := range map[string]string{
		`{"dns":{"domain":"corp.internal","servers":["10.1.1.1"]}}`: `{"dns":{"domain":"corp.internal","reason":"Why.","servers":["10.1.1.1"],"state":"refused"}}`,
		`{"dns":[]}`:   `{"dns":[]}`,
		`{"dns":null}`: `{"dns":null}`,
		`{}`:           `{}`,
	} {
		var o map[string]json.RawMessage
		if err := json.Unmarshal([]byte(in), &o); err != nil {
			t.Fatal(err)
		}
		addNames(&d, o)
		if got, err := json.Marshal(o); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	o := map[string]json.RawMessage{"dns": json.RawMessage(`{"domain":"","servers":[]}`)}
	addNames(&ipc.DNS{}, o)
	if string(o["dns"]) != `{"domain":"","servers":[]}` {
		t.Errorf("a network without name servers: %s", o["dns"])
	}
}
