package host

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/world"
	"orrery/service/device"
	"orrery/service/device/devicetest"
	"orrery/service/store"
)

// These tests run in bubbles of testing/synctest: time passes only when nobody
// has anything to do, and a goroutine that is left behind fails the test.

//go:embed testdata/secrets.txt
var secretLines string

// secret returns one of the identities that the tests have.
func secret(t *testing.T, i int) *identity.Secret {
	t.Helper()
	s, err := identity.ParseSecret(strings.Fields(secretLines)[i])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wires is a network in memory. What is sent arrives at once, or never.
type wires struct {
	mu   sync.Mutex
	ends map[netip.AddrPort]*fakeSockets
}

// fakeSockets is one host's place on it.
type fakeSockets struct {
	net  *wires
	addr netip.AddrPort
	in   chan vl1.Datagram
	fail chan error
	sent atomic.Int64
}

func (w *wires) at(addr netip.AddrPort) *fakeSockets {
	s := &fakeSockets{net: w, addr: addr, in: make(chan vl1.Datagram, 4096), fail: make(chan error, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ends == nil {
		w.ends = make(map[netip.AddrPort]*fakeSockets)
	}
	w.ends[addr] = s
	return s
}

func (s *fakeSockets) Run(ctx context.Context, handler func([]vl1.Datagram)) error {
	for {
		select {
		case d := <-s.in:
			handler([]vl1.Datagram{d})
		case err := <-s.fail:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *fakeSockets) Send(batch []vl1.Datagram) error {
	for _, d := range batch {
		s.sent.Add(1)
		s.net.mu.Lock()
		to := s.net.ends[d.Remote]
		s.net.mu.Unlock()
		if to == nil {
			continue
		}
		select {
		case to.in <- vl1.Datagram{Data: append([]byte(nil), d.Data...), Remote: s.addr, Socket: 1}:
		default:
		}
	}
	return nil
}

// disk is a State in memory that can be slow or broken.
type disk struct {
	mu       sync.Mutex
	peers    map[identity.Address][]byte
	networks map[identity.NetworkID][]byte
	settings map[identity.NetworkID]netconf.Settings
	revoked  map[identity.NetworkID][]credential.Threshold
	planet   []byte
	trust    []byte
	records  store.Memory
	// broken is what everything but peers fails with; writes and applies count
	// attempts.
	broken          error
	writes, applies int
	// gate, if not nil, holds every write up until it is closed.
	gate chan struct{}
}

func newDisk() *disk {
	return &disk{
		peers: make(map[identity.Address][]byte), networks: make(map[identity.NetworkID][]byte),
		settings: make(map[identity.NetworkID]netconf.Settings), revoked: make(map[identity.NetworkID][]credential.Threshold),
	}
}

func (d *disk) write(f func()) error {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	if d.broken != nil {
		return d.broken
	}
	f()
	return nil
}

func (d *disk) SavePeer(a identity.Address, r []byte) error {
	return d.write(func() { d.peers[a] = r })
}
func (d *disk) SavePlanet(b []byte) error     { return d.write(func() { d.planet = b }) }
func (d *disk) SaveMoon(uint64, []byte) error { return d.write(func() {}) }
func (d *disk) SaveOrbits([]byte) error       { return d.write(func() {}) }
func (d *disk) SaveTrust(b []byte) error      { return d.write(func() { d.trust = b }) }
func (d *disk) SaveNetwork(n identity.NetworkID, conf []byte) error {
	return d.write(func() {
		if conf == nil {
			delete(d.networks, n)
			delete(d.settings, n)
			delete(d.revoked, n)
		} else {
			d.networks[n] = conf
		}
	})
}

func (d *disk) SaveRevoked(n identity.NetworkID, list []credential.Threshold) error {
	return d.write(func() { d.revoked[n] = list })
}

func (d *disk) SaveSettings(n identity.NetworkID, s netconf.Settings) error {
	return d.write(func() { d.settings[n] = s })
}

func (d *disk) ApplyController(changes []controller.Change) error {
	var err error
	failed := d.write(func() {
		d.applies++
		err = d.records.Apply(changes)
	})
	return errors.Join(failed, err)
}

// set changes how the disk behaves.
func (d *disk) set(broken error, gate chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken, d.gate = broken, gate
}

func (d *disk) count() (writes, applies int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.applies
}

// network returns what is stored of a network.
func (d *disk) network(n identity.NetworkID) (conf []byte, s netconf.Settings, joined bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	conf, joined = d.networks[n]
	return conf, d.settings[n], joined
}

// fakeSystem gives networks devices of package devicetest.
type fakeSystem struct {
	mu     sync.Mutex
	refuse error
	opened []*fakePort
}

// fakePort is a device with the configuration that it was given.
type fakePort struct {
	*devicetest.Fake
	sys    *fakeSystem
	mu     sync.Mutex
	state  node.NetworkState
	closed bool
}

func (s *fakeSystem) Open(n *node.NetworkState) (Port, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return nil, s.refuse
	}
	kind := device.L3
	if n.Settings.Port == "tap" {
		kind = device.L2
	}
	p := &fakePort{Fake: devicetest.New(devicetest.Config{Name: n.ID.String()[:8], Kind: kind, MTU: n.MTU}), sys: s}
	s.opened = append(s.opened, p)
	return p, nil
}

// all lists the ports that were opened, in order.
func (s *fakeSystem) all() []*fakePort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*fakePort(nil), s.opened...)
}

// last is the port opened last.
func (s *fakeSystem) last(t *testing.T) *fakePort {
	t.Helper()
	all := s.all()
	if len(all) == 0 {
		t.Fatal("no port was opened")
	}
	return all[len(all)-1]
}

func (p *fakePort) Ethernet() bool { return p.Kind() == device.L2 }

func (p *fakePort) Apply(n *node.NetworkState) error {
	p.sys.mu.Lock()
	refuse := p.sys.refuse
	p.sys.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = *n
	return p.SetMTU(n.MTU)
}

func (p *fakePort) Observe() ([]netip.Prefix, []identity.MAC, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Addresses, nil, nil
}

func (p *fakePort) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.Fake.Close()
}

func (p *fakePort) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// person is a host with all that is around it.
type person struct {
	*Host
	t       *testing.T
	secret  *identity.Secret
	control *controller.Controller
	sockets *fakeSockets
	disk    *disk
	system  *fakeSystem
	stop    func() error // ends Run and returns what it did

	mu     sync.Mutex
	events []node.Event
	stored []error
}

// start runs a host at addr; it is stopped with the test.
func start(t *testing.T, w *wires, i int, addr string, d *disk, planet *world.World) *person {
	t.Helper()
	p := &person{t: t, secret: secret(t, i), disk: d, system: &fakeSystem{}, sockets: w.at(netip.MustParseAddrPort(addr))}
	p.control = controller.New(controller.Config{Self: p.secret, Random: pseudo(uint64(i) + 50), Log: quiet()})
	p.Host = New(Config{
		Core: func(at clock.Instant) *node.Core {
			return node.New(node.Config{
				Secret: p.secret, Trust: trust.New(trust.DefaultLimit), Controller: p.control, Random: pseudo(uint64(i) + 1), Log: quiet(),
				PeerCache: maps.Clone(d.peers), Platform: "test/none",
			}, at)
		},
		Sockets: p.sockets, State: d, System: p.system, Log: quiet(),
		Changed: func() {},
		Event: func(e node.Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, e)
		},
		Stored: func(_ Storage, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.stored = append(p.stored, err)
		},
	})
	p.validate = func(identity.Identity) bool { return true } // the identities are good, and this is slow
	if planet != nil {
		p.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if err := c.AddWorld(at, planet, out); err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = p.stop() })
	return p
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// pseudo is a source of numbers that differ.
func pseudo(seed uint64) func([]byte) {
	return func(b []byte) {
		for i := range b {
			seed = seed*6364136223846793005 + 1442695040888963407
			b[i] = byte(seed >> 56)
		}
	}
}

