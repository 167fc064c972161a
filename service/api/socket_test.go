//go:build !windows

package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/service/api"
	"orrery/service/api/apitest"
	"orrery/service/caller"
	"orrery/service/ipc"
)

// serve runs a server on a Unix socket for the length of a test.
func serve(t *testing.T, b *apitest.Backend, p caller.Policy, tune func(*api.Server)) (*api.Server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := api.New(api.Config{Backend: b, Policy: p})
	b.OnChange = s.Changed
	if tune != nil {
		tune(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the socket is still there")
		}
	})
	return s, path
}

// patience bounds what should take milliseconds.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// everybody makes the current user an operator at least.
type everybody struct{}

func (everybody) GroupID(string) (uint32, bool) { return 4242, true }
func (everybody) UserName(uint32) string        { return "mia" }
func (everybody) UserGroups(uint32) []uint32    { return []uint32{4242} }

// TestClient calls everything that the client has, over a socket.
func TestClient(t *testing.T) {
	t.Parallel()
	_, path := serve(t, fixture(t), caller.Policy{Accounts: everybody{}}, nil)
	c, ctx := ipc.NewClient(path), patience(t)
	defer c.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	who, err := c.Who(ctx)
	must(err)
	if who.User != "mia" || who.Group != "orrery" || who.Why == "" || who.Role == ipc.Observer {
		t.Errorf("who %+v", who)
	}
	st, err := c.Status(ctx)
	must(err)
	if st.Role != who.Role || st.APIVersion != ipc.Version || st.Skew() != "" || st.Address != "294551b91f" {
		t.Errorf("status %+v", st)
	}
	snap, err := c.Snapshot(ctx)
	must(err)
	if snap.Seq == 0 || len(snap.Peers) != 1 || snap.Status.Role != who.Role {
		t.Errorf("snapshot %+v", snap)
	}
	on := true
	n, err := c.Join(ctx, "1122334455667788", ipc.NetworkSettings{AllowDNS: &on})
	must(err)
	if n.Status != ipc.Requesting || !*n.Settings.AllowDNS || !*n.Settings.AllowManaged {
		t.Errorf("joined %+v", n)
	}
	off := false
	n, err = c.SetNetwork(ctx, "1122334455667788", ipc.NetworkSettings{AllowManaged: &off, ManagedOnly: []string{"10.0.0.0/8"}, Port: "tap"})
	must(err)
	if *n.Settings.AllowManaged || !*n.Settings.AllowDNS || n.Settings.Port != "tap" {
		t.Errorf("set %+v", n)
	}
	all, err := c.Networks(ctx)
	must(err)
	if len(all) != 2 || all[0].ID != "1122334455667788" || all[0].Addresses == nil {
		t.Errorf("networks %+v", all)
	}
	_, err = c.Network(ctx, "1122334455667788")
	must(err)
	must(c.Leave(ctx, "1122334455667788"))
	var e *ipc.Error
	if _, err = c.Network(ctx, "1122334455667788"); !errors.As(err, &e) || e.Code != ipc.CodeNotFound || e.Status != 404 || e.Advice == "" {
		t.Errorf("left network: %v", err)
	}
	peers, err := c.Peers(ctx)
	must(err)
	peer, err := c.Peer(ctx, peerAddr)
	must(err)
	if len(peers) != 1 || peer.Identity != peerText {
		t.Errorf("peers %+v", peers)
	}
	v, err := c.Verification(ctx, peerAddr)
	must(err)
	if len(v.Groups) != 12 || len(v.Words) != 12 || !strings.HasPrefix(v.QR, "orrery://contact/294551b91f:0:") {
		t.Errorf("verification %+v", v)
	}
	name := "Ann"
	r, err := c.UpdateTrust(ctx, peerAddr, ipc.TrustUpdate{Identity: v.Identity, State: ipc.Verified, How: "safety number", Name: &name})
	must(err)
	if r.State != ipc.Verified || r.Name != "Ann" {
		t.Errorf("record %+v", r)
	}
	records, err := c.Trust(ctx)
	must(err)
	if _, err = c.TrustRecord(ctx, peerAddr); err != nil || len(records) != 1 {
		t.Errorf("records %+v, %v", records, err)
	}
	must(c.ForgetTrust(ctx, peerAddr))
	w, err := c.Planet(ctx)
	must(err)
	moons, err := c.Moons(ctx)
	must(err)
	if w.ID != 149604618 || moons == nil {
		t.Errorf("planet %+v, moons %+v", w, moons)
	}
	conf, err := c.Config(ctx)
	must(err)
	report, err := c.Diagnostics(ctx)
	must(err)
	if string(conf.LocalConf) != `{"settings":{"primaryPort":9993}}` || report != "all is well\n" {
		t.Errorf("config %s, report %q", conf.LocalConf, report)
	}
	status, body, err := c.Reference(ctx, http.MethodGet, "/network/0000000000000001", nil)
	must(err)
	if status != 404 || string(body) != "{}" {
		t.Errorf("reference %d %s", status, body)
	}
	err = c.PutSettings(ctx, map[string]json.RawMessage{"lowBandwidthMode": json.RawMessage("true")})
	if os.Getuid() == 0 {
		must(err)
	} else if !errors.Is(err, ipc.ErrNotAllowed) {
		t.Errorf("an operator changed global settings: %v", err)
	}
}

