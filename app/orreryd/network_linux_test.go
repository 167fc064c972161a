package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// people is a lab with a root, a controller and two members of its private
// network, a by TUN and b by TAP.
type people struct {
	*lab
	root, controller, a, b *box
	nwid                   string
	addrA, addrB           string // IPv4
	addrB6                 string
}

// privateNetwork makes one.
func privateNetwork(t *testing.T) *people {
	t.Helper()
	l := newLab(t, "root", "controller", "a", "b")
	p := &people{lab: l, root: l.boxes[0], controller: l.boxes[1], a: l.boxes[2], b: l.boxes[3], addrA: "10.147.17.2", addrB: "10.147.17.3"}
	l.startAll(l.boxes...)
	p.nwid = p.controller.secret.Address.String() + "000017"
	p.controller.control(http.MethodPost, "/"+p.nwid, `{"name":"lab","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true},
		"routes":[{"target":"10.147.17.0/24"},{"target":"172.29.0.0/16","via":"10.147.17.3"},{"target":"0.0.0.0/0","via":"10.147.17.3"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.147.17.1","ipRangeEnd":"10.147.17.254"}]}`)
	return p
}

// member authorises a computer and gives it an address.
func (p *people) member(b *box, addr string) {
	p.t.Helper()
	p.controller.control(http.MethodPost, "/"+p.nwid+"/member/"+b.secret.Address.String(),
		fmt.Sprintf(`{"authorized":true,"ipAssignments":[%q]}`, addr))
}

// TestPrivateNetwork is the life of a network, from joining to leaving.
func TestPrivateNetwork(t *testing.T) {
	t.Parallel()
	p := privateNetwork(t)
	a, b := p.a, p.b
	begun := time.Now()
	for _, x := range p.boxes {
		x.online()
	}
	t.Logf("online after %v more", time.Since(begun))

	t.Run("denied", func(t *testing.T) {
		a.join(p.nwid, ipc.NetworkSettings{})
		b.join(p.nwid, ipc.NetworkSettings{Port: "tap"})
		for _, x := range []*box{a, b} {
			if n := x.network(p.nwid, ipc.AccessDenied); n.Detail == "" || len(n.Addresses) > 0 {
				t.Errorf("a private network before authorisation: %+v", n)
			}
		}
	})
	t.Run("authorised", func(t *testing.T) {
		begun := time.Now()
		p.member(a, p.addrA)
		p.member(b, p.addrB)
		na, nb := a.network(p.nwid, ipc.OK), b.network(p.nwid, ipc.OK)
		took4 := a.pings(15*time.Second, p.addrB)
		t.Logf("ping after %v, %v of it pinging", time.Since(begun), took4)
		i := slices.IndexFunc(nb.Addresses, func(s string) bool { return strings.HasPrefix(s, "fd") })
		if i < 0 {
			t.Fatalf("b has no IPv6 address: %v", nb.Addresses)
		}
		p.addrB6, _, _ = strings.Cut(nb.Addresses[i], "/")
		a.pings(15*time.Second, p.addrB6)
		b.pings(15*time.Second, p.addrA)
		for x, n := range map[*box]*ipc.Network{a: na, b: nb} {
			ls := x.links()
			slices.Sort(n.Addresses)
			if len(ls) != 1 || ls[0].Name != n.Device || ls[0].MTU != n.MTU || !slices.Equal(ls[0].addresses(), n.Addresses) {
				t.Errorf("%s has %+v, want %s with %v", x.name, ls, n.Device, n.Addresses)
			}
			if tap := ls[0].Kind == "ether"; tap != (x == b) || tap && ls[0].MAC != n.MAC {
				t.Errorf("%s has a device of kind %s with MAC %s, want MAC %s", x.name, ls[0].Kind, ls[0].MAC, n.MAC)
			}
		}
		if routes := must(t, "ip", "-n", a.ns, "route"); !strings.Contains(routes, "172.29.0.0/16 via 10.147.17.3") || strings.Contains(routes, "default via 10.147") {
			t.Errorf("routes of a:\n%s", routes)
		}
	})
	t.Run("default route", func(t *testing.T) { defaultRoute(t, p) })
	t.Run("events", func(t *testing.T) { events(t, p) })
	t.Run("trust", func(t *testing.T) { trustRecords(t, p) })
	t.Run("crash", func(t *testing.T) { crash(t, p) })
	t.Run("removed device", func(t *testing.T) {
		device := a.network(p.nwid, ipc.OK).Device
		until(t, 10*time.Second, "alert of a removed device", func() error {
			// Again, if it was put right before anybody looked.
			removed := exec.Command("ip", "-n", a.ns, "link", "del", device).Run()
			s, err := a.client.Snapshot(ctx(t))
			if err != nil || slices.ContainsFunc(s.Alerts, func(x ipc.Alert) bool { return x.ID == "network.port."+p.nwid }) {
				return err
			}
			return fmt.Errorf("%+v, removed: %v", s.Alerts, removed)
		})
		a.network(p.nwid, ipc.OK)
		a.pings(15*time.Second, p.addrB)
		a.noAlert("network.port.")
	})
	t.Run("leave", func(t *testing.T) { leave(t, p) })
	for _, x := range p.boxes {
		x.stop()
	}
}