// planetOf is a planet of one root.
func planetOf(t *testing.T, root *identity.Secret, at string) *world.World {
	t.Helper()
	key := world.GenerateSigningKey(pseudo(99))
	w := &world.World{Kind: world.Planet, ID: 77, Timestamp: 1, Roots: []world.Root{{Identity: root.Identity, Endpoints: []netip.AddrPort{netip.MustParseAddrPort(at)}}}}
	key.Sign(w)
	return w
}

// network makes a public network on p's controller and returns its ID.
func (p *person) network(body string) identity.NetworkID {
	p.t.Helper()
	nwid := identity.NetworkID(uint64(p.secret.Address)<<24 | 0x17)
	err := p.DoDurably(context.Background(), func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.Control(at, out, func(ctl *controller.Controller) {
			if _, err := ctl.PutNetwork(at, nwid, []byte(body)); err != nil {
				p.t.Error(err)
			}
		})
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return nwid
}

const openNetwork = `{"private":false,"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.17.0/24"}],
	"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.254"}]}`

// join joins with the default settings.
func (p *person) join(nwid identity.NetworkID) {
	p.t.Helper()
	if _, err := p.Configure(nwid, true, nil, func(*netconf.Settings) error { return nil }); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) leave(nwid identity.NetworkID) {
	p.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Leave(at, nwid, out) })
}

