package portmap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	long  = 2 * time.Minute       // for answers that come
	short = 30 * time.Millisecond // for those that do not
)

// patient is how long a test waits for what the gateway does not answer.
type patient struct{ pcp, natpmp, upnp time.Duration }

// makersFor makes the three methods without multicasts.
func makersFor(p patient) map[Method]maker {
	d := dialer{}
	return map[Method]maker{
		PCP:    &pcp{dial: d, nonce: newNonce([]byte("seed"), 9994), patience: []time.Duration{p.pcp}},
		NATPMP: &natpmp{patience: p.natpmp},
		UPnP:   &upnp{dial: d, description: "Orrery/89e92ceee5", patience: p.upnp},
	}
}

// at runs a mapper against a gateway.
func runAt(t *testing.T, g *gateway, p patient) *rig {
	t.Helper()
	return run(t, g.clock, Config{Port: 9994, makers: makersFor(p)}, route{gateway: g.addr, source: localAddress})
}

func (g *gateway) expect(t *testing.T, want map[uint16]string) {
	t.Helper()
	if got := g.table(); !maps.Equal(got, want) {
		t.Errorf("mapped %v, want %v", got, want)
	}
}

// mine is the only mapping that there may be.
func mine(port uint16) map[uint16]string { return map[uint16]string{port: "127.0.0.1:9994"} }

// TestLife is the whole life of a mapping by each of the methods: made,
// renewed, lost with a reboot, found again, deleted.
func TestLife(t *testing.T) {
	t.Parallel()
	second := switches{natpmp: true}
	third := switches{upnp: upnpSwitches{on: true}}
	ppp := switches{upnp: upnpSwitches{on: true, service: "WANPPPConnection:1"}}
	igd2 := switches{upnp: upnpSwitches{on: true, service: "WANIPConnection:2"}}
	for name, c := range map[string]struct {
		sw      switches
		p       patient
		method  Method
		life    time.Duration
		asks    string
		deletes string
	}{
		"PCP":      {switches{pcp: true, natpmp: true}, patient{long, long, short}, PCP, 2 * time.Hour, "pcp map 9994 7200", "pcp map 0 0"},
		"NAT-PMP":  {second, patient{long, long, short}, NATPMP, 2 * time.Hour, "natpmp map 9994 7200", "natpmp map 0 0"},
		"UPnP":     {third, patient{short, short, long}, UPnP, time.Hour, "upnp map 9994 3600", "upnp delete 9994"},
		"UPnP PPP": {ppp, patient{short, short, long}, UPnP, time.Hour, "upnp map 9994 3600", "upnp delete 9994"},
		"UPnP 2":   {igd2, patient{short, short, long}, UPnP, time.Hour, "upnp map 9994 3600", "upnp delete 9994"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newManual()
			g := newGateway(t, clock, c.sw)
			r := runAt(t, g, c.p)
			s := r.code(Mapped, checkEvery)
			if s.Method != c.method || s.Left != c.life || s.External != netip.AddrPortFrom(outside, 9994) || s.Permanent {
				t.Errorf("%+v", s)
			}
			g.expect(t, mine(9994))
			if heard := g.heard(); !slices.Contains(heard, c.asks) {
				t.Errorf("asked %q", heard)
			}
			for left := c.life/2 - checkEvery; left > 0; left -= checkEvery {
				r.code(Mapped, checkEvery)
				if heard := g.heard(); slices.Contains(heard, c.asks) {
					t.Errorf("asked %q, %v before the renewal", heard, left)
				}
			}
			r.code(Mapped, checkEvery) // now
			if heard := g.heard(); !slices.Contains(heard, c.asks) {
				t.Errorf("asked %q for the renewal", heard)
			}
			g.expect(t, mine(9994))
			clock.advance(time.Minute)
			g.reboot()
			r.code(Mapped, -1)
			g.expect(t, mine(9994))
			r.offered("5.6.7.8:9994")
			r.stop()
			g.expect(t, nil)
			if heard := g.heard(); heard[len(heard)-1] != c.deletes {
				t.Errorf("at last asked %q", heard)
			}
			r.offered("none")
		})
	}
}

