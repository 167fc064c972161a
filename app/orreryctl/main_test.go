//go:build !windows

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/api"
	"orrery/service/api/apitest"
	"orrery/service/caller"
	"orrery/service/ipc"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC // dates in golden files
	os.Exit(m.Run())
}

const (
	selfText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"
	peerText = "e285b97aef:0:1c64aedf1b3f80405f5c121a3d5263e66b4939bddc63a6f64da78ca9472e4f171bdfaf434c4596fea325fc82e2b047771cfa5be0be45789000e40f8171bcb7da"
)

// accounts makes the current user a member of the operators' group.
type accounts struct{ member bool }

func (accounts) GroupID(string) (uint32, bool) { return 4_000_000_000, true }
func (accounts) UserName(uint32) string        { return "mia" }
func (g accounts) UserGroups(uint32) []uint32 {
	if g.member {
		return []uint32{4_000_000_000}
	}
	return nil
}

// world is a service with a small life of its own.
func fakeService(t *testing.T) (b *apitest.Backend, socket, home string) {
	t.Helper()
	self, err := identity.Parse(selfText)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	on, off := true, false
	b = &apitest.Backend{
		Self: self,
		State: ipc.Snapshot{
			Status: ipc.Status{Address: self.Address.String(), Identity: selfText, Version: "0.1.0", Online: true, Port: 9993, PlanetID: 5, PlanetTime: at},
			Networks: []ipc.Network{{
				ID: "294551b91fabcdef", Name: "home", Status: ipc.OK, Type: "PRIVATE", MTU: 2800, MAC: "ee:e4:ee:4e:00:4e", Device: "ztsbnpu5hq",
				Addresses: []string{"10.147.17.111/24", "fc36:ee9c:5629:4551:b91f::1/40"},
				Settings:  ipc.NetworkSettings{AllowManaged: &on, AllowGlobal: &off, AllowDefault: &off, AllowDNS: &off},
			}},
			Peers: []ipc.Peer{
				{Address: "e285b97aef", Identity: peerText, Role: "LEAF", Version: "1.14.1", LatencyMs: 14, Direct: true,
					Paths: []ipc.Path{{Address: "198.51.100.9:21362", Active: true, Preferred: true}}},
				{Address: "62f865ae71", Role: "PLANET", LatencyMs: -1},
			},
			Trust: []ipc.TrustRecord{
				{Address: "62f865ae71", State: ipc.Seen, FirstSeen: at, Changed: at, How: "first seen in a planet or moon"},
				{Address: "e285b97aef", Identity: peerText, State: ipc.Seen, FirstSeen: at, Changed: at, How: "first seen in HELLO",
					Name: "Bob", Conflict: selfText, ConflictAt: at, ConflictFrom: "a root's WHOIS answer"},
			},
		},
		World:  ipc.World{Kind: "planet", ID: 0x5eed, Timestamp: at, UpdateKey: "aa", Signature: "bb", Roots: []ipc.WorldRoot{{Identity: selfText, Endpoints: []string{"10.99.0.1/9993"}}}},
		Conf:   ipc.Config{LocalConf: json.RawMessage(`{}`), HomeDir: "/home-a", PrimaryPort: 9993},
		Hosted: apitest.NewController(self.Address),
		Report: "all is well\n",
	}
	dir := t.TempDir()
	socket, home = filepath.Join(dir, "s"), filepath.Join(dir, "home")
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := api.ListenCompat(0, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"zerotier-one.port": fmt.Sprint(tcp[0].Addr().(*net.TCPAddr).Port), "authtoken.secret": "tok"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := api.New(api.Config{Backend: b, Policy: caller.Policy{Accounts: accounts{true}}})
	c := api.NewCompat(api.CompatConfig{Backend: b, Token: "tok"})
	b.OnChange = s.Changed
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.Serve(ctx, l) }()
	go func() { done <- c.Serve(ctx, tcp...) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return b, socket, home
}

// transcript runs command lines and writes down what a user would see.
func transcript(t *testing.T, stdin string, replace *strings.Replacer, lines ...[]string) string {
	t.Helper()
	var b strings.Builder
	for _, args := range lines {
		var out, errs bytes.Buffer
		code := run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
		text := out.String()
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "⏎\n" // no line end in the output
		}
		if e := errs.String(); e != "" {
			text += "! " + strings.ReplaceAll(strings.TrimSuffix(e, "\n"), "\n", "\n! ") + "\n"
		}
		fmt.Fprintf(&b, "$ orreryctl %s\n%s= %d\n\n", strings.Join(args, " "), text, code)
	}
	return replace.Replace(b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and look at the difference. Got:\n%s", path, got)
	}
}

