package uitest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"orrery/service/ipc"
	"orrery/service/ipc/invite"
)

// Service is a service without a network behind it. It keeps a snapshot, does
// to it what it is asked, and reports every change to Emit.
type Service struct {
	// Emit gets the events; nil for nobody.
	Emit func(ipc.Event)
	// Called, if not nil, gets every call, as "join 8056c2e21c000001".
	Called func(string)

	mu    sync.Mutex
	all   *ipc.Snapshot
	calls []string
	fail  error
}

// NewService returns a service with a snapshot.
func NewService(all *ipc.Snapshot) *Service { return &Service{all: all} }

// Fail makes every call fail with err, nil for none.
func (s *Service) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Calls lists the calls so far, as "join 8056c2e21c000001".
func (s *Service) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Snapshot returns a copy of the state as an event.
func (s *Service) Snapshot() ipc.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := *s.all
	all.Networks, all.Peers = slices.Clone(all.Networks), slices.Clone(all.Peers)
	all.Trust, all.Alerts = slices.Clone(all.Trust), slices.Clone(all.Alerts)
	return ipc.Event{Seq: all.Seq, Kind: ipc.EventSnapshot, All: &all}
}

// begin notes a call and returns the error that it has to return.
func (s *Service) begin(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	s.calls = append(s.calls, call)
	if s.Called != nil {
		s.Called(call)
	}
	return s.fail
}

func (s *Service) emit(e ipc.Event) {
	s.all.Seq++
	e.Seq = s.all.Seq
	if s.Emit != nil {
		s.Emit(e)
	}
}

// Join implements the service.
func (s *Service) Join(_ context.Context, id string, set ipc.NetworkSettings) (*ipc.Network, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("join %s", id); err != nil {
		return nil, err
	}
	n := ipc.Network{ID: id, Status: ipc.Requesting, Type: "PRIVATE", Settings: set, JoinedAt: Time}
	for _, known := range Snapshot().Networks {
		if known.ID == id {
			n = known
			n.Settings = set
		}
	}
	s.all.Networks = append(s.all.Networks, n)
	s.emit(ipc.Event{Kind: ipc.EventNetwork, Network: &n})
	return &n, nil
}

// JoinInvite implements the service.
func (s *Service) JoinInvite(ctx context.Context, id string, j ipc.Join) (*ipc.Network, error) {
	i, err := invite.Parse(j.Invite)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "%v", err)
	}
	u := ipc.TrustUpdate{Identity: i.Controller.String(), State: ipc.Verified, How: "invite"}
	if _, err := s.UpdateTrust(ctx, id[:10], u); err != nil {
		return nil, err
	}
	return s.Join(ctx, id, j.NetworkSettings)
}

// Invite implements the service.
func (s *Service) Invite(_ context.Context, id, name string) (*ipc.Invite, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("invite %s", id); err != nil {
		return nil, err
	}
	controller := Identity(id[:10])
	return &ipc.Invite{
		Network: id, Name: name, Link: invite.Prefix + id + "?c=" + controller + "&n=home", Controller: controller, How: "safety number", Since: Time,
	}, nil
}

// Leave implements the service.
func (s *Service) Leave(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("leave %s", id); err != nil {
		return err
	}
	n := len(s.all.Networks)
	s.all.Networks = slices.DeleteFunc(s.all.Networks, func(n ipc.Network) bool { return n.ID == id })
	if len(s.all.Networks) == n {
		return &ipc.Error{Code: ipc.CodeNotFound, Message: "network " + id + " is not joined"}
	}
	s.emit(ipc.Event{Kind: ipc.EventNetworkGone, Gone: id})
	return nil
}

// SetNetwork implements the service.
func (s *Service) SetNetwork(_ context.Context, id string, set ipc.NetworkSettings) (*ipc.Network, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("set %s", id); err != nil {
		return nil, err
	}
	for i := range s.all.Networks {
		n := &s.all.Networks[i]
		if n.ID != id {
			continue
		}
		for _, f := range []struct{ to, from **bool }{
			{&n.Settings.AllowManaged, &set.AllowManaged},
			{&n.Settings.AllowGlobal, &set.AllowGlobal},
			{&n.Settings.AllowDefault, &set.AllowDefault},
			{&n.Settings.AllowDNS, &set.AllowDNS},
			{&n.Settings.DNSDefault, &set.DNSDefault},
			{&n.Settings.VerifiedOnly, &set.VerifiedOnly},
			{&n.Settings.LANDiscovery, &set.LANDiscovery},
			{&n.Settings.RemoteTrace, &set.RemoteTrace},
		} {
			if *f.from != nil {
				*f.to = *f.from
			}
		}
		if set.Port != "" {
			n.Settings.Port = set.Port
		}
		if set.MTU != nil {
			n.Settings.MTU = set.MTU
		}
		if set.Token != nil {
			n.Settings.Token = set.Token
		}
		if set.AcceptRoutes != nil {
			n.Settings.AcceptRoutes = set.AcceptRoutes
		}
		if set.IgnoreRoutes != nil {
			n.Settings.IgnoreRoutes = set.IgnoreRoutes
		}
		c := *n
		s.emit(ipc.Event{Kind: ipc.EventNetwork, Network: &c})
		return &c, nil
	}
	return nil, &ipc.Error{Code: ipc.CodeNotFound, Message: "network " + id + " is not joined"}
}

// UpdateTrust implements the service.
func (s *Service) UpdateTrust(_ context.Context, address string, u ipc.TrustUpdate) (*ipc.TrustRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("trust %s %s", address, u.State); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.all.Trust, func(r ipc.TrustRecord) bool { return r.Address == address })
	if i < 0 {
		i = len(s.all.Trust)
		s.all.Trust = append(s.all.Trust, ipc.TrustRecord{Address: address, Identity: Identity(address), State: ipc.Seen, FirstSeen: Time, Changed: Time, How: "first contact"})
	}
	r := &s.all.Trust[i]
	if u.Identity != "" && u.Identity != r.Identity {
		return nil, &ipc.Error{Code: ipc.CodeConflict, Message: "another identity is recorded for " + address}
	}
	if u.State != "" {
		r.State, r.How, r.Changed = u.State, u.How, Time
	}
	if u.Name != nil {
		r.Name = *u.Name
	}
	if u.SettleConflict {
		r.Conflict = ""
	}
	c := *r
	s.emit(ipc.Event{Kind: ipc.EventTrust, Trust: &c})
	return &c, nil
}

// ForgetTrust implements the service.
func (s *Service) ForgetTrust(_ context.Context, address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("forget %s", address); err != nil {
		return err
	}
	s.all.Trust = slices.DeleteFunc(s.all.Trust, func(r ipc.TrustRecord) bool { return r.Address == address })
	s.emit(ipc.Event{Kind: ipc.EventTrustGone, Gone: address})
	return nil
}

// Verification implements the service.
func (s *Service) Verification(_ context.Context, address string) (*ipc.Verification, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin("verification %s", address); err != nil {
		return nil, err
	}
	return Verification(address), nil
}