// defaultRoute sends everything into the network, but not the network's own
// packets, which a sends by its default route too.
func defaultRoute(t *testing.T, p *people) {
	yes, no := true, false
	if _, err := p.a.client.SetNetwork(ctx(t), p.nwid, ipc.NetworkSettings{AllowDefault: &yes}); err != nil {
		t.Fatal(err)
	}
	until(t, 5*time.Second, "route by the network", func() error {
		if r := must(t, "ip", "-n", p.a.ns, "route", "get", "192.0.2.1"); !strings.Contains(r, p.addrB) {
			return errors.New(r)
		}
		return nil
	})
	for range 5 {
		p.a.pings(5*time.Second, p.addrB)
	}
	p.a.online()
	if _, err := p.a.client.SetNetwork(ctx(t), p.nwid, ipc.NetworkSettings{AllowDefault: &no}); err != nil {
		t.Fatal(err)
	}
	noStrayRules(t, p.a)
	if _, err := p.a.client.SetNetwork(ctx(t), p.nwid, ipc.NetworkSettings{AllowDefault: &yes}); err != nil {
		t.Fatal(err) // it stays for the crash
	}
}

// noStrayRules waits until there is no policy routing but the system's.
func noStrayRules(t *testing.T, b *box) {
	t.Helper()
	until(t, 5*time.Second, "end of the routing rules", func() error {
		if rules := must(t, "ip", "-n", b.ns, "rule"); strings.Count(rules, "\n") != 3 {
			return errors.New(rules)
		}
		return nil
	})
}

