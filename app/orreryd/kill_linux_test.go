package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// killsVariable says how often TestKilled kills orreryd; "make kills" sets it.
const killsVariable = "ORRERYD_TEST_KILLS"

// usualKills is how often it does without.
const usualKills = 10

// traces is everything on a computer that networks can leave behind, as text:
// devices, addresses, routes of all tables, rules, and what its resolver knows.
func (b *box) traces(r *resolver) []string {
	t := b.lab.t
	t.Helper()
	var all []string
	for _, what := range [][]string{{"-o", "link"}, {"-o", "addr"}, {"route", "show", "table", "all"}, {"-6", "route", "show", "table", "all"}, {"rule"}, {"-6", "rule"}} {
		c := exec.Command("ip", append([]string{"-n", b.ns}, what...)...)
		var said strings.Builder // which may be about other namespaces
		c.Stderr = &said
		out, err := c.Output()
		if err != nil && !strings.Contains(said.String(), "does not exist") { // a table without routes
			t.Fatalf("ip %s: %v: %s", strings.Join(what, " "), err, said.String())
		}
		for line := range strings.Lines(string(out)) {
			line = strings.Join(strings.Fields(strings.ReplaceAll(line, `\`, " ")), " ")
			if what[len(what)-1] == "link" { // its index and name, without the state of the moment
				line = strings.Join(strings.Fields(line)[:2], " ")
			}
			for _, passing := range []string{" linkdown", " tentative", " dadfailed"} {
				line = strings.ReplaceAll(line, passing, "")
			}
			all = append(all, strings.Join(what, " ")+": "+line)
		}
	}
	for _, name := range r.records(t) {
		all = append(all, "name servers: "+name)
	}
	slices.Sort(all)
	return all
}

// differences says how two lists of traces differ.
func differences(before, after []string) error {
	var text []string
	for _, s := range after {
		if !slices.Contains(before, s) {
			text = append(text, "stray "+s)
		}
	}
	for _, s := range before {
		if !slices.Contains(after, s) {
			text = append(text, "missing "+s)
		}
	}
	if len(text) == 0 {
		return nil
	}
	return errors.New(strings.Join(text, "\n"))
}

// killed is a computer whose orreryd is killed again and again.
type killed struct {
	*people
	resolver *resolver
	random   *rand.Rand
	before   []string // traces of a computer without networks
}

// TestKilled kills orreryd with -9 at random moments of joining a network, having
// its routes and its name servers, with a device of its own and in a bridge of the
// system, of changing what is allowed, and of leaving. The next start leaves no
// trace of what was, even if it is killed itself at first.
func TestKilled(t *testing.T) {
	t.Parallel()
	kills := usualKills
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	k := newKilled(t)
	a := k.a
	begun := time.Now()
	for range kills {
		k.once(t)
	}
	t.Logf("%d kills in %v", kills, time.Since(begun).Round(time.Second))
	a.start()
	a.join(k.nwid, ipc.NetworkSettings{})
	a.pings(20*time.Second, k.addrB)
	for _, x := range k.boxes {
		x.stop()
	}
}

// newKilled makes the computer, its network, and a bridge of the system on it.
func newKilled(t *testing.T) *killed {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := newLab(t, "root", "a", "b")
	k := &killed{
		people: &people{lab: l, root: l.boxes[0], controller: l.boxes[0], a: l.boxes[1], b: l.boxes[2], addrA: "10.147.40.2", addrB: "10.147.40.3"},
		random: rand.New(rand.NewPCG(seed, 1)),
	}
	a := k.a
	k.resolver = newResolver(t, a)
	must(t, "ip", "-n", a.ns, "link", "add", "br9", "address", "02:00:00:00:09:09", "type", "bridge")
	must(t, "ip", "-n", a.ns, "link", "set", "br9", "addrgenmode", "none", "up")
	// A port, for the bridge's carrier, which has the kernel make routes.
	must(t, "ip", "-n", a.ns, "link", "add", "port9", "type", "veth", "peer", "name", "far9")
	for _, port := range [][]string{{"far9"}, {"port9", "master", "br9"}} {
		must(t, append([]string{"ip", "-n", a.ns, "link", "set", port[0], "addrgenmode", "none", "up"}, port[1:]...)...)
	}
	// What the card gets by itself, some time later, is not to be taken for ours.
	must(t, "ip", "-n", a.ns, "link", "set", "eth0", "addrgenmode", "none")
	must(t, "ip", "-n", a.ns, "-6", "addr", "flush", "dev", "eth0", "scope", "link")
	l.startAll(k.root, k.b)
	k.nwid = k.root.secret.Address.String() + "000040"
	k.root.control(http.MethodPost, "/"+k.nwid, `{"name":"killed","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"zt":true},
		"dns":{"domain":"killed.test","servers":["10.147.40.3"]},
		"routes":[{"target":"10.147.40.0/24"},{"target":"fd00:40::/64"},{"target":"172.29.0.0/16","via":"10.147.40.3"},{"target":"10.55.0.0/16"},
		{"target":"fd77::/48","via":"fd00:40::3"},{"target":"0.0.0.0/0","via":"10.147.40.3"},{"target":"::/0","via":"fd00:40::3"}]}`)
	for i, x := range []*box{k.a, k.b} {
		k.root.control(http.MethodPost, "/"+k.nwid+"/member/"+x.secret.Address.String(),
			fmt.Sprintf(`{"authorized":true,"activeBridge":%v,"ipAssignments":["10.147.40.%d","fd00:40::%d"]}`, x == k.a, i+2, i+2))
	}
	k.b.join(k.nwid, ipc.NetworkSettings{})
	until(t, 10*time.Second, "rest of the physical network", func() error {
		before := k.before
		k.before = a.traces(k.resolver)
		return differences(before, k.before)
	})
	return k
}

// once starts orreryd, kills it in the course of things, and looks at what the
// next start leaves.
func (k *killed) once(t *testing.T) {
	t.Helper()
	a := k.a
	a.start()
	yes, no, tap := true, false, k.random.IntN(3) == 0
	settings := ipc.NetworkSettings{AllowDefault: &yes, AllowDNS: &yes, DNSDefault: &yes}
	story := []struct {
		what string
		// act begins something that takes up to so long.
		act  func() error
		long time.Duration
		// done waits for its end.
		done func()
	}{
		{"join", func() error { _, err := a.client.Join(ctx(t), k.nwid, settings); return err }, 250 * time.Millisecond, func() {
			a.network(k.nwid, ipc.OK)
			if k.random.IntN(2) == 0 {
				until(t, 20*time.Second, "name servers", func() error {
					if len(k.resolver.records(t)) == 0 {
						return errors.New("no record")
					}
					return nil
				})
			}
		}},
		{"bridge", func() error {
			n, err := a.client.Network(ctx(t), k.nwid)
			if err != nil || !tap {
				return err
			}
			_, err = a.run("ip", "link", "set", n.Device, "master", "br9", "up")
			return err
		}, 400 * time.Millisecond, func() {
			if tap {
				until(t, 20*time.Second, "addresses on the bridge", func() error {
					if out, err := a.run("ip", "addr", "show", "dev", "br9"); err != nil || !strings.Contains(out, k.addrA) {
						return errors.New(out)
					}
					return nil
				})
			}
		}},
		{"ignore", k.change(ipc.NetworkSettings{IgnoreRoutes: []string{"172.29.0.0/16", "fd77::/48"}}), 40 * time.Millisecond, func() {}},
		{"no default route", k.change(ipc.NetworkSettings{AllowDefault: &no, IgnoreRoutes: []string{}}), 40 * time.Millisecond, func() {}},
		{"no name servers", k.change(ipc.NetworkSettings{AllowDNS: &no}), 40 * time.Millisecond, func() {}},
		{"all again", k.change(ipc.NetworkSettings{AllowDefault: &yes, AllowDNS: &yes}), 40 * time.Millisecond, func() {}},
		{"leave", func() error { return a.client.Leave(ctx(t), k.nwid) }, 40 * time.Millisecond, func() {}},
	}
	if tap {
		settings.Port = "tap"
	}
	last := k.random.IntN(len(story))
	for i := range last {
		if err := story[i].act(); err != nil {
			t.Fatalf("%s: %v", story[i].what, err)
		}
		story[i].done()
	}
	ended := make(chan error, 1)
	go func() { ended <- story[last].act() }()
	moment := time.Duration(k.random.Int64N(int64(story[last].long)))
	<-time.After(moment) // the moment is what this is about
	a.kill()
	<-ended
	what := fmt.Sprintf("killed %v after the beginning of %q, tap %v", moment, story[last].what, tap)
	if k.random.IntN(4) == 0 { // while it tidies up
		a.launch()
		<-time.After(time.Duration(k.random.Int64N(int64(150 * time.Millisecond))))
		a.kill()
		what += ", and again in the start"
	}
	// Either the home has forgotten the network, so that the start alone must
	// have it gone, or it is left.
	forgotten := k.random.IntN(2) == 0
	if forgotten {
		if err := os.RemoveAll(filepath.Join(a.home, "networks.d")); err != nil {
			t.Fatal(err)
		}
	}
	a.start()
	nets, err := a.client.Networks(ctx(t))
	if err != nil || forgotten && len(nets) > 0 {
		t.Fatalf("%s: networks %v, %v", what, nets, err)
	}
	if forgotten {
		if err := differences(k.before, a.traces(k.resolver)); err != nil {
			t.Errorf("%s: after the next start:\n%v", what, err)
		}
	}
	for _, n := range nets {
		if err := a.client.Leave(ctx(t), n.ID); err != nil {
			t.Fatal(err)
		}
	}
	until(t, 20*time.Second, "end of all traces, "+what, func() error { return differences(k.before, a.traces(k.resolver)) })
	until(t, 5*time.Second, "end of the journals", func() error {
		for _, name := range []string{"network-journal.json", "dns-journal.json"} {
			if b, err := os.ReadFile(filepath.Join(a.home, name)); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s, %w", b, err)
			}
		}
		return nil
	})
	a.kill() // which an orderly end would not tell apart
}

// change is a change of settings.
func (k *killed) change(s ipc.NetworkSettings) func() error {
	return func() error { _, err := k.a.client.SetNetwork(ctx(k.t), k.nwid, s); return err }
}

// TestKilledBeforeNameServers kills the service when it has made a network's
// routes and is about to set its name servers. The next start undoes both, be the
// network still wanted or not.
func TestKilledBeforeNameServers(t *testing.T) {
	t.Parallel()
	k := newKilled(t)
	a, yes := k.a, true
	gate := filepath.Join(k.resolver.dir, "gate")
	for _, forgotten := range []bool{true, false} {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		a.start()
		a.join(k.nwid, ipc.NetworkSettings{AllowDefault: &yes, AllowDNS: &yes, DNSDefault: &yes})
		until(t, 10*time.Second, "setting of the name servers", func() error {
			_, err := os.Stat(filepath.Join(k.resolver.dir, "waiting"))
			return err
		})
		until(t, 5*time.Second, "routes", func() error {
			if rules := must(t, "ip", "-n", a.ns, "rule"); !strings.Contains(rules, "31001:") {
				return errors.New(rules)
			}
			return nil
		})
		a.kill()
		if err := os.Remove(gate); err != nil {
			t.Fatal(err)
		}
		// Whom it has told does its work all the same.
		until(t, 5*time.Second, "record of the name servers", func() error {
			if len(k.resolver.records(t)) == 0 {
				return errors.New("none")
			}
			return nil
		})
		if differences(k.before, a.traces(k.resolver)) == nil {
			t.Fatal("nothing is left after the kill, so that this shows nothing")
		}
		if forgotten {
			if err := os.RemoveAll(filepath.Join(a.home, "networks.d")); err != nil {
				t.Fatal(err)
			}
		}
		a.start()
		if forgotten {
			if err := differences(k.before, a.traces(k.resolver)); err != nil {
				t.Errorf("after the next start:\n%v", err)
			}
		} else {
			a.network(k.nwid, ipc.OK)
			a.pings(15*time.Second, k.addrB)
			if err := a.client.Leave(ctx(t), k.nwid); err != nil {
				t.Fatal(err)
			}
		}
		until(t, 10*time.Second, "end of all traces", func() error { return differences(k.before, a.traces(k.resolver)) })
		a.stop()
	}
	k.root.stop()
	k.b.stop()
}
