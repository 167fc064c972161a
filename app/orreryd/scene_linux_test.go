package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A scene is a lab whose computers may run either implementation of the
// protocol. All that a scene does with them goes through the API that both
// have, so that one story is told by any mix of the two. Tests of scenes are
// named TestLab…; LAB_ROOT, LAB_CONTROLLER, LAB_A, LAB_B and so on, one for
// each computer's name, choose "orr" (the default) or "ref", which needs a
// build of the reference in REF_DIR.
type scene struct {
	*lab
	root, controller, a, b *box
}

// referenceKind is that of a computer that runs the reference; the kind of all
// others is empty.
const referenceKind = "ref"

// newScene makes a scene of a root, a controller, the members a and b, and
// computers with the names of more. Nothing runs.
func newScene(t *testing.T, more ...string) *scene {
	t.Helper()
	names := append([]string{"root", "controller", "a", "b"}, more...)
	kinds := make([]string, len(names))
	for i, name := range names {
		switch kind := os.Getenv("LAB_" + strings.ToUpper(name)); kind {
		case "", "orr":
		case referenceKind:
			_ = referenceDir(t)
			kinds[i] = referenceKind
		default:
			t.Fatalf("LAB_%s is %q, want orr or ref", strings.ToUpper(name), kind)
		}
	}
	l := newLab(t, names...)
	for i, b := range l.boxes {
		b.kind = kinds[i]
		b.write("local.conf", []byte(`{"settings":{"portMappingEnabled":false,"allowTcpFallbackRelay":false}}`))
	}
	return &scene{lab: l, root: l.boxes[0], controller: l.boxes[1], a: l.boxes[2], b: l.boxes[3]}
}

// box returns the computer of a name.
func (s *scene) box(name string) *box {
	for _, b := range s.boxes {
		if b.name == name {
			return b
		}
	}
	s.t.Fatalf("the scene has no computer %q", name)
	return nil
}

// begin starts the nodes of these computers, of all if there are none, and
// waits until they are online.
func (s *scene) begin(boxes ...*box) {
	s.t.Helper()
	if len(boxes) == 0 {
		boxes = s.boxes
	}
	for _, b := range boxes {
		b.node()
	}
	for _, b := range boxes {
		until(s.t, 20*time.Second, "API of "+b.name, func() error { return b.get("/status", nil) })
	}
	for _, b := range boxes {
		if b == s.root {
			continue
		}
		until(s.t, 30*time.Second, "root for "+b.name, func() error {
			var status struct{ Online bool }
			if err := b.get("/status", &status); err != nil || status.Online {
				return err
			}
			return errors.New("offline")
		})
	}
}

// node starts the computer's node, of either kind, and does not wait for it.
func (b *box) node() {
	t := b.lab.t
	t.Helper()
	if b.kind != referenceKind {
		b.launch("--port", "9993", "--compat-api")
		return
	}
	if b.output == nil {
		b.output = &output{}
	}
	b.cmd = exec.Command("ip", "netns", "exec", b.ns, filepath.Join(referenceDir(t), "zerotier-one"), "-U", "-p9993", b.home)
	b.cmd.Stdout, b.cmd.Stderr = b.output, b.output
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.ended = make(chan struct{})
	cmd, ended := b.cmd, b.ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// call makes a call to the API that both kinds have, and returns status and body.
func (b *box) call(method, path, body string) (int, string, error) {
	token, err := os.ReadFile(filepath.Join(b.home, "authtoken.secret"))
	if err != nil {
		return 0, "", err
	}
	code, answer := b.raw("127.0.0.1:9993", fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ZT1-Auth: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, path, bytes.TrimSpace(token), len(body), body))
	if code == 0 {
		return 0, "", errors.New(answer)
	}
	return code, answer, nil
}

// get reads a JSON answer into v, nil to only see that there is one.
func (b *box) get(path string, v any) error {
	code, answer, err := b.call(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, code, answer)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal([]byte(answer), v)
}

// post makes a call that must succeed.
func (b *box) post(path, body string) {
	b.lab.t.Helper()
	if code, answer, err := b.call(http.MethodPost, path, body); err != nil || code != http.StatusOK {
		b.lab.t.Fatalf("%s: POST %s: %d %s %v", b.name, path, code, answer, err)
	}
}

// found makes a network on the controller from a JSON object and returns its ID.
func (s *scene) found(number int, body string) string {
	s.t.Helper()
	nwid := s.controller.secret.Address.String() + fmt.Sprintf("%06x", number)
	s.controller.post("/controller/network/"+nwid, body)
	return nwid
}

// admit sets fields of a member, such as {"authorized":true}.
func (s *scene) admit(nwid string, b *box, body string) {
	s.t.Helper()
	s.controller.post("/controller/network/"+nwid+"/member/"+b.secret.Address.String(), body)
}