// TestRestart: a node that was killed finds its mapping again, by its seed or
// its description.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, sw := range map[string]switches{
		"PCP": {pcp: true}, "NAT-PMP": {natpmp: true}, "UPnP": {upnp: upnpSwitches{on: true}},
		"UPnP for ever": {upnp: upnpSwitches{on: true, onlyPermanent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, newManual(), sw)
			p := patient{short, short, long}
			if sw.pcp || sw.natpmp {
				p = patient{long, long, short}
			}
			g.mu.Lock()
			g.maps[9994] = mapping{client: "192.168.1.9", port: 9994, description: "another"}
			g.mu.Unlock()
			want := map[uint16]string{9994: "192.168.1.9:9994", 9995: "127.0.0.1:9994"}
			for range 3 {
				g.set(func(sw *switches) { sw.keepDeleted = true }) // as if killed
				r := run(t, newManual(), Config{Port: 9994, makers: makersFor(p)}, route{gateway: g.addr, source: localAddress})
				if s := r.code(Mapped, -1); s.External.Port() != 9995 || s.Permanent != sw.upnp.onlyPermanent {
					t.Errorf("%+v", s)
				}
				g.expect(t, want)
				r.stop()
			}
		})
	}
}

// TestLeftovers: what an earlier run of this node has left goes, what is
// another's stays.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newManual(), switches{upnp: upnpSwitches{on: true, onlyPermanent: true}})
	us := localAddress.String()
	g.maps = map[uint16]mapping{
		1001: {client: us, port: 31111, description: "Orrery/89e92ceee5"},           // an earlier random port
		1002: {client: us, port: 9994, description: "Orrery/89e92ceee5"},            // the same port elsewhere
		1003: {client: us, port: 31112, description: "Orrery/ffffffffff"},           // another node of this machine
		1004: {client: "192.168.1.9", port: 9994, description: "Orrery/89e92ceee5"}, // a clone
		9994: {client: us, port: 31113, description: "Orrery/89e92ceee5"},           // in our place
	}
	r := runAt(t, g, patient{short, short, long})
	s := r.code(Mapped, checkEvery)
	if !s.Permanent || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	others := map[uint16]string{1003: "127.0.0.1:31112", 1004: "192.168.1.9:9994"}
	want := mine(9994)
	maps.Copy(want, others)
	g.expect(t, want)
	if heard := g.heard(); !slices.Contains(heard, "upnp map 9994 0") {
		t.Errorf("asked %q", heard)
	}
	r.stop()
	g.expect(t, others)
}