// with puts flags before each line.
func with(flags []string, lines ...string) [][]string {
	out := make([][]string, len(lines))
	for i, l := range lines {
		out[i] = append(append([]string{}, flags...), strings.Fields(l)...)
	}
	return out
}

// TestNode: the reference's commands, over the socket and over the compatible
// API, have the same output.
func TestNode(t *testing.T) {
	t.Parallel()
	lines := []string{
		"info", "status", "listpeers", "peers", "listnetworks", "listmoons", "-j listnetworks", "get 294551b91fabcdef ip", "get 294551b91fabcdef allowDNS",
		"get 294551b91fabcdef zork", "get 1234567812345678 ip", "join 1234567812345678", "set 294551b91fabcdef allowDNS=1", "set 9999999999999999 allowDNS=1", "set 294551b91fabcdef allowManaged=", "set 294551b91fabcdef acceptRoutes=zork",
		"get 294551b91fabcdef routes", "-j get 294551b91fabcdef routes", "-j get 294551b91fabcdef ip", "-j get 294551b91fabcdef mtu",
		"listnetworks", "leave 1234567812345678", "leave 1234567812345678", "-j leave 1234567812345678", "join xyz", "/health2", "/bond/show/e285b97aef",
	}
	var over [2]string
	for i := range over {
		_, socket, home := fakeService(t)
		flags, way := []string{"--socket", socket}, "--socket "+socket
		if i == 1 {
			flags, way = []string{"-D" + home}, "-D"+home
		}
		over[i] = transcript(t, "", strings.NewReplacer(way+" ", ""), with(flags, lines...)...)
	}
	golden(t, "node", over[0])
	// Only an unknown path is told in other words: the socket's API knows better.
	// And it adds the settings that the reference does not have.
	own := regexp.MustCompile(`(?m)^  "settings": \{[^}]*\},\n`)
	if a, b := strings.Split(own.ReplaceAllString(over[0], ""), "$ orreryctl /health2")[0], strings.Split(over[1], "$ orreryctl /health2")[0]; a != b {
		t.Errorf("over the socket\n%s\nover the compatible API\n%s", a, b)
	}
	golden(t, "node-compatible", over[1])
}

// TestOwnSettings: settings that only this service has, set and shown, and what
// is out of range.
func TestOwnSettings(t *testing.T) {
	t.Parallel()
	_, socket, home := fakeService(t)
	const id = " 294551b91fabcdef "
	lines := []string{"get" + id + "verifiedOnly", "get" + id + "settings.mtu", "get" + id + "settings.nothing"}
	for _, s := range []string{
		"mtu=1400", "verifiedOnly=on", "lanDiscovery=1", "dnsDefault=1", "dnsDefault=0", "acceptRoutes=0.0.0.0/0,fd00::/8", "ignoreRoutes=10.9.0.0/16", "ignoreRoutes=", "token=sesame", "port=tap",
		"mtu=1279", "mtu=10001", "mtu=big", "verifiedOnly=maybe", "acceptRoutes=10.0.0.0/33", "port=serial", "token=" + strings.Repeat("x", 257), "zork=1",
	} {
		lines = append(lines, "set"+id+s)
	}
	lines = append(lines, "join --join-token "+strings.Repeat("x", 257)+id, "join --join-token sesame 1234567812345678", "get 1234567812345678 token",
		"-j get"+id+"dns", "-j get"+id+"acceptRoutes", "-j get"+id+"settings")
	for _, p := range []string{"mtu", "settings.mtu", "verifiedOnly", "lanDiscovery", "acceptRoutes", "ignoreRoutes", "token", "port", "settings.allowDNS"} {
		lines = append(lines, "get"+id+p)
	}
	golden(t, "settings", transcript(t, "", strings.NewReplacer("--socket "+socket+" ", ""), with([]string{"--socket", socket}, append(lines, "-j listnetworks")...)...))
	golden(t, "settings-compatible", transcript(t, "", strings.NewReplacer("-D"+home+" ", ""), with([]string{"-D" + home}, "set"+id+"mtu=1400", "get"+id+"token")...))
}

