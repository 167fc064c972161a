package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run is one run of the reference's command line or identity tool.
type run struct {
	Name           string
	Args           []string
	Exit           int
	Stdout, Stderr string
}

type capture struct {
	CLI, IDTool []run
	Files       []struct{ Name, Text string }
}

func captured(t *testing.T) capture {
	t.Helper()
	b, err := os.ReadFile("testdata/local_api.json")
	if err != nil {
		t.Fatal(err)
	}
	var c capture
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c capture) named(t *testing.T, name string) run {
	t.Helper()
	for _, r := range c.CLI {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no capture %q", name)
	return run{}
}

// canned answers calls by "METHOD path".
type canned map[string]struct {
	status int
	body   string
	err    error
}

func (c canned) Do(_ context.Context, method, path string, _ []byte) (int, []byte, error) {
	a, ok := c[method+" "+path]
	if !ok {
		return 404, nil, nil
	}
	return a.status, []byte(a.body), a.err
}

// tool makes a tool that talks to a.
func tool(a Transport, at time.Time) (t *Tool, out, errs *bytes.Buffer) {
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	return &Tool{Out: out, Err: errs, In: strings.NewReader(""), API: a, Now: func() time.Time { return at }, Random: counting()}, out, errs
}

// counting fills with bytes that count up.
func counting() func([]byte) {
	n := byte(0)
	return func(b []byte) {
		for i := range b {
			n++
			b[i] = n
		}
	}
}

// code is the exit code of an error; what main would print goes to errs.
func code(err error, errs *bytes.Buffer) int {
	if err == nil {
		return 0
	}
	e, ok := err.(*Exit)
	if !ok {
		return -1
	}
	if e.Err != nil {
		errs.WriteString(e.Err.Error() + "\n")
	}
	return e.Code
}

// TestReferenceOutput gives our commands the data that the reference's had, and
// expects the same output and exit code, byte by byte.
func TestReferenceOutput(t *testing.T) {
	t.Parallel()
	c := captured(t)
	ctx := context.Background()
	const nwid = "294551b91fabcdef"
	joined := c.named(t, "join_j").Stdout
	data := canned{
		"GET /status":                      {status: 200, body: c.named(t, "info_j").Stdout},
		"GET /peer":                        {status: 200, body: c.named(t, "listpeers_j").Stdout},
		"GET /network":                     {status: 200, body: c.named(t, "listnetworks_j").Stdout},
		"GET /network/" + nwid:             {status: 200, body: "{}"},
		"GET /moon":                        {status: 200, body: c.named(t, "listmoons").Stdout},
		"GET /health":                      {status: 200, body: c.named(t, "raw_get").Stdout},
		"POST /network/1234567812345678":   {status: 200, body: joined},
		"DELETE /network/1234567812345678": {status: 200, body: "{}"},
		"POST /network/" + nwid:            {status: 200, body: c.named(t, "set_allowDNS").Stdout},
	}
	refused := canned{
		"GET /status": {status: 401, body: "{}"}, "GET /peer": {status: 401, body: "{}"}, "POST /network/1234567812345678": {status: 401, body: "{}"},
	}
	lost := &ConnectError{Reason: "connection failed", Host: "127.0.0.1", Port: 9993}
	gone := canned{"GET /status": {err: lost}, "POST /network/1234567812345678": {err: lost}}
	const sent = 1795312955143
	for _, k := range []struct {
		name string
		api  Transport
		json bool
		at   int64
		do   func(*Tool) error
	}{
		{"info", data, false, 0, func(t *Tool) error { return t.Info(ctx, "info") }},
		{"status", data, false, 0, func(t *Tool) error { return t.Info(ctx, "status") }},
		{"info_j", data, true, 0, func(t *Tool) error { return t.Info(ctx, "info") }},
		{"listpeers", data, false, sent + 222, func(t *Tool) error { return t.ListPeers(ctx) }},
		{"listpeers_j", data, true, 0, func(t *Tool) error { return t.ListPeers(ctx) }},
		{"peers", data, false, sent + 255, func(t *Tool) error { return t.Peers(ctx) }},
		{"listnetworks", data, false, 0, func(t *Tool) error { return t.ListNetworks(ctx) }},
		{"listnetworks_j", data, true, 0, func(t *Tool) error { return t.ListNetworks(ctx) }},
		{"listmoons", data, false, 0, func(t *Tool) error { return t.ListMoons(ctx) }},
		{"join", data, false, 0, func(t *Tool) error { return t.Join(ctx, "1234567812345678") }},
		{"join_j", data, true, 0, func(t *Tool) error { return t.Join(ctx, "1234567812345678") }},
		{"leave", data, false, 0, func(t *Tool) error { return t.Leave(ctx, "1234567812345678") }},
		{"leave_j", data, true, 0, func(t *Tool) error { return t.Leave(ctx, "1234567812345678") }},
		{"set_allowDNS", data, false, 0, func(t *Tool) error { return t.Set(ctx, nwid, "allowDNS=1") }},
		{"set_badid", data, false, 0, func(t *Tool) error { return t.Set(ctx, "123", "allowDNS=1") }},
		{"get_ip", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "ip") }},
		{"get_ip4", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "ip4") }},
		{"get_ip6", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "ip6") }},
		{"get_ip6plane", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "ip6plane") }},
		{"get_ip6prefix", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "ip6prefix") }},
		{"get_status", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "status") }},
		{"get_mtu", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "mtu") }},
		{"get_allowManaged", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "allowManaged") }},
		{"get_allowDNS", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "allowDNS") }},
		{"get_badid", data, false, 0, func(t *Tool) error { return t.Get(ctx, "123", "ip") }},
		{"get_noprop", data, false, 0, func(t *Tool) error { return t.Get(ctx, nwid, "") }},
		{"raw_get", data, false, 0, func(t *Tool) error { return t.Raw(ctx, "/health") }},
		{"raw_404", data, false, 0, func(t *Tool) error { return t.Raw(ctx, "/nope") }},
		{"bad_token", refused, false, 0, func(t *Tool) error { return t.Info(ctx, "info") }},
		{"j_listpeers_badtoken", refused, true, 0, func(t *Tool) error { return t.ListPeers(ctx) }},
		{"join_badtoken", refused, false, 0, func(t *Tool) error { return t.Join(ctx, "1234567812345678") }},
		{"bad_port", gone, false, 0, func(t *Tool) error { return t.Info(ctx, "info") }},
		{"join_badport", gone, false, 0, func(t *Tool) error { return t.Join(ctx, "1234567812345678") }},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			want := c.named(t, k.name)
			tl, out, errs := tool(k.api, time.UnixMilli(k.at))
			tl.JSON = k.json
			exit := code(k.do(tl), errs)
			if exit != want.Exit || out.String() != want.Stdout || errs.String() != want.Stderr {
				t.Errorf("exit %d, want %d\nout  %q\nwant %q\nerr  %q\nwant %q", exit, want.Exit, out, want.Stdout, errs, want.Stderr)
			}
		})
	}
}