// TestFollow: a client that follows has what the service has.
func TestFollow(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s, path := serve(t, b, caller.Policy{Accounts: everybody{}}, func(s *api.Server) { api.Pace(s, time.Millisecond, time.Hour) })
	c, ctx := ipc.NewClient(path), patience(t)
	defer c.Close()
	var mine ipc.Snapshot
	last, step := uint64(0), 0
	for e, err := range c.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if last != 0 && e.Seq != last+1 {
			t.Fatalf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		replay(&mine, []ipc.Event{e})
		switch step {
		case 0:
			if e.Kind != ipc.EventSnapshot || mine.Status.Role == "" {
				t.Fatalf("first event %+v", e)
			}
			b.Change(func(b *apitest.Backend) { b.State.Status.Online = false })
		case 1:
			if e.Kind != ipc.EventStatus || e.Status.Online || e.Status.Role == "" {
				t.Fatalf("event %+v", e)
			}
			if _, err := c.Join(ctx, "1122334455667788", ipc.NetworkSettings{}); err != nil {
				t.Fatal(err)
			}
		case 2:
			if e.Kind != ipc.EventNetwork || len(mine.Networks) != 2 {
				t.Fatalf("event %+v", e)
			}
			if err := c.Leave(ctx, "1122334455667788"); err != nil {
				t.Fatal(err)
			}
		case 3:
			if e.Kind != ipc.EventNetworkGone || e.Gone != "1122334455667788" {
				t.Fatalf("event %+v", e)
			}
			if api.Subscribers(s) != 1 {
				t.Errorf("%d subscribers", api.Subscribers(s))
			}
			return
		}
		step++
	}
}

// TestSlowReader: who does not read the stream loses it; others do not notice.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s, path := serve(t, b, caller.Policy{Accounts: everybody{}}, func(s *api.Server) {
		api.StreamTimes(s, 50*time.Millisecond, time.Hour)
	})
	slow, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "GET /v1/events HTTP/1.1\r\nHost: orrery\r\n\r\n")
	r := bufio.NewReader(slow)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q %v", line, err)
	}
	c, ctx := ipc.NewClient(path), patience(t)
	defer c.Close()
	for i := 0; api.Subscribers(s) > 0 || i == 0; i++ {
		b.Change(func(b *apitest.Backend) { b.State.Alerts[0].Text = fmt.Sprint(i) + strings.Repeat("x", 1<<16) })
		if _, err := c.Snapshot(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Logf("end of the stream: %v", err) // it ends: that is all that counts
	}
}

// TestKeepAlive: a quiet stream is written to.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	_, path := serve(t, fixture(t), caller.Policy{}, func(s *api.Server) { api.StreamTimes(s, time.Second, time.Millisecond) })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	fmt.Fprintf(conn, "GET /v1/events HTTP/1.1\r\nHost: orrery\r\n\r\n")
	for lines := bufio.NewScanner(conn); ; {
		if !lines.Scan() {
			t.Fatal("the stream ended", lines.Err())
		}
		if lines.Text() == ": alive" {
			return
		}
	}
}

// TestStopEndsStreams: a client sees the end of the service, not silence.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := api.New(api.Config{Backend: fixture(t)})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	c := ipc.NewClient(path)
	defer c.Close()
	var end error
	for e, err := range c.Events(patience(t)) {
		if end = err; e.Kind == ipc.EventSnapshot {
			cancel()
		}
	}
	if !errors.Is(end, ipc.ErrCut) {
		t.Errorf("end %v", end)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := c.Status(patience(t)); !errors.Is(err, ipc.ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

// TestListen: a dead socket is replaced, a living one and other files are not.
func TestListen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "s")
	l, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o666 {
		t.Errorf("socket %v %v", fi, err)
	}
	if _, err := api.Listen(path); !errors.Is(err, api.ErrInUse) {
		t.Errorf("second service: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if l, err = api.Listen(path); err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen(file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "keep" {
		t.Error("the file was touched")
	}
}