// TestNetworkStatus: how networks do, in words.
func TestNetworkStatus(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	b.Change(func(b *apitest.Backend) {
		n := &b.State.Networks[0]
		n.Controller, n.RefreshedAt, n.Settings.Port = "294551b91f", time.Now().Add(-61*time.Second), "tun"
		n.Login = &ipc.Login{URL: "https://login.example/again", Expires: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
		n.Routes = []ipc.Route{{Target: "192.168.0.0/16", State: ipc.RouteRefused, Reason: "it is the LAN of this computer."}}
		n.DNS = ipc.DNS{Domain: "corp.internal", Servers: []string{"10.1.1.1"}, State: "unsupported", Reason: "Nothing here resolves by domain."}
		n.Refused = []ipc.RefusedConfig{{Text: "The node 0123456789 has sent a configuration without a signature.", Count: 3, Last: time.Now().Add(-3 * time.Hour)}}
		b.State.Networks = append(b.State.Networks,
			ipc.Network{ID: "8056c2e21c000001", Status: ipc.AccessDenied, Detail: "The network is private.", Standing: ipc.Standing{Controller: "8056c2e21c", Advice: "Tell somebody."}},
			ipc.Network{ID: "ff00160016000000", Name: "adhoc-0016-0016", Status: ipc.OK})
	})
	golden(t, "status", transcript(t, "", strings.NewReplacer("--socket "+socket+" ", "", "-D"+home, "-DHOME"), append(
		with([]string{"--socket", socket}, "network status", "network status 8056c2e21c000001", "network status 8056c2e21c000002", "network status xyz"),
		[]string{"-D" + home, "network", "status"})...))
}

// TestTrust: records, and what people compare.
func TestTrust(t *testing.T) {
	t.Parallel()
	_, socket, home := fakeService(t)
	r := strings.NewReplacer("--socket "+socket+" ", "", home, "HOME")
	golden(t, "trust", transcript(t, "", r, with([]string{"--socket", socket},
		"trust list", "trust show e285b97aef", "verify e285b97aef", "-j verify e285b97aef", "verify 0123456789", "verify xyz",
		"trust verify e285b97aef", "trust verify e285b97aef --matches", "trust settle e285b97aef", "trust name e285b97aef Robert", "trust name e285b97aef",
		"trust verify e285b97aef --identity "+selfText, "trust verify e285b97aef --contact orrery://contact/"+peerText, "trust verify e285b97aef --contact nonsense",
		"trust verify e285b97aef --contact x --matches",
		"trust block e285b97aef", "trust block "+peerText, "trust block 1234567890", "trust block nobody", "trust list", "trust forget e285b97aef", "trust forget e285b97aef --yes", "trust forget e285b97aef --yes", "trust show e285b97aef",
		"planet show", "-j planet show",
	)...))
	golden(t, "trust-compatible", transcript(t, "", r, with([]string{"-D" + home}, "trust list", "verify e285b97aef", "planet show")...))
}

// TestNetwork: a network of one's own, from its creation to its end.
func TestNetwork(t *testing.T) {
	t.Parallel()
	b, _, home := fakeService(t)
	r := strings.NewReplacer("-D"+home+" ", "", home, "HOME")
	lines := with([]string{"-D" + home},
		"network list", "network create --name home --subnet 10.147.17.0/24 --ipv6 rfc4193 --route 192.168.1.0/24=10.147.17.5", "network create --id 294551b91f000001",
		"network create --id 1234567890000001 --subnet none", "network create --subnet everything", "network create --subnet 127.0.0.0/8", "network create --subnet 224.0.0.0/24", "network create --subnet 0.0.0.0/8",
		"network create --route 169.254.0.0/16", "network create --name "+strings.Repeat("x", 128), "-j network create --public --subnet none",
		"network list", "network show 294551b91f000001", "network show 294551b91f999999", "network show xyz",
		"network authorize 294551b91f000001 e285b97aef --name Bob", "network authorize 294551b91f000001 1234567890", "network deauthorize 294551b91f000001 1234567890",
		"network deauthorize 294551b91f000001 1234567891", "network deauthorize 294551b91f999999 1234567890",
		"network bridge 294551b91f000001 e285b97aef", "network bridge 294551b91f000001 1234567892", "network bridge 294551b91f000001 e285b97aef --off",
		"network authorize 294551b91f999999 e285b97aef", "network authorize 294551b91f000001 bob", "network members 294551b91f000001", "network members 294551b91f999999",
		"network delete 294551b91f000001", "network delete 294551b91f000001 --yes", "network delete 294551b91f000001 --yes", "network list",
	)
	golden(t, "network", transcript(t, "", r, lines...))
	b.Change(func(b *apitest.Backend) { b.Hosted = nil })
	golden(t, "network-none", transcript(t, "", r, with([]string{"-D" + home}, "network list")...))
}

// TestUsage: every mistake has exit code 2 and says what, where and what to do.
func TestUsage(t *testing.T) {
	t.Parallel()
	_, socket, home := fakeService(t)
	r := strings.NewReplacer(socket, "SOCKET", home, "HOME", version, "VERSION")
	golden(t, "usage", transcript(t, "", r,
		[]string{"zork"}, []string{"-x"}, []string{"-jx", "info"}, []string{"-p0", "info"}, []string{"-p99999", "info"}, []string{"-pabc", "info"},
		[]string{"-D", "", "info"}, []string{"-T", "", "info"}, []string{"-D", home, "--socket", socket, "info"}, []string{"-D/nowhere", "info"}, []string{"-D/nowhere", "-p9993", "info"},
		[]string{"info", "more"}, []string{"join"}, []string{"join", "1", "2"}, []string{"set"}, []string{"get"}, []string{"network"}, []string{"network", "zork"}, []string{"trust"},
		[]string{"planet"}, []string{"planet", "make"}, []string{"id"}, []string{"id", "sign", "x"}, []string{"verify"}, []string{"-v"},
		[]string{"--socket", "/nowhere/s", "info"}, []string{"-D" + home, "-Twrong", "info"}, []string{"-D" + home, "-Twrong", "network", "list"},
		[]string{"-D" + home, "-p1", "info"}, []string{"-D" + home, "-p1", "join", "1234567812345678"},
	))
}

// TestHelp: every command explains itself, on standard output, with success.
func TestHelp(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, line := range []string{"", "info", "join", "set", "get", "dump", "network", "network create", "network delete", "trust", "trust verify", "verify", "planet", "planet make", "id", "id generate"} {
		var out, errs bytes.Buffer
		code := run(context.Background(), append(strings.Fields(line), "--help"), strings.NewReader(""), &out, &errs)
		if code != 0 || errs.Len() != 0 || out.Len() < 100 {
			t.Errorf("%q: exit %d, %q, %q", line, code, &out, &errs)
		}
		fmt.Fprintf(&all, "=== orreryctl %s\n%s\n", line, &out)
	}
	golden(t, "help", strings.ReplaceAll(all.String(), ipc.DefaultPath, "/run/orrery/orreryd.sock"))
	var out, errs bytes.Buffer
	if code := run(context.Background(), nil, strings.NewReader(""), &out, &errs); code != 0 || out.Len() != 0 || !strings.Contains(errs.String(), "listpeers") {
		t.Errorf("no command: exit %d, %q", code, &out)
	}
}

// TestCompletion offers the joined networks.
func TestCompletion(t *testing.T) {
	t.Parallel()
	_, socket, _ := fakeService(t)
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"__complete", "--socket", socket, "leave", ""}, strings.NewReader(""), &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "294551b91fabcdef\thome\n") {
		t.Errorf("exit %d: %q %q", code, &out, &errs)
	}
}