// TestOwnOutput: where the reference says nothing, or success, of a mistake, we
// say what is wrong and exit with another code (spec 06 §14).
func TestOwnOutput(t *testing.T) {
	t.Parallel()
	c := captured(t)
	ctx := context.Background()
	const nwid = "294551b91fabcdef"
	data := canned{
		"GET /network":         {status: 200, body: c.named(t, "listnetworks_j").Stdout},
		"GET /network/" + nwid: {status: 200, body: "{}"},
	}
	for _, k := range []struct {
		name, out, errs string
		exit            int
		do              func(*Tool) error
	}{
		{"join_bad", "invalid network id\n", "16 hex digits", 2, func(t *Tool) error { return t.Join(ctx, "123") }},
		{"join_nonhex", "invalid network id\n", "16 hex digits", 2, func(t *Tool) error { return t.Join(ctx, "zzzzzzzzzzzzzzzz") }},
		{"join path", "invalid network id\n", "16 hex digits", 2, func(t *Tool) error { return t.Join(ctx, "../../etc/passwd") }},
		{"join zero", "invalid network id\n", "16 hex digits", 2, func(t *Tool) error { return t.Join(ctx, "0000000000000000") }},
		{"leave_bad", "invalid network id\n", "16 hex digits", 2, func(t *Tool) error { return t.Leave(ctx, "123") }},
		{"get_unknownprop", "error, unknown property name\n", "", 1, func(t *Tool) error { return t.Get(ctx, nwid, "zork") }},
		{"get object", "error, unknown property name\n", "", 1, func(t *Tool) error { return t.Get(ctx, nwid, "dns") }},
		{"get_unknown_network", "", "unknown network ID", 1, func(t *Tool) error { return t.Get(ctx, "1234567812345678", "ip") }},
		{"set_badprop", "", `unknown setting "zork"`, 2, func(t *Tool) error { return t.Set(ctx, nwid, "zork=1") }},
		{"set_noeq", "", "allowDNS=VALUE", 2, func(t *Tool) error { return t.Set(ctx, nwid, "allowDNS") }},
		{"set nothing", "", "include a property name to set", 2, func(t *Tool) error { return t.Set(ctx, nwid, "") }},
		{"set maybe", "", `not "maybe"`, 2, func(t *Tool) error { return t.Set(ctx, nwid, "allowDNS=maybe") }},
		{"set bad list", "", `"10.0.0/8"`, 2, func(t *Tool) error { return t.Set(ctx, nwid, "allowManaged=10.0.0/8") }},
		{"set port without service", "", "own socket", 2, func(t *Tool) error { return t.Set(ctx, nwid, "port=tap") }},
		{"set does not join", "", "Join it first", 1, func(t *Tool) error { return t.Set(ctx, "1234567812345678", "allowDNS=1") }},
	} {
		tl, out, errs := tool(data, time.Now())
		exit := code(k.do(tl), errs)
		if exit != k.exit || out.String() != k.out || !strings.Contains(errs.String(), k.errs) {
			t.Errorf("%s: exit %d\nout %q\nerr %q", k.name, exit, out, errs)
		}
	}
}