// events follows a's event stream while things happen.
func events(t *testing.T, p *people) {
	c, cancel := context.WithCancel(ctx(t))
	defer cancel()
	seen := make(chan ipc.Event, 1024)
	ended := make(chan error, 1)
	go func() { ended <- p.a.client.Follow(c, func(e ipc.Event) { seen <- e }, func(error) {}) }()
	wait := func(what string, match func(ipc.Event) bool) {
		t.Helper()
		deadline := time.After(grace)
		for {
			select {
			case e := <-seen:
				if match(e) {
					return
				}
			case <-deadline:
				t.Fatalf("no event: %s", what)
			}
		}
	}
	wait("snapshot", func(e ipc.Event) bool {
		return e.Kind == ipc.EventSnapshot && len(e.All.Networks) == 1 && e.All.Networks[0].ID == p.nwid
	})
	other := p.controller.secret.Address.String() + "000018"
	p.a.join(other, ipc.NetworkSettings{})
	wait("network joined, and not found", func(e ipc.Event) bool {
		return e.Kind == ipc.EventNetwork && e.Network.ID == other && e.Network.Status == ipc.NotFound
	})
	if err := p.a.client.Leave(ctx(t), other); err != nil {
		t.Fatal(err)
	}
	wait("network left", func(e ipc.Event) bool { return e.Kind == ipc.EventNetworkGone && e.Gone == other })
	name := "Bea"
	if _, err := p.a.client.UpdateTrust(ctx(t), p.b.secret.Address.String(), ipc.TrustUpdate{Name: &name}); err != nil {
		t.Fatal(err)
	}
	wait("peer named", func(e ipc.Event) bool {
		return e.Kind == ipc.EventPeer && e.Peer.Address == p.b.secret.Address.String() && e.Peer.Name == name
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the event stream ended with %v", err)
	}
}

// trustRecords verifies, blocks and unblocks a peer.
func trustRecords(t *testing.T, p *people) {
	addr := p.b.secret.Address.String()
	va, err := p.a.client.Verification(ctx(t), addr)
	if err != nil {
		t.Fatal(err)
	}
	vb, err := p.b.client.Verification(ctx(t), p.a.secret.Address.String())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(va.Groups, vb.Groups) || !slices.Equal(va.Words, vb.Words) || len(va.Groups) != 12 {
		t.Errorf("the two screens show %v %v and %v %v", va.Groups, va.Words, vb.Groups, vb.Words)
	}
	set := func(u ipc.TrustUpdate, want ipc.TrustState) {
		t.Helper()
		r, err := p.a.client.UpdateTrust(ctx(t), addr, u)
		if err != nil || r.State != want {
			t.Fatalf("%+v: %+v, %v", u, r, err)
		}
		if file := p.a.read("trust.json"); !strings.Contains(string(file), `"`+string(want)+`"`) {
			t.Errorf("%s is not in the file when the call is answered", want)
		}
	}
	set(ipc.TrustUpdate{Identity: va.Identity, State: ipc.Verified, How: "safety number"}, ipc.Verified)
	p.a.pings(5*time.Second, p.addrB)
	set(ipc.TrustUpdate{State: ipc.Blocked}, ipc.Blocked)
	p.a.silent(p.addrB)
	p.b.silent(p.addrA)
	set(ipc.TrustUpdate{State: ipc.Seen}, ipc.Seen)
	p.a.pings(15*time.Second, p.addrB)
	p.b.pings(15*time.Second, p.addrA)

	var e *ipc.Error
	self := p.a.secret.Address.String()
	if _, err := p.a.client.UpdateTrust(ctx(t), self, ipc.TrustUpdate{State: ipc.Blocked}); !errors.As(err, &e) || e.Code != ipc.CodeBadRequest {
		t.Errorf("blocking oneself: %v", err)
	}
	other := strings.Replace(p.root.secret.Identity.String(), p.root.secret.Address.String(), addr, 1)
	_, err = p.a.client.UpdateTrust(ctx(t), addr, ipc.TrustUpdate{Identity: other, State: ipc.Verified})
	if !errors.As(err, &e) || e.Code != ipc.CodeBadRequest && e.Code != ipc.CodeConflict {
		t.Errorf("verifying another key: %v", err)
	}
}

// crash kills both members, one after the other.
func crash(t *testing.T, p *people) {
	for _, x := range []*box{p.a, p.b} {
		before := x.links()
		x.kill()
		if left := x.links(); len(left) > 0 {
			t.Errorf("%s has %+v after its end", x.name, left)
		}
		begun := time.Now()
		x.launch()
		to := p.addrB
		if x == p.b {
			to = p.addrA
		}
		x.pings(5*time.Second, to)
		t.Logf("%s: traffic %v after kill and start", x.name, time.Since(begun))
		x.awake()
		x.network(p.nwid, ipc.OK)
		after := x.links()
		if len(after) != 1 || len(before) != 1 || after[0].Name != before[0].Name || !slices.Equal(after[0].addresses(), before[0].addresses()) {
			t.Errorf("%s has %+v, had %+v", x.name, after, before)
		}
		other := p.b
		if x == p.b {
			other = p.a
		}
		other.pings(5*time.Second, map[*box]string{p.a: p.addrA, p.b: p.addrB}[x])
	}
}

// leave leaves nothing behind.
func leave(t *testing.T, p *people) {
	for _, x := range []*box{p.a, p.b} {
		if err := x.client.Leave(ctx(t), p.nwid); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{p.nwid + ".conf", p.nwid + ".local.conf"} {
			if _, err := os.Stat(filepath.Join(x.home, "networks.d", name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s has the file %s when the call is answered", x.name, name)
			}
		}
		until(t, 5*time.Second, "end of the device", func() error {
			if ls := x.links(); len(ls) > 0 {
				return fmt.Errorf("%+v", ls)
			}
			return nil
		})
		noStrayRules(t, x)
		if routes := must(t, "ip", "-n", x.ns, "route"); strings.Count(routes, "\n") != 2 {
			t.Errorf("routes of %s:\n%s", x.name, routes)
		}
		var e *ipc.Error
		if err := x.client.Leave(ctx(t), p.nwid); !errors.As(err, &e) || e.Code != ipc.CodeNotFound || e.Advice == "" {
			t.Errorf("leaving twice: %v", err)
		}
		x.kill()
		x.start()
		if all, err := x.client.Networks(ctx(t)); err != nil || len(all) > 0 {
			t.Errorf("networks after a restart: %v, %v", all, err)
		}
	}
}

// TestWrongKeyIsRefused has a member know another key for the other's address:
// no frame may pass, and the user must hear of it.
func TestWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	p := privateNetwork(t)
	// Nobody has a second key for an address at hand, and the API checks what it
	// is given; the file is the user's.
	record := map[string]any{
		"identity": strings.Replace(p.root.secret.Identity.String(), p.root.secret.Address.String(), p.b.secret.Address.String(), 1),
		"state":    "verified", "firstSeen": 1, "changed": 1, "how": "pinned by the test",
	}
	text, err := json.Marshal(map[string]any{"version": 1, "records": []any{record}})
	if err != nil {
		t.Fatal(err)
	}
	p.a.stop()
	p.a.write("trust.json", text)
	p.a.start()
	p.member(p.a, p.addrA)
	p.member(p.b, p.addrB)
	for _, x := range []*box{p.a, p.b} {
		x.join(p.nwid, ipc.NetworkSettings{})
	}
	for _, x := range []*box{p.a, p.b} {
		x.network(p.nwid, ipc.OK)
	}
	p.b.silent(p.addrA)
	p.a.silent(p.addrB)
	if a := p.a.alert("trust.conflict." + p.b.secret.Address.String()); a.Severity != "error" {
		t.Errorf("%+v", a)
	}
	r, err := p.a.client.TrustRecord(ctx(t), p.b.secret.Address.String())
	if err != nil || r.Conflict != p.b.secret.Identity.String() || r.State != ipc.Verified {
		t.Errorf("%+v, %v", r, err)
	}
	// Forgotten, the address may have another key.
	if err := p.a.client.ForgetTrust(ctx(t), p.b.secret.Address.String()); err != nil {
		t.Fatal(err)
	}
	p.a.pings(30*time.Second, p.addrB)
	p.a.noAlert("trust.conflict.")
}

// TestControllerSurvivesKill checks that what a call was answered for is kept.
func TestControllerSurvivesKill(t *testing.T) {
	l := newLab(t, "root")
	r := l.boxes[0]
	r.start()
	nwid := r.secret.Address.String() + "0000aa"
	for i := range 5 {
		name := fmt.Sprintf("net %d", i)
		r.control(http.MethodPost, "/"+nwid, fmt.Sprintf(`{"name":%q}`, name))
		r.kill()
		r.start()
		if got := r.control(http.MethodGet, "/"+nwid, ""); got["name"] != name {
			t.Fatalf("after kill and start the name is %v, want %s", got["name"], name)
		}
	}
	if s, err := r.client.Status(ctx(t)); err != nil || !s.Controller {
		t.Errorf("hosts a network: %+v, %v", s, err)
	}
}
