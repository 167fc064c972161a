package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// moonKey signs the moon of a lab; others hand over to it.
func moonKey(n byte) *world.SigningKey {
	return world.GenerateSigningKey(func(b []byte) {
		for i := range b {
			b[i] = byte(i) + n
		}
	})
}

// moonOf makes a revision of the moon of a computer.
func (l *lab) moonOf(root *box, later time.Duration, signer, next *world.SigningKey) *world.World {
	l.t.Helper()
	roots := []world.Root{{Identity: root.secret.Identity, Endpoints: []netip.AddrPort{netip.AddrPortFrom(root.addr, 9993)}}}
	w, err := world.NewMoon(uint64(root.secret.Address), clock.Wall(time.Now().Add(later).UnixMilli()), roots, next.Public, signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return &w
}

// moons is what a computer says of its moons, nil if there is none.
func (b *box) moons() []ipc.World {
	b.lab.t.Helper()
	m, err := b.client.Moons(ctx(b.lab.t))
	if err != nil {
		b.lab.t.Error(err)
	}
	return m
}

// TestMoonServes has a moon asked for by its seed's address alone; then the
// planet's root is gone, and the moon's serves WHOIS, gathering, relaying and
// introduction to computers that never met. Its revisions spread, survive
// restarts, and it can be left.
func TestMoonServes(t *testing.T) {
	t.Parallel()
	l := newLab(t, "root", "controller", "a", "b", "moon")
	root, controller, a, b, m := l.boxes[0], l.boxes[1], l.boxes[2], l.boxes[3], l.boxes[4]
	k1, k2 := moonKey(1), moonKey(2)
	first := l.moonOf(m, 0, k1, k1)
	id := fmt.Sprintf("%016x", first.ID)
	m.write("moons.d/"+id+".moon", first.AppendBinary(nil))
	l.startAll(l.boxes...)
	for _, x := range l.boxes {
		x.online()
	}
	if got := m.moons(); len(got) != 1 || got[0].Waiting {
		t.Fatalf("the moon's root has %+v", got)
	}
	for _, x := range []*box{controller, a, b} {
		key := ""
		if x == b {
			key = fmt.Sprintf("%x", k1.Public[:])
		}
		if _, err := x.client.Orbit(ctx(t), id, ipc.Orbit{Seed: m.secret.Address.String(), Key: key}); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
	}
	for _, x := range []*box{controller, a, b} {
		took := until(t, 15*time.Second, "moon on "+x.name, func() error {
			if got := x.moons(); len(got) != 1 || got[0].Waiting || !bytes.Equal(x.readIf("moons.d/"+id+".moon"), first.AppendBinary(nil)) {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
		t.Logf("%s has the moon after %v", x.name, took)
	}

	root.kill()
	nwid := controller.secret.Address.String() + "000018"
	controller.control(http.MethodPost, "/"+nwid, `{"name":"lab","private":false,"v4AssignMode":{"zt":true},
		"routes":[{"target":"10.148.18.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.148.18.1","ipRangeEnd":"10.148.18.254"}]}`)
	a.join(nwid, ipc.NetworkSettings{})
	b.join(nwid, ipc.NetworkSettings{})
	a.network(nwid, ipc.OK)
	to, _, _ := strings.Cut(b.network(nwid, ipc.OK).Addresses[0], "/")
	t.Logf("ping after %v without the planet's root", a.pings(15*time.Second, to))
	until(t, 15*time.Second, "direct path", func() error {
		p, err := a.client.Peer(ctx(t), b.secret.Address.String())
		if err != nil || p.Direct {
			return err
		}
		return fmt.Errorf("%+v", p.Paths)
	})
	until(t, 15*time.Second, "use of the moon's root", func() error {
		if health := a.moons()[0].Roots[0].Health; health == nil || !health.Answers || !health.InUse {
			return fmt.Errorf("%+v", health)
		}
		return nil
	})

	// A change of keys, told by the moon's root.
	second := l.moonOf(m, time.Second, k1, k2)
	if _, err := m.client.UseWorld(ctx(t), ipc.UseWorld{World: second.AppendBinary(nil)}); err == nil {
		t.Error("a revision that its own key has not signed was taken without a key")
	}
	if _, err := m.client.UseWorld(ctx(t), ipc.UseWorld{World: second.AppendBinary(nil), Key: fmt.Sprintf("%x", k1.Public[:])}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*box{m, a} {
		x.kill()
		x.start() // greets the moon's root at once
	}
	until(t, 15*time.Second, "revision on a", func() error {
		if got := a.moons(); len(got) != 1 || got[0].UpdateKey != fmt.Sprintf("%x", k2.Public[:]) {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	a.pings(15*time.Second, to)
	until(t, 5*time.Second, "stored revision", func() error {
		if !bytes.Equal(a.readIf("moons.d/"+id+".moon"), second.AppendBinary(nil)) {
			return fmt.Errorf("%x", a.readIf("orbits.json"))
		}
		return nil
	})
	a.kill()
	a.start()
	if got := a.moons(); len(got) != 1 || got[0].UpdateKey != fmt.Sprintf("%x", k2.Public[:]) {
		t.Errorf("after a restart: %+v", got)
	}
	a.noAlert("file.")
	if err := a.client.Deorbit(ctx(t), id); err != nil || len(a.moons()) != 0 || a.readIf("moons.d/"+id+".moon") != nil {
		t.Errorf("the moon was not left: %v", err)
	}
	for _, x := range l.boxes[1:] {
		x.stop()
	}
}

// readIf reads a file of the home, nil if it is not there.
func (b *box) readIf(name string) []byte {
	data, err := os.ReadFile(filepath.Join(b.home, name))
	if err != nil && !os.IsNotExist(err) {
		b.lab.t.Error(err)
	}
	return data
}