// TestNoAddress: of addresses that there are none of the reference prints an empty
// line.
func TestNoAddress(t *testing.T) {
	t.Parallel()
	data := canned{"GET /network": {status: 200, body: `[{"id":"294551b91fabcdef","assignedAddresses":["10.1.2.3/24"]}]`}}
	for what, want := range map[string]string{"ip": "10.1.2.3\n", "ip4": "10.1.2.3\n", "ip6": "\n", "ip6plane": "\n", "ip6prefix": "\n"} {
		tl, out, errs := tool(data, time.Now())
		if exit := code(tl.Get(context.Background(), "294551b91fabcdef", what), errs); exit != 0 || out.String() != want {
			t.Errorf("%s: exit %d, %q, %q", what, exit, out, errs)
		}
	}
}

// TestTerminalSafety: a controller or peer cannot write to the terminal.
func TestTerminalSafety(t *testing.T) {
	t.Parallel()
	const name = "a\x1b[2Jb\nc\u202ed\u009be"
	raw, err := json.Marshal([]map[string]any{{"id": "1", "name": name, "version": name, "address": name, "assignedAddresses": []string{name}}})
	if err != nil {
		t.Fatal(err)
	}
	data := canned{"GET /network": {status: 200, body: string(raw)}, "GET /peer": {status: 200, body: string(raw)}, "GET /status": {status: 500, body: name}}
	for _, do := range []func(*Tool) error{
		func(t *Tool) error { return t.ListNetworks(context.Background()) },
		func(t *Tool) error { return t.ListPeers(context.Background()) },
		func(t *Tool) error { return t.Peers(context.Background()) },
		func(t *Tool) error { return t.Info(context.Background(), "info") },
	} {
		tl, out, _ := tool(data, time.Now())
		_ = do(tl)
		if s := strings.TrimSuffix(out.String(), "\n"); strings.ContainsAny(s, "\x1b\u202e\u009b") || !strings.Contains(s, "a?[2Jb?c?d?e") {
			t.Errorf("%q", s)
		}
	}
}

// TestSSOLines: networks with a login say when it ends, or where to do it again.
func TestSSOLines(t *testing.T) {
	t.Parallel()
	data := canned{"GET /network": {status: 200, body: `[
		{"id":"1","status":"OK","ssoEnabled":true,"authenticationExpiryTime":61000},
		{"id":"2","status":"AUTHENTICATION_REQUIRED","ssoEnabled":true,"authenticationURL":"https://sso.example/"}]`}}
	tl, out, _ := tool(data, time.UnixMilli(1000))
	if err := tl.ListNetworks(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\n    AUTH OK, expires in: 60 seconds\n", "\n    AUTH EXPIRED, URL: https://sso.example/\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in %q", line, out)
		}
	}
}

