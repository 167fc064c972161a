package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// setAside finds the new name of a file that was set aside.
func (b *box) setAside(name string) []byte {
	t := b.lab.t
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.home, name+".damaged-*"))
	if err != nil || len(found) != 1 {
		t.Errorf("%s was set aside as %v (%v)", name, found, err)
		return nil
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Error(err)
	}
	return data
}

// TestDamagedIdentity checks that a damaged identity stops the service, with the
// reason, and is left as it is.
func TestDamagedIdentity(t *testing.T) {
	l := newLab(t, "solo")
	b := l.boxes[0]
	whole := b.read("identity.secret")
	flipped := bytes.Clone(whole)
	flipped[200] ^= 1
	for name, content := range map[string][]byte{
		"cut off": whole[:100], "empty": {}, "garbage": []byte("hello, world"), "one character wrong": flipped,
	} {
		b.write("identity.secret", content)
		said := b.fails(1, "run", "--home", b.home)
		if !strings.Contains(said, "identity.secret") || !strings.Contains(said, "backup") {
			t.Errorf("%s: said %q", name, said)
		}
		if !bytes.Equal(b.read("identity.secret"), content) {
			t.Errorf("%s: identity.secret was changed", name)
		}
		if strings.Contains(said, string(whole[145:])) {
			t.Errorf("%s: the private key was printed", name)
		}
	}
	b.write("identity.secret", whole)
	b.start()
	if s, err := b.client.Status(ctx(t)); err != nil || s.Address != b.secret.Address.String() {
		t.Errorf("after the repair: %+v, %v", s, err)
	}
}

// TestDamagedFiles checks that other damaged files are set aside and told.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	l := newLab(t, "solo")
	b := l.boxes[0]
	peer := "peers.d/" + b.secret.Address.String() + ".peer"
	damaged := map[string][]byte{
		"planet": l.planet[:50], "local.conf": []byte(`{"settings":`), "trust.json": []byte(`{"version":1,"records":[{}]}`), peer: []byte("x"),
	}
	for name, content := range damaged {
		b.write(name, content)
	}
	b.write("networks.d/nonsense.conf", []byte("x"))
	b.write("networks.d/00000000000000zz.conf", []byte("x"))
	b.start()
	for name, content := range damaged {
		if got := b.setAside(name); !bytes.Equal(got, content) {
			t.Errorf("%s was set aside with other content", name)
		}
	}
	for prefix, severity := range map[string]string{"file.planet": "error", "file.trust.json": "error", "file.local.conf": "warning", "file.peers.d": "info"} {
		if a := b.alert(prefix); a.Severity != severity {
			t.Errorf("%+v", a)
		}
	}
	if a := b.alert("file.trust.json"); !strings.Contains(a.Title, "pinned") {
		t.Errorf("%+v", a)
	}
	if all, err := b.client.Networks(ctx(t)); err != nil || len(all) > 0 {
		t.Errorf("networks by wrong names: %v, %v", all, err)
	}
	b.stop()
	// Repaired, all is well.
	b.write("planet", l.planet)
	b.start()
	b.online()
	b.noAlert("file.")
}

// TestUnsignedPlanet has a planet that its own key has not signed: it is set
// aside with the reason, and whole again it is used.
func TestUnsignedPlanet(t *testing.T) {
	l := newLab(t, "solo")
	b := l.boxes[0]
	planet := bytes.Clone(l.planet)
	planet[len(planet)-1]++ // the port of the root's endpoint
	b.write("planet", planet)
	b.start()
	if a := b.alert("file.planet"); a.Severity != "error" || !strings.Contains(a.Text, "not signed by the key that it names") || !strings.Contains(a.Advice, "--key") {
		t.Errorf("%+v", a)
	}
	if got := b.setAside("planet"); !bytes.Equal(got, planet) {
		t.Error("the planet was set aside with other content")
	}
	if w, err := b.client.UseWorld(ctx(t), ipc.UseWorld{World: planet}); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err := b.client.UseWorld(ctx(t), ipc.UseWorld{World: l.planet}); err != nil || w.ID != 77 {
		t.Errorf("%+v, %v", w, err)
	}
	b.noAlert("file.planet")
	if w, err := b.client.Planet(ctx(t)); err != nil || w.ID != 77 {
		t.Errorf("the planet in force is %+v, %v", w, err)
	}
}