// membership is what a computer's API says of a network.
type membership struct {
	Status            string   `json:"status"`
	AssignedAddresses []string `json:"assignedAddresses"`
	Device            string   `json:"portDeviceName"`
	MAC               string   `json:"mac"`
	MTU               int      `json:"mtu"`
	NetconfRevision   int64    `json:"netconfRevision"`
}

// membership reads it.
func (b *box) membership(nwid string) (m membership, err error) {
	err = b.get("/network/"+nwid, &m)
	return m, err
}

// enter joins a network, with settings such as {"allowGlobal":true}, or {}.
func (b *box) enter(nwid, settings string) {
	b.lab.t.Helper()
	b.post("/network/"+nwid, settings)
}

// member waits until a network has a status, and an address of ours if that is
// OK and addressed.
func (b *box) member(nwid, status string) membership {
	t := b.lab.t
	t.Helper()
	var m membership
	until(t, 40*time.Second, fmt.Sprintf("%s of %s on %s", status, nwid, b.name), func() (err error) {
		if m, err = b.membership(nwid); err != nil {
			return err
		}
		if m.Status != status {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	return m
}

// ip waits for an address of the network that pred wants, and returns it
// without its length.
func (b *box) ip(nwid string, pred func(netip.Addr) bool) string {
	t := b.lab.t
	t.Helper()
	var found string
	until(t, 40*time.Second, "address in "+nwid+" on "+b.name, func() error {
		m, err := b.membership(nwid)
		if err != nil {
			return err
		}
		for _, text := range m.AssignedAddresses {
			if p, err := netip.ParsePrefix(text); err == nil && pred(p.Addr()) {
				found = p.Addr().String()
				return nil
			}
		}
		return fmt.Errorf("%+v", m)
	})
	return found
}

// ip4 waits for an IPv4 address of the network.
func (b *box) ip4(nwid string) string { b.lab.t.Helper(); return b.ip(nwid, netip.Addr.Is4) }

// rfc4193 and sixPlane wait for an address of that kind.
func (b *box) rfc4193(nwid string) string {
	b.lab.t.Helper()
	return b.ip(nwid, func(a netip.Addr) bool { return a.Is6() && a.As16()[0] == 0xfd })
}

func (b *box) sixPlane(nwid string) string {
	b.lab.t.Helper()
	return b.ip(nwid, func(a netip.Addr) bool { return a.Is6() && a.As16()[0] == 0xfc })
}

// run runs a program of the system on the computer.
func (b *box) run(args ...string) (string, error) {
	out, err := exec.Command("ip", append([]string{"netns", "exec", b.ns}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// cut waits until pings get no answer any more, several in a row, as one may just
// be late, and returns how long that took.
func (b *box) cut(d time.Duration, to string) time.Duration {
	b.lab.t.Helper()
	return until(b.lab.t, d, fmt.Sprintf("silence of %s for %s", to, b.name), func() error {
		if _, err := b.run("ping", "-n", "-c4", "-i0.2", "-W2", to); err == nil {
			return errors.New("it answers")
		}
		return nil
	})
}

// TestLabBasic has two members of a public network talk over IPv4, both forms
// of IPv6, and with packets that travel in parts; either one is killed and
// comes back.
func TestLabBasic(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.begin()
	nwid := s.found(0x30, `{"name":"basic","private":false,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true,"6plane":true},
		"routes":[{"target":"10.148.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.148.0.1","ipRangeEnd":"10.148.0.254"}]}`)
	for _, x := range []*box{s.a, s.b} {
		x.enter(nwid, "{}")
	}
	for _, x := range []*box{s.a, s.b} {
		x.member(nwid, "OK")
	}
	to := s.b.ip4(nwid)
	t.Logf("IPv4 after %v", s.a.pings(20*time.Second, to))
	t.Logf("RFC4193 after %v", s.a.pings(20*time.Second, s.b.rfc4193(nwid)))
	t.Logf("6PLANE after %v", s.a.pings(20*time.Second, s.b.sixPlane(nwid)))
	until(t, 20*time.Second, "long packets", func() error {
		_, err := s.a.run("ping", "-n", "-c3", "-i0.2", "-W1", "-s2000", "-M", "do", to)
		return err
	})
	for _, x := range []*box{s.a, s.b} {
		x.kill()
		s.begin(x)
		patience := 30 * time.Second
		if s.a.kind == referenceKind && s.b.kind == referenceKind {
			patience = 2 * time.Minute // between two of the reference it can take over a minute
		}
		t.Logf("traffic %v after %s came back", s.a.pings(patience, to), x.name)
	}
}