// TestTunneled: traffic through the TCP relay is shown as such.
func TestTunneled(t *testing.T) {
	t.Parallel()
	data := canned{
		"GET /status": {status: 200, body: `{"address":"a","version":"1","online":true,"tcpFallbackActive":true}`},
		"GET /peer":   {status: 200, body: `[{"address":"a","tunneled":true,"latency":7,"role":"LEAF","version":"1.2.3","paths":[{"address":"1.2.3.4/5","preferred":true}]}]`},
	}
	tl, out, _ := tool(data, time.UnixMilli(1000))
	if err := tl.Info(context.Background(), "info"); err != nil {
		t.Fatal(err)
	}
	if err := tl.Peers(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := "200 info a 1 TUNNELED\n200 peers\n<ztaddr>   <ver>  <role> <lat> <link>   <lastTX> <lastRX> <path>\n" +
		"a 1.2.3  LEAF       7 RELAY -1       -1       1.2.3.4/5\nNOTE: Currently tunneling through a TCP relay. Ensure that UDP is not blocked.\n"
	if out.String() != want {
		t.Errorf("%q\nwant %q", out, want)
	}
}

// TestDump: the report has the reference's sections, each with its content.
func TestDump(t *testing.T) {
	t.Parallel()
	var sample string
	for _, f := range captured(t).Files {
		if f.Name == "zerotier_dump.txt" {
			sample = f.Text
		}
	}
	data := canned{"GET /status": {status: 200, body: `{"s":1}`}, "GET /network": {status: 200, body: `[]`}, "GET /peer": {status: 200, body: `[1]`}, "GET /config": {status: 200, body: `{}`}}
	tl, out, _ := tool(data, time.Now())
	file := filepath.Join(t.TempDir(), DumpFile)
	if err := tl.Dump(context.Background(), file, "0.1.0"); err != nil {
		t.Fatal(err)
	}
	if out.String() != "Writing dump to: "+file+"\n" {
		t.Errorf("%q", out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	from := 0
	for _, part := range []string{"status\n------\n", "networks\n--------\n", "peers\n-----\n", "local.conf\n----------\n", "Network Interfaces\n------------------\n"} {
		if !strings.Contains(sample, "\n"+part) {
			t.Errorf("the reference has no %q", part)
		}
		i := strings.Index(string(b[from:]), "\n"+part)
		if i < 0 {
			t.Fatalf("no %q after %d in %s", part, from, b)
		}
		from += i
	}
	if !strings.Contains(string(b), "None Present") || !strings.Contains(string(b), `{"s":1}`) {
		t.Errorf("%s", b)
	}
	out.Reset()
	if err := tl.Dump(context.Background(), "-", "0.1.0"); err != nil || !strings.HasPrefix(out.String(), "platform: ") {
		t.Errorf("%v %q", err, out)
	}
	if exit := code(tl.Dump(context.Background(), filepath.Join(file, "x"), "0.1.0"), new(bytes.Buffer)); exit != 1 {
		t.Errorf("exit %d", exit)
	}
}

// TestEndpoint: port and token are found as the reference finds them.
func TestEndpoint(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", filepath.Join(home, "user"))
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try := func(e Endpoint) (*Loopback, string) {
		e.Home = home
		a, err := e.Connect("orreryctl")
		var errs bytes.Buffer
		if c := code(err, &errs); err != nil && c != Usage {
			t.Errorf("exit %d", c)
		}
		l, _ := a.(*Loopback)
		return l, errs.String()
	}
	if _, says := try(Endpoint{}); says != "orreryctl: missing port and zerotier-one.port not found in "+home+"\n" {
		t.Errorf("%q", says)
	}
	if _, says := try(Endpoint{Port: 1}); says != "orreryctl: authtoken.secret not found or readable in "+home+" (try again as root)\n" {
		t.Errorf("%q", says)
	}
	write("zerotier-one.port", "0")
	if _, says := try(Endpoint{Token: "x"}); !strings.Contains(says, "missing port") {
		t.Errorf("%q", says)
	}
	write("zerotier-one.port", "19993\n")
	write("authtoken.secret", " secret\r\n")
	if l, says := try(Endpoint{}); says != "" || l.port != 19993 || l.token != "secret" || l.host != "127.0.0.1" {
		t.Errorf("%+v %q", l, says)
	}
	if l, _ := try(Endpoint{Port: 5, Token: "t", Host: "::1"}); l.port != 5 || l.token != "t" || l.host != "::1" {
		t.Errorf("%+v", l)
	}
}

// TestLoopbackFails: nobody there has the reference's words.
func TestLoopbackFails(t *testing.T) {
	t.Parallel()
	_, _, err := NewLoopback("", 1, "t").Do(context.Background(), http.MethodGet, "/status", nil)
	if e, ok := err.(*ConnectError); !ok || e.Reason != "connection failed" || e.Port != 1 {
		t.Errorf("%v", err)
	}
}
