package daemon

import (
	"fmt"
	"slices"
	"sync"

	"orrery/engine/identity"
	"orrery/service/store"
	"orrery/service/udp"
)

// ports are the UDP ports in use. The primary one is what others are told; the
// secondary one helps where a router treats the primary one badly, and changes
// when all seem to be blocked; the tertiary one is for port mappings only,
// because some routers treat a port that they have mapped differently (spec 03
// §9.2).
type ports struct {
	self identity.Address
	try  func(port int) error // whether a port is free: [udp.TryPort]

	mu      sync.Mutex // guards what follows
	now     udp.Ports
	missing []string // what cannot be had, in words
	chosen  [2]int   // what was last chosen for a role
}

// get is the ports in use.
func (p *ports) get() udp.Ports {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// follow makes the secondary and the tertiary port those that settings ask for;
// fresh asks for another secondary one, if we are free to choose it. It returns
// the ports, and in words what cannot be had; that is tried again at the next
// call.
func (p *ports) follow(s *store.Settings, fresh bool) (udp.Ports, []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing = nil
	choose := p.steady(secondary)
	if fresh && s.SecondaryPort == 0 {
		choose = p.random(p.now)
		p.now.Secondary = 0
	}
	p.now.Secondary = p.pick("settings.secondaryPort", s.AllowSecondaryPort, s.SecondaryPort, p.now.Secondary,
		[]int{p.now.Primary, p.now.Tertiary}, choose)
	if fresh {
		p.chosen[secondary] = p.now.Secondary
	}
	p.now.Tertiary = p.pick("settings.tertiaryPort", s.PortMapping && !s.ForceTCPRelay, s.TertiaryPort, p.now.Tertiary,
		[]int{p.now.Primary, p.now.Secondary}, p.steady(tertiary))
	return p.now, slices.Clone(p.missing)
}

// pick chooses the port of one role: none, a given one, or one that we may
// choose, which stays as it is.
func (p *ports) pick(setting string, wanted bool, given, have int, others []int, choose func() (int, error)) int {
	switch {
	case !wanted:
		return 0
	case have != 0 && (given == 0 || given == have) && !slices.Contains(others, have):
		return have
	case given != 0 && slices.Contains(others, given):
		p.missing = append(p.missing, fmt.Sprintf("%s: port %d is in use by this service already", setting, given))
		return 0
	case given != 0:
		if err := p.try(given); err != nil {
			p.missing = append(p.missing, fmt.Sprintf("%s: %v", setting, err))
			return 0
		}
		return given
	}
	port, err := choose()
	if err != nil {
		p.missing = append(p.missing, fmt.Sprintf("%s: %v", setting, err))
		return 0
	}
	return port
}

// random chooses a port that is none of those.
func (p *ports) random(not udp.Ports) func() (int, error) {
	return func() (int, error) { return udp.FreePort(not.Primary, not.Secondary, not.Tertiary) }
}

// role is a port that we are free to choose.
type role int

const (
	secondary role = iota
	tertiary
)

// steady chooses a port for a role that is the same at every start if nobody has
// taken it: a router then keeps one mapping for us, and after a restart peers
// find us where they last did.
func (p *ports) steady(r role) func() (int, error) {
	const first, span = 20000, 45500 // spec 03 §9.2
	return func() (int, error) {
		for _, port := range []int{p.chosen[r], first + int((uint64(p.self)+uint64(tertiary-r))*0x9e3779b97f4a7c15>>32%span)} {
			if port != 0 && port != p.now.Primary && port != p.now.Secondary && port != p.now.Tertiary && p.try(port) == nil {
				p.chosen[r] = port
				return port, nil
			}
		}
		port, err := p.random(p.now)()
		p.chosen[r] = port
		return port, err
	}
}

// setPrimary moves the primary port. The old one stays if the new one cannot be
// had.
func (p *ports) setPrimary(port int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port == p.now.Primary {
		return nil
	}
	if port != p.now.Secondary && port != p.now.Tertiary { // or it is ours
		if err := p.try(port); err != nil {
			return err
		}
	}
	p.now.Primary = port
	return nil
}

// begin chooses the primary port at the start. One that was asked for must be
// had; of the usual one another program may be the owner, and then usual is that
// port.
func (p *ports) begin(asked int) (usual int, err error) {
	port := asked
	switch {
	case asked == 0:
		port, err = udp.FreePort()
	case asked < 0:
		port = DefaultPort
		if err = p.try(port); udp.PortInUse(err) {
			usual = port
			port, err = udp.FreePort()
		}
	default:
		err = p.try(port)
	}
	if err != nil {
		return 0, fmt.Errorf("open UDP port %d: %w", port, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Primary = port
	return usual, nil
}