// TestMisbehaviour is what one method makes of a gateway that does wrong, with
// the others out of reach.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	huge := make([]byte, 1400)
	for name, c := range map[string]struct {
		method Method
		sw     switches
		code   Code // "" is a good mapping
		port   uint16
		says   string
		wait   time.Duration // patience, long if 0
	}{
		"PCP, good":                    {method: PCP, sw: switches{pcp: true}, port: 9994},
		"PCP, other port":              {method: PCP, sw: switches{pcp: true, shift: 7}, port: 10001},
		"PCP, foreign nonce first":     {method: PCP, sw: switches{pcp: true, lieNonce: true}, port: 9994},
		"PCP, other internal port":     {method: PCP, sw: switches{pcp: true, liePort: true}, code: Misbehaves, wait: short},
		"PCP, port 0":                  {method: PCP, sw: switches{pcp: true, portZero: true}, code: Misbehaves},
		"PCP, not authorised":          {method: PCP, sw: switches{pcp: true, result: 2}, code: Refused, says: "refuses: not authorised"},
		"PCP, quota":                   {method: PCP, sw: switches{pcp: true, result: 10, pause: 1800}, code: Refused},
		"PCP, no uplink":               {method: PCP, sw: switches{pcp: true, result: 7}, code: NoExternal},
		"PCP, unknown result":          {method: PCP, sw: switches{pcp: true, result: 200}, code: Refused, says: "refuses: error 200"},
		"PCP, version 0 only":          {method: PCP, sw: switches{natpmp: true}, code: Refused, says: "version"},
		"PCP, silent":                  {method: PCP, sw: switches{}, code: Unanswered, wait: short},
		"PCP, garbage":                 {method: PCP, sw: switches{pcp: true, garbage: []byte("hello")}, code: Misbehaves, wait: short},
		"PCP, one byte":                {method: PCP, sw: switches{pcp: true, garbage: []byte{2}}, code: Misbehaves, wait: short},
		"PCP, too long":                {method: PCP, sw: switches{pcp: true, garbage: huge}, code: Misbehaves, wait: short},
		"PCP, stranger answers":        {method: PCP, sw: switches{pcp: true, stranger: true}, code: Unanswered, wait: short},
		"PCP, one second":              {method: PCP, sw: switches{pcp: true, life: 1}, code: Refused, says: "1s only"},
		"PCP, for ages":                {method: PCP, sw: switches{pcp: true, life: 1<<32 - 1}, port: 9994},
		"PCP, double NAT":              {method: PCP, sw: switches{pcp: true, external: netip.MustParseAddr("10.9.8.7")}, code: DoubleNAT},
		"NAT-PMP, good":                {method: NATPMP, sw: switches{natpmp: true}, port: 9994},
		"NAT-PMP, other port":          {method: NATPMP, sw: switches{natpmp: true, shift: 1}, port: 9995},
		"NAT-PMP, other internal port": {method: NATPMP, sw: switches{natpmp: true, liePort: true}, code: Misbehaves},
		"NAT-PMP, port 0":              {method: NATPMP, sw: switches{natpmp: true, portZero: true}, code: Misbehaves},
		"NAT-PMP, refused":             {method: NATPMP, sw: switches{natpmp: true, result: 2}, code: Refused, says: "Refused"},
		"NAT-PMP, no uplink":           {method: NATPMP, sw: switches{natpmp: true, result: 3}, code: NoExternal},
		"NAT-PMP, silent":              {method: NATPMP, sw: switches{}, code: Unanswered, wait: short},
		"NAT-PMP, garbage":             {method: NATPMP, sw: switches{natpmp: true, garbage: []byte{0, 128, 0, 0}}, code: Misbehaves},
		"NAT-PMP, empty":               {method: NATPMP, sw: switches{natpmp: true, garbage: []byte{}}, code: Misbehaves},
		"NAT-PMP, PCP only":            {method: NATPMP, sw: switches{pcp: true}, code: Misbehaves, says: "version 2"},
		"NAT-PMP, stranger answers":    {method: NATPMP, sw: switches{natpmp: true, stranger: true}, code: Unanswered, wait: short},
		"NAT-PMP, one second":          {method: NATPMP, sw: switches{natpmp: true, life: 1}, code: Refused},
		"NAT-PMP, double NAT":          {method: NATPMP, sw: switches{natpmp: true, external: netip.MustParseAddr("192.168.8.7")}, code: DoubleNAT},
		"UPnP, good":                   {method: UPnP, sw: switches{upnp: upnpSwitches{on: true}}, port: 9994},
		"UPnP, cannot read back":       {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, mute: []string{"GetSpecificPortMappingEntry", "GetGenericPortMappingEntry"}}}, port: 9994},
		"UPnP, reads back nothing":     {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, blank: true}}, port: 9994},
		"UPnP, pretends":               {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, pretend: true}}, code: Misbehaves, says: "has not"},
		"UPnP, maps to another":        {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, steal: true}}, code: Refused, says: "belong to others"},
		"UPnP, refuses":                {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, fault: map[string]int{"AddPortMapping": 606}}}, code: Refused, says: "606 nope"},
		"UPnP, all ports taken":        {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, fault: map[string]int{"AddPortMapping": 718}}}, code: Refused},
		"UPnP, silent":                 {method: UPnP, sw: switches{}, code: Unanswered, wait: short},
		"UPnP, stranger answers":       {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, stranger: true}}, code: Unanswered, wait: short},
		"UPnP, description elsewhere":  {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, location: "http://AWAY/desc.xml"}}, code: Unanswered, wait: short},
		"UPnP, service elsewhere":      {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, controlURL: "http://AWAY/ctl"}}, code: Unanswered, wait: 10 * short},
		"UPnP, redirected":             {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, redirect: true}}, code: Misbehaves, says: "307", wait: 10 * short},
		"UPnP, no end":                 {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, huge: true}}, code: Misbehaves, says: "too long", wait: 30 * short},
		"UPnP, not XML":                {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, broken: true}}, code: Misbehaves, wait: 10 * short},
		"UPnP, no service":             {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, service: "WANIPv6FirewallControl:1"}}, code: Unanswered, wait: 10 * short},
		"UPnP, one second":             {method: UPnP, sw: switches{life: 1, upnp: upnpSwitches{on: true}}, code: Refused},
		"UPnP, double NAT":             {method: UPnP, sw: switches{external: netip.MustParseAddr("100.64.1.1"), upnp: upnpSwitches{on: true}}, code: DoubleNAT},
		"UPnP, no uplink":              {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, external: text("")}}, code: NoExternal},
		"UPnP, no uplink, zero":        {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, external: text("0.0.0.0")}}, code: NoExternal},
		"UPnP, address that is none":   {method: UPnP, sw: switches{upnp: upnpSwitches{on: true, external: text("ppp\t0")}}, code: Misbehaves, says: "ppp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, newManual(), c.sw)
			g.set(func(sw *switches) {
				sw.upnp.location = strings.Replace(sw.upnp.location, "AWAY", g.upnp.away, 1)
				sw.upnp.controlURL = strings.Replace(sw.upnp.controlURL, "AWAY", g.upnp.away, 1)
			})
			if c.wait == 0 {
				c.wait = long
			}
			r := run(t, g.clock, Config{Port: 9994, makers: only(c.method, patient{c.wait, c.wait, c.wait})}, route{gateway: g.addr, source: localAddress})
			if c.code == "" {
				s := r.code(Mapped, -1)
				if s.External != netip.AddrPortFrom(outside, c.port) {
					t.Errorf("%+v", s)
				}
				g.expect(t, mine(c.port))
			} else if s := r.told(c.code); !strings.Contains(fmt.Sprint(s.Attempts), c.says) || !strings.Contains(s.Text, c.says) {
				t.Errorf("says %q, want %q: %+v", s.Text, c.says, s.Attempts)
			}
			r.stop()
			if !c.sw.liePort && !c.sw.stranger && !c.sw.upnp.steal { // their mappings we cannot know
				g.expect(t, nil)
			}
		})
	}
}

