package model

import (
	"maps"
	"slices"
	"strings"
	"time"

	"orrery/service/ipc"
)

// Options are what a State must know of the machine it runs on.
type Options struct {
	// OS is the system as in runtime.GOOS; commands to type differ by it.
	OS string
	// User is the login name that commands mention; empty for a placeholder.
	User string
	// Zone is the time zone of dates, UTC if nil.
	Zone *time.Location
}

// link is the state of the connection to the service.
type link int

const (
	starting link = iota // not yet known
	up
	down // see linkErr
)

// State is all that the interface knows.
type State struct {
	opt     Options
	link    link
	linkErr error

	status   ipc.Status
	networks map[string]ipc.Network
	peers    map[string]ipc.Peer
	trust    map[string]ipc.TrustRecord
	alerts   map[string]ipc.Alert

	// left has the networks that were left in this session, as they were, so
	// that they can be joined again with their settings.
	left map[string]ipc.Network
	// pending has the requests under way.
	pending map[pendingKey]ipc.Network

	network, peer string // selected
	filter        string // of peers
}

// pendingKey names what a request under way concerns: one at a time per thing.
type pendingKey struct {
	network bool
	target  string
}

// New returns the state before anything is known of the service.
func New(opt Options) *State {
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	s := &State{opt: opt, left: map[string]ipc.Network{}, pending: map[pendingKey]ipc.Network{}}
	s.take(&ipc.Snapshot{})
	return s
}

// Apply takes over one message of the service's event stream. A snapshot
// replaces everything, any other message the one thing that it names; an event
// of an unknown kind or without content is ignored.
func (s *State) Apply(ev ipc.Event) {
	switch {
	case ev.Kind == ipc.EventSnapshot && ev.All != nil:
		s.link, s.linkErr = up, nil
		s.take(ev.All)
	case ev.Kind == ipc.EventStatus && ev.Status != nil:
		role := s.status.Role
		if s.status = *ev.Status; s.status.Role == "" {
			s.status.Role = role // an event for everybody has no role in it
		}
	case ev.Kind == ipc.EventNetwork && ev.Network != nil:
		s.networks[ev.Network.ID] = *ev.Network
	case ev.Kind == ipc.EventNetworkGone:
		delete(s.networks, ev.Gone)
	case ev.Kind == ipc.EventPeer && ev.Peer != nil:
		s.peers[ev.Peer.Address] = *ev.Peer
	case ev.Kind == ipc.EventPeerGone:
		delete(s.peers, ev.Gone)
	case ev.Kind == ipc.EventTrust && ev.Trust != nil:
		s.trust[ev.Trust.Address] = *ev.Trust
	case ev.Kind == ipc.EventTrustGone:
		delete(s.trust, ev.Gone)
	case ev.Kind == ipc.EventAlert && ev.Alert != nil:
		s.alerts[ev.Alert.ID] = *ev.Alert
	case ev.Kind == ipc.EventAlertGone:
		delete(s.alerts, ev.Gone)
	}
}

// Down records that the service cannot be reached, and why.
func (s *State) Down(err error) {
	s.link, s.linkErr = down, err
	s.take(&ipc.Snapshot{})
	clear(s.pending)
}

// take replaces all that came from the service.
func (s *State) take(all *ipc.Snapshot) {
	s.status = all.Status
	s.networks = index(all.Networks, func(n ipc.Network) string { return n.ID })
	s.peers = index(all.Peers, func(p ipc.Peer) string { return p.Address })
	s.trust = index(all.Trust, func(r ipc.TrustRecord) string { return r.Address })
	s.alerts = index(all.Alerts, func(a ipc.Alert) string { return a.ID })
}

func index[T any](list []T, key func(T) string) map[string]T {
	m := make(map[string]T, len(list))
	for _, v := range list {
		m[key(v)] = v
	}
	return m
}

// Begin marks a request as under way. It is false, and the request must not be
// made, if another about the same network or peer is still under way.
func (s *State) Begin(a Action) bool {
	k, ok := pendingOf(a)
	if !ok {
		return true
	}
	if _, busy := s.pending[k]; busy {
		return false
	}
	s.pending[k] = s.networks[a.Target]
	return true
}

// End marks a request as answered. A network that was left stays known, so that
// it can be joined again.
func (s *State) End(a Action, err error) {
	k, ok := pendingOf(a)
	if !ok {
		return
	}
	was, known := s.pending[k]
	delete(s.pending, k)
	if (a.Do == Leave || a.Do == LeaveNow) && err == nil && known && was.ID != "" {
		s.left[a.Target] = was
		delete(s.networks, a.Target) // the event may still be under way
	}
}

func pendingOf(a Action) (k pendingKey, ok bool) {
	switch a.Do {
	case Join, Leave, LeaveNow, SetNetwork, SetRoute:
		return pendingKey{network: true, target: a.Target}, true
	case Rename, Block, Unblock, Settle, Forget, Verify:
		return pendingKey{target: a.Target}, true
	}
	return k, false
}

func (s *State) busy(network bool, target string) bool {
	_, ok := s.pending[pendingKey{network, target}]
	return ok
}

// JoinAgain returns the settings with which a network was left in this session.
func (s *State) JoinAgain(id string) ipc.NetworkSettings { return s.left[id].Settings }

// Up reports whether the service answers.
func (s *State) Up() bool { return s.link == up }

// May reports whether the caller's role allows what needs at least role need.
func (s *State) May(need ipc.Role) bool { return power(s.status.Role) >= power(need) }

func power(r ipc.Role) int {
	return slices.Index([]ipc.Role{ipc.Observer, ipc.Operator, ipc.Administrator}, r)
}

// Select makes a network or a peer the selected one.
func (s *State) Select(a Action) {
	switch a.Do {
	case SelectNetwork:
		s.network = a.Target
	case SelectPeer:
		s.peer = a.Target
	}
}

// Filter limits the list of peers to those whose name, address, path, role or
// trust contain the text.
func (s *State) Filter(text string) { s.filter = strings.ToLower(strings.TrimSpace(text)) }

// sortedKeys lists a map's keys in order, so that nothing shown depends on
// the order of a map.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