// TestPinnedRoot has a planet whose root is recorded with another key: the
// service must run, so that the user can settle that.
func TestPinnedRoot(t *testing.T) {
	l := newLab(t, "root", "a")
	root, a := l.boxes[0], l.boxes[1]
	record := map[string]any{
		"identity": strings.Replace(a.secret.Identity.String(), a.secret.Address.String(), root.secret.Address.String(), 1), "state": "verified",
	}
	text, err := json.Marshal(map[string]any{"version": 1, "records": []any{record}})
	if err != nil {
		t.Fatal(err)
	}
	a.write("trust.json", text)
	a.start()
	a.alert("world.refused.")
	a.alert("trust.conflict." + root.secret.Address.String())
	if err := a.client.ForgetTrust(ctx(t), root.secret.Address.String()); err != nil {
		t.Fatal(err)
	}
	a.stop()
	root.start()
	a.start()
	a.online()
}

func TestOneProcessForAHome(t *testing.T) {
	l := newLab(t, "solo")
	b := l.boxes[0]
	b.start()
	if said := b.fails(1, "run", "--home", b.home, "--port", "0"); !strings.Contains(said, fmt.Sprintf("in use by process %d", b.cmd.Process.Pid)) {
		t.Errorf("the second said %q", said)
	}
	if _, err := b.client.Status(ctx(t)); err != nil {
		t.Errorf("the first, after that: %v", err)
	}
	if string(b.read("zerotier-one.port")) != "9993" || string(b.read("zerotier-one.pid")) != fmt.Sprint(b.cmd.Process.Pid) {
		t.Error("the files of the first were changed")
	}
	b.stop()
	for _, name := range []string{"zerotier-one.pid", "orreryd.sock"} {
		if _, err := os.Lstat(filepath.Join(b.home, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
	if left := b.links(); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
	b.start() // what a clean end leaves is no obstacle, and neither is a dirty one
	b.kill()
	b.start()
}

func TestPorts(t *testing.T) {
	t.Parallel()
	l := newLab(t, "solo")
	b := l.boxes[0]
	port := func(want int) {
		t.Helper()
		s, err := b.client.Status(ctx(t))
		if err != nil || want != 0 && s.Port != want || string(b.read("zerotier-one.port")) != fmt.Sprint(s.Port) {
			t.Errorf("port %+v (%v), file %s, want %d", s, err, b.read("zerotier-one.port"), want)
		}
		if sockets := must(t, "ip", "netns", "exec", b.ns, "cat", "/proc/net/udp"); !strings.Contains(sockets, fmt.Sprintf(":%04X 0", s.Port)) {
			t.Errorf("port %d is not bound:\n%s", s.Port, sockets)
		}
	}
	b.write("local.conf", []byte(`{"settings":{"primaryPort":12345}}`))
	b.start()
	port(12345)
	b.stop()
	b.start("--port", "23456")
	port(23456)
	b.stop()
	b.start("--port", "0")
	port(0)
	b.stop()

	// Another program has the usual port, then the one that was asked for.
	other := exec.Command("ip", "netns", "exec", b.ns, os.Args[0], "run", "--home", t.TempDir())
	other.Env = append(os.Environ(), executeVariable+"="+lifeLine)
	life, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	other.ExtraFiles = []*os.File{life}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait(); _ = far.Close(); _ = life.Close() }()
	until(t, 20*time.Second, "the other program", func() error {
		if sockets := must(t, "ip", "netns", "exec", b.ns, "cat", "/proc/net/udp"); !strings.Contains(sockets, ":2709 0") {
			return errors.New(sockets)
		}
		return nil
	})
	b.write("local.conf", nil)
	b.start()
	port(0)
	b.alert("port.other")
	b.stop()
	if said := b.fails(1, "run", "--home", b.home, "--port", "9993"); !strings.Contains(said, "9993") {
		t.Errorf("said %q", said)
	}
}

// TestLocalConf edits local.conf while the service runs.
func TestLocalConf(t *testing.T) {
	t.Parallel()
	l := newLab(t, "solo")
	b := l.boxes[0]
	b.start()
	conf := func() *ipc.Config {
		t.Helper()
		c, err := b.client.Config(ctx(t))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	has := func(text string) {
		t.Helper()
		until(t, 10*time.Second, text+" in the configuration", func() error {
			if c := conf(); !strings.Contains(string(c.LocalConf), text) {
				return errors.New(string(c.LocalConf))
			}
			return nil
		})
	}
	b.write("local.conf", []byte(`{"mine":1,"settings":{"interfacePrefixBlacklist":["docker"]}}`))
	has("docker")
	b.write("local.conf", []byte(`{"mine":1,"settings":{"interfacePrefixBlacklist":["docker"`))
	b.alert("conf.reload")
	if c := conf(); c.Error == "" || !strings.Contains(string(c.LocalConf), "docker") {
		t.Errorf("after a bad change: %+v", c)
	}
	var e *ipc.Error
	setting := map[string]json.RawMessage{"portMappingEnabled": json.RawMessage("false")}
	if err := b.client.PutSettings(ctx(t), setting); !errors.As(err, &e) || e.Code != ipc.CodeConflict {
		t.Errorf("a setting over a damaged file: %v", err)
	}
	if got := b.read("local.conf"); !bytes.HasSuffix(got, []byte(`"docker"`)) {
		t.Errorf("the file that somebody is editing was changed: %s", got)
	}
	b.write("local.conf", []byte(`{"mine":2,"settings":{"interfacePrefixBlacklist":["br-"]}}`))
	// At once: the service must not have noticed to keep it.
	if err := b.client.PutSettings(ctx(t), setting); err != nil {
		t.Fatal(err)
	}
	if got := string(b.read("local.conf")); !strings.Contains(got, `"mine": 2`) || !strings.Contains(got, "br-") || !strings.Contains(got, "portMapping") {
		t.Errorf("the file is %s", got)
	}
	b.noAlert("conf.reload")
	for _, bad := range []string{`{"primaryPort":70000}`, `{"bind":"x"}`, `{"allowManagementFrom":["x"]}`} {
		before := b.read("local.conf")
		var s map[string]json.RawMessage
		if err := json.Unmarshal([]byte(bad), &s); err != nil {
			t.Fatal(err)
		}
		if err := b.client.PutSettings(ctx(t), s); !errors.As(err, &e) || e.Code != ipc.CodeBadRequest {
			t.Errorf("%s: %v", bad, err)
		}
		if !bytes.Equal(before, b.read("local.conf")) {
			t.Errorf("%s changed the file", bad)
		}
	}
	b.write("local.conf", []byte(`{"settings":{"controllerDbPath":"elsewhere","defaultBondingPolicy":"active-backup","allowManagementFrom":["x"]}}`))
	if a := b.alert("conf.warnings"); !strings.Contains(a.Text, "settings.defaultBondingPolicy") || !strings.Contains(a.Text, "allowManagementFrom") {
		t.Errorf("%+v", a)
	}
	b.alert("conf.restart")
	if err := os.Remove(filepath.Join(b.home, "local.conf")); err != nil {
		t.Fatal(err)
	}
	b.noAlert("conf.")
}

// TestCompatAPI speaks to the reference's API as its tools do.
func TestCompatAPI(t *testing.T) {
	t.Parallel()
	l := newLab(t, "solo", "neighbour")
	b, neighbour := l.boxes[0], l.boxes[1]
	b.start("--compat-api")
	b.online()
	token := string(b.read("authtoken.secret"))
	get := func(path, headers string) string { return "GET " + path + " HTTP/1.1\r\n" + headers + "\r\n" }
	auth := "X-ZT1-Auth: " + token + "\r\n"
	requests := []struct {
		name, request string
		status        int
		has           string
	}{
		{"as the reference's command line", get("/status", auth), 200, b.secret.Address.String()},
		{"with a host", get("/status", "Host: localhost:9993\r\n"+auth), 200, `"online":true`},
		{"HTTP/1.0", strings.Replace(get("/status", auth), "1.1", "1.0", 1), 200, `"online":true`},
		{"bearer", get("/network", "Authorization: Bearer "+token+"\r\n"), 200, "[]"},
		{"wrong token", get("/status", "X-ZT1-Auth: nope\r\n"), 401, "{}"},
		{"no token", get("/status", ""), 401, "{}"},
		{"health needs none", get("/health", ""), 200, `"online"`},
		{"unknown path", get("/nothing", auth), 404, ""},
		{"a web page", get("/status", "Host: localhost\r\nOrigin: http://evil.example\r\n"+auth), 403, ""},
		{"another name", get("/status", "Host: evil.example\r\n"+auth), 403, ""},
		{"join", "POST /network/1122334455667788 HTTP/1.1\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 200, "REQUESTING_CONFIGURATION"},
		{"leave", "DELETE /network/1122334455667788 HTTP/1.1\r\n" + auth + "\r\n", 200, `{"result":true}`},
		{"not joined", get("/network/1122334455667788", auth), 404, "{}"},
		{"bad id", "POST /network/11223344 HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}", 404, ""},
	}
	for _, to := range []string{"127.0.0.1:9993", "[::1]:9993"} {
		for _, c := range requests {
			status, body := b.raw(to, c.request)
			if status != c.status || !strings.Contains(body, c.has) {
				t.Errorf("%s, at %s: %d %s, want %d with %s", c.name, to, status, body, c.status, c.has)
			}
		}
	}
	// Only from here, until the configuration says otherwise.
	far := b.addr.String() + ":9993"
	if status, body := neighbour.raw(far, get("/status", auth)); status != 0 {
		t.Errorf("from another computer: %d %s", status, body)
	}
	b.write("local.conf", []byte(`{"settings":{"allowManagementFrom":["10.99.0.2/32"]}}`))
	until(t, 15*time.Second, "answer to another computer", func() error {
		if status, body := neighbour.raw(far, get("/status", auth)); status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	if status, _ := b.raw(far, get("/status", auth)); status != http.StatusUnauthorized {
		t.Errorf("from an address that is not listed: %d", status)
	}
	if status, _ := b.raw("127.0.0.1:9993", get("/status", auth)); status != http.StatusOK {
		t.Errorf("from here: %d", status)
	}
	b.stop()

	// The setting does it too, and while running.
	b.write("local.conf", nil)
	b.start()
	if status, _ := b.raw("127.0.0.1:9993", get("/health", "")); status != 0 {
		t.Errorf("not asked for: %d", status)
	}
	for _, on := range []bool{true, false} {
		if err := b.client.PutSettings(ctx(t), map[string]json.RawMessage{"compatApi": json.RawMessage(fmt.Sprint(on))}); err != nil {
			t.Fatal(err)
		}
		until(t, 15*time.Second, "compatible API", func() error {
			c, err := b.client.Config(ctx(t))
			if status, body := b.raw("127.0.0.1:9993", get("/health", "")); err != nil || c.CompatAPI != on || (status == 200) != on {
				return fmt.Errorf("%d %s, %v", status, body, err)
			}
			return nil
		})
	}
}

// TestInstall installs the service on a pretended system with systemd.
func TestInstall(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to hide the system's own files")
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip("needs the program unshare")
	}
	bin := t.TempDir()
	for _, tool := range []string{"rpm-ostree", "systemctl"} { // the former is what the library looks for first
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := `mount -t tmpfs none /etc/systemd/system && "$0" install --home 'some where' --port 1234 && cat /etc/systemd/system/orreryd.service && "$0" uninstall && ls /etc/systemd/system`
	c := exec.Command("unshare", "-m", "sh", "-c", script, os.Args[0])
	c.Dir = "/tmp"
	c.Env = append(os.Environ(), executeVariable+"=1", "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		if _, there := os.Stat("/etc/systemd/system"); there != nil || strings.Contains(string(out), "unshare") {
			t.Skipf("cannot pretend: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	unit := string(out)
	for _, line := range []string{`"service" "--home" "/tmp/some where" "--port" "1234"`, "Restart=always", "RestartSec=1", "LimitNOFILE=65536", "ConditionFileIsExecutable="} {
		if !strings.Contains(unit, line) {
			t.Errorf("the unit has no %s", line)
		}
	}
	if strings.Contains(unit, "{{") {
		t.Error("the unit has unfilled parts")
	}
	if t.Failed() {
		t.Log(unit)
	}
}