// told is code, except that the gateway may not have been heard in time, on a
// machine that does much else: then it is asked again.
func (r *rig) told(want Code) Status {
	r.t.Helper()
	for range 100 {
		if r.step(); want == Unanswered || r.Status().Code != Unanswered {
			break
		}
	}
	return r.check(want, -1)
}

// absent is a method that the gateway does not have.
type absent struct{}

func (absent) ask(context.Context, want, func(netip.Addr) error) (grant, error) {
	return grant{}, unanswered("not there")
}
func (absent) check(context.Context, want, grant) (grant, error) { return grant{}, errLost }
func (absent) release(context.Context, want, grant) error        { return nil }
func (absent) forget()                                           {}

// only is one method alone.
func only(k Method, p patient) map[Method]maker {
	all := map[Method]maker{PCP: absent{}, NATPMP: absent{}, UPnP: absent{}}
	all[k] = makersFor(p)[k]
	return all
}

// TestRetransmission: the first requests are lost.
func TestRetransmission(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newManual(), switches{pcp: true, deaf: 2})
	p := &pcp{patience: []time.Duration{short, short, long}, nonce: nonce{1}}
	got, err := p.ask(t.Context(), want{link: link{g.addr, localAddress}, port: 9994}, nil)
	if err != nil || got.external != netip.AddrPortFrom(outside, 9994) {
		t.Errorf("%+v, %v", got, err)
	}
	g.expect(t, mine(9994))
}

// TestInterrupted: an end of the context ends every wait.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newManual(), switches{})
	w := want{link: link{g.addr, localAddress}, port: 9994}
	for k, m := range makersFor(patient{time.Hour, 100 * time.Millisecond, time.Hour}) {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			stop := time.AfterFunc(10*time.Millisecond, cancel)
			defer stop.Stop()
			if _, err := m.ask(ctx, w, func(netip.Addr) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if n, ok := m.(*natpmp); ok {
				n.wait()
			}
		})
	}
}

// TestUnlistened: nothing at all is at the gateway's port.
func TestUnlistened(t *testing.T) {
	t.Parallel()
	w := want{link: link{netip.MustParseAddr("127.63.255.254"), localAddress}, port: 9994}
	for k, m := range makersFor(patient{long, long, short}) {
		if _, err := m.ask(t.Context(), w, func(netip.Addr) error { return nil }); problemOf(err).code != Unanswered {
			t.Errorf("%v: %v", k, err)
		}
	}
}

// TestMovedService: after a restart the gateway's web server is at another port.
func TestMovedService(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newManual(), switches{upnp: upnpSwitches{on: true}})
	u := &upnp{description: "Orrery/89e92ceee5", patience: long}
	w := want{link: link{g.addr, localAddress}, port: 9994}
	ok := func(netip.Addr) error { return nil }
	if _, err := u.ask(t.Context(), w, ok); err != nil {
		t.Fatal(err)
	}
	_ = g.upnp.web.Close()
	again := newGateway(t, g.clock, switches{upnp: upnpSwitches{on: true}})
	_ = again // a second gateway shares nothing with the first
	if _, err := u.check(t.Context(), w, grant{external: netip.AddrPortFrom(outside, 9994)}); !errors.Is(err, errLost) {
		t.Errorf("check: %v, want %v", err, errLost)
	}
	w.gateway = again.addr // stands for the restarted one
	if _, err := u.ask(t.Context(), w, ok); err != nil {
		t.Fatal(err)
	}
	again.expect(t, mine(9994))
}