func (p *person) state(nwid identity.NetworkID) (s node.NetworkState, joined bool) {
	p.View(func(c *node.Core, _ clock.Instant) { s, joined = c.Network(nwid) })
	return s, joined
}

// address is p's IPv4 address on a network.
func (p *person) address(nwid identity.NetworkID) netip.Addr {
	p.t.Helper()
	s, _ := p.state(nwid)
	for _, a := range s.Addresses {
		if a.Addr().Is4() {
			return a.Addr()
		}
	}
	p.t.Fatalf("%s has no address on %s (%v)", p.secret.Address, nwid, s.Status)
	return netip.Addr{}
}

func (p *person) told() []node.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]node.Event(nil), p.events...)
}

func (p *person) storedSaid() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]error(nil), p.stored...)
}

// pass lets time pass, and everything that happens in it.
func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// packet is an IPv4 packet of a protocol that nobody answers.
func packet(from, to netip.Addr, n int) []byte {
	b := make([]byte, n)
	b[0], b[8], b[9] = 0x45, 64, 253
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	copy(b[12:], from.AsSlice())
	copy(b[16:], to.AsSlice())
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
	return b
}

// received lists the packets of protocol 253 that came out of a device.
func received(p *fakePort) (got [][]byte) {
	for _, b := range p.Received() {
		if len(b) >= 20 && b[0] == 0x45 && b[9] == 253 {
			got = append(got, b)
		}
	}
	return got
}

// trio is a root with a controller and two members of its network.
func trio(t *testing.T) (root, a, b *person, nwid identity.NetworkID) {
	t.Helper()
	w := &wires{}
	planet := planetOf(t, secret(t, 0), "10.9.0.1:9993")
	root = start(t, w, 0, "10.9.0.1:9993", newDisk(), planet)
	a = start(t, w, 1, "10.9.0.2:9993", newDisk(), planet)
	b = start(t, w, 2, "10.9.0.3:9993", newDisk(), planet)
	nwid = root.network(openNetwork)
	return root, a, b, nwid
}

func newFake(mtu int) *devicetest.Fake { return devicetest.New(devicetest.Config{MTU: mtu}) }

func networkID(n uint64) identity.NetworkID { return identity.NetworkID(n) }

var errDisk = &os.PathError{Op: "write", Path: "state", Err: errors.New("no space left")}