// TestRefused: a user without rights is told which are needed and how to act.
func TestRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may do everything")
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	s := api.New(api.Config{Backend: &apitest.Backend{}, Policy: caller.Policy{Accounts: accounts{false}}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"--socket", socket, "join", "1234567812345678"}, strings.NewReader(""), &out, &errs)
	if code != 1 || !strings.Contains(errs.String(), "sudo orreryctl --socket "+socket+" join 1234567812345678") || !strings.Contains(errs.String(), "operator") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}

// TestRefusedLine: the command that was refused is the one to run with more
// rights, with all that was said.
func TestRefusedLine(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(ipc.VersionHeader, fmt.Sprint(ipc.Version))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"code":"forbidden","message":"not you","advice":"Run it as root","command":"sudo orreryctl trust verify e285b97aef"}`))
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { _ = s.Close(); <-done }()
	for _, line := range []string{"trust block e285b97aef", "trust name e285b97aef Bob", "trust forget e285b97aef --yes", "dump x", "network list", "set 1234567812345678 mtu=1400"} {
		args := append([]string{"--socket", socket}, strings.Fields(line)...)
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 1 || !strings.HasSuffix(errs.String(), "\n    sudo orreryctl --socket "+socket+" "+line+"\n") {
			t.Errorf("exit %d: %s", code, &errs)
		}
	}
}

// TestHarmlessAnswers: what a controller calls its network moves no cursor, also
// where answers are passed on as they are.
func TestHarmlessAnswers(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	b.Change(func(b *apitest.Backend) {
		b.State.Networks[0].Name = "a\x1b[2Jb\u009b31mc\u202ed"
		b.Report = "warning: not all routes of a\x1b[2Jb\u009b31mc\u202ed\nare applied\n"
	})
	const id = "294551b91fabcdef"
	for _, way := range [][]string{{"--socket", socket}, {"-D" + home}} {
		for _, line := range []string{"/network", "/network/" + id, "-j join " + id, "-j leave " + id, "join " + id, "set " + id + " allowDNS=1", "-j listnetworks", "get " + id + " name", "dump -"} {
			var out, errs bytes.Buffer
			code := run(t.Context(), append(slices.Clone(way), strings.Fields(line)...), strings.NewReader(""), &out, &errs)
			if text := out.String() + errs.String(); code != 0 || strings.ContainsAny(text, "\x1b\u009b\u202e") {
				t.Errorf("%s: exit %d, %q", line, code, text)
			}
		}
	}
}
