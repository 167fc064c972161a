package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/service/api"
	"orrery/service/caller"
	"orrery/service/host"
	"orrery/service/ipc"
	"orrery/service/udp"
	"orrery/service/verify"
)

// Snapshot implements api.Backend.
func (d *Daemon) Snapshot(context.Context) (*ipc.Snapshot, error) {
	var (
		self    identity.Identity
		status  ipc.Status
		nets    []node.NetworkState
		peers   []vl1.PeerInfo
		records []trust.Record
		roots   int
		health  []vl1.RootInfo
		wanted  []vl1.WantedMoon
		now     clock.Instant
	)
	d.host.View(func(c *node.Core, at clock.Instant) {
		self = c.Self()
		planet := c.Planet()
		roots = len(planet.Roots)
		status = ipc.Status{
			Online: c.Online(), PlanetID: planet.ID, PlanetTime: wallTime(planet.Timestamp), Counters: c.Counters(),
			Controller: len(d.controller.Networks()) > 0,
		}
		for _, a := range c.Surface(at) {
			status.Surface = append(status.Surface, a.String())
		}
		for _, id := range c.Networks() {
			if s, ok := c.Network(id); ok {
				nets = append(nets, s)
			}
		}
		peers = c.Peers(at.Mono)
		health, wanted, now = c.Roots(at.Mono), c.Wanted(), at
		records = c.Trust().All()
	})
	status.Address, status.Identity, status.Fingerprint = self.Address.String(), self.String(), verify.Fingerprint(self)
	status.Version, status.Port, status.StartedAt = d.cfg.Version, d.sockets.Port(), d.started
	d.tellBridges(nets, self.Address, now.Mono)
	snap := &ipc.Snapshot{
		Status: status, Networks: []ipc.Network{}, Peers: []ipc.Peer{}, Trust: []ipc.TrustRecord{}, Alerts: d.alerts.list(),
	}
	for i := range nets {
		snap.Networks = append(snap.Networks, d.networkView(&nets[i]))
		if _, failure := d.host.Device(nets[i].ID); failure.Reason != "" {
			snap.Alerts = append(snap.Alerts, portFailure(&nets[i], failure))
		} else if a, ok := d.routeAlert(&nets[i]); ok {
			snap.Alerts = append(snap.Alerts, a)
		}
		if a, ok := disputeAlert(&nets[i]); ok {
			snap.Alerts = append(snap.Alerts, a)
		}
		snap.Alerts = append(snap.Alerts, networkAlerts(&snap.Networks[i], time.Now())...)
		if a, ok := addressAlert(&nets[i], snap.Networks[i].AddressConflicts); ok {
			snap.Alerts = append(snap.Alerts, a)
		}
		if a, ok := dnsAlert(&nets[i], d.system.nameServers(nets[i].ID)); ok {
			snap.Alerts = append(snap.Alerts, a)
		}
	}
	byAddress := make(map[identity.Address]*trust.Record, len(records))
	for i := range records {
		r := &records[i]
		byAddress[r.Identity.Address] = r
		snap.Trust = append(snap.Trust, trustView(r))
		if r.Conflict != nil {
			snap.Alerts = append(snap.Alerts, conflictAlert(r))
		}
	}
	for i := range peers {
		snap.Peers = append(snap.Peers, d.peerView(&peers[i], byAddress[peers[i].Identity.Address]))
	}
	for i := range wanted {
		if wanted[i].Refused {
			snap.Alerts = append(snap.Alerts, moonAlert(&wanted[i]))
		}
	}
	if a, ok := d.planetAlert(health, now); ok {
		snap.Alerts = append(snap.Alerts, a)
	}
	if a, ok := d.offlineAlert(time.Now(), roots); ok && !status.Online {
		snap.Alerts = append(snap.Alerts, a)
	}
	return snap, nil
}

func (d *Daemon) network(nwid identity.NetworkID) (node.NetworkState, bool) {
	var s node.NetworkState
	ok := false
	d.host.View(func(c *node.Core, _ clock.Instant) { s, ok = c.Network(nwid) })
	return s, ok
}

func notJoined(nwid identity.NetworkID) error {
	return ipc.Errorf(ipc.CodeNotFound, "this computer has not joined network %s", nwid).Advise("Join it first: orreryctl join %s", nwid)
}

// storageError turns the host's answers about storing into the contract's.
func (d *Daemon) storageError(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, new(*ipc.Error)):
		return err // it says itself what to do
	case errors.Is(err, host.ErrStopped):
		return &ipc.Error{Code: ipc.CodeUnavailable, Message: "The service is stopping", Advice: "Try again when it runs"}
	}
	return &ipc.Error{
		Code: ipc.CodeInternal, Message: "The change is in effect, but could not be stored: " + oneLine(err.Error()),
		Advice: "Make room on the disk, or repair the permissions of " + d.home.Path() + ". It is tried again by itself",
	}
}

// keep is an edit that sets all settings.
func keep(s netconf.Settings) func(*netconf.Settings) error {
	return func(p *netconf.Settings) error { *p = s; return nil }
}

// configure joins a network or changes its settings, and returns once that is
// stored.
func (d *Daemon) configure(ctx context.Context, nwid identity.NetworkID, join bool, want ipc.NetworkSettings) (*ipc.Network, error) {
	now := time.Now().UTC()
	was, err := d.host.Configure(nwid, join, nil, func(s *netconf.Settings) error {
		next, err := settings(*s, want)
		if err != nil {
			return err
		}
		*s = next
		d.mu.Lock()
		defer d.mu.Unlock()
		if _, known := d.joined[nwid]; !known && join {
			d.joined[nwid] = now
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !was && !join:
		return nil, notJoined(nwid)
	}
	if err := d.storageError(d.host.Sync(ctx)); err != nil {
		return nil, err
	}
	s, ok := d.network(nwid)
	if !ok {
		return nil, notJoined(nwid) // somebody left it meanwhile
	}
	n := d.networkView(&s)
	return &n, nil
}

// Join implements api.Backend.
func (d *Daemon) Join(ctx context.Context, nwid identity.NetworkID, want ipc.NetworkSettings) (*ipc.Network, error) {
	return d.configure(ctx, nwid, true, want)
}

// SetNetwork implements api.Backend.
func (d *Daemon) SetNetwork(ctx context.Context, nwid identity.NetworkID, want ipc.NetworkSettings) (*ipc.Network, error) {
	return d.configure(ctx, nwid, false, want)
}

// Leave implements api.Backend.
func (d *Daemon) Leave(ctx context.Context, nwid identity.NetworkID) error {
	joined := false
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if _, joined = c.Network(nwid); !joined {
			return
		}
		c.Leave(at, nwid, out)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.joined, nwid)
	})
	if !joined {
		return notJoined(nwid)
	}
	return d.storageError(d.host.Sync(ctx))
}

// trustError turns the engine's errors into the contract's.
func trustError(a identity.Address, err error) error {
	switch {
	case errors.Is(err, trust.ErrConflict):
		return ipc.Errorf(ipc.CodeConflict, "Another key is recorded for %s", a).
			Advise("If you are sure that the new identity is right, forget the record first")
	case errors.Is(err, trust.ErrUnknown):
		return ipc.Errorf(ipc.CodeNotFound, "Nothing is recorded for %s", a).Advise("Name its full identity to record it")
	case errors.Is(err, trust.ErrState):
		return ipc.Errorf(ipc.CodeBadRequest, "%s", capital(err.Error())).Advise("Nothing was changed")
	}
	return err
}

func errOwn(a identity.Address) error {
	return ipc.Errorf(ipc.CodeBadRequest, "%s is this computer's own address", a).Advise("Name the address of another computer")
}

// UpdateTrust implements api.Backend.
func (d *Daemon) UpdateTrust(ctx context.Context, a identity.Address, u ipc.TrustUpdate) (*ipc.TrustRecord, error) {
	var self identity.Identity
	d.host.View(func(c *node.Core, _ clock.Instant) { self = c.Self() })
	if a == self.Address {
		return nil, errOwn(a)
	}
	var named *identity.Identity
	if u.Identity != "" {
		id, err := identity.Parse(u.Identity)
		if err != nil {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "the identity cannot be used: %v", err)
		}
		if id.Address != a {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "the identity is of address %s, not %s", id.Address, a)
		}
		if !id.Validate() {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "the identity is not valid: its address does not follow from its key").
				Advise("Ask for the identity again; a character may be missing or wrong")
		}
		named = &id
	}
	var rec trust.Record
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		err = c.ChangeTrust(at, out, func(t *trust.Table) error { return changeTrust(t, at.Wall, a, named, u) })
		rec, _ = c.Trust().Get(a)
	})
	if err != nil {
		return nil, trustError(a, err)
	}
	if err := d.storageError(d.host.Sync(ctx)); err != nil {
		return nil, err
	}
	v := trustView(&rec)
	return &v, nil
}

// changeTrust checks everything before it changes anything.
func changeTrust(t *trust.Table, now clock.Wall, a identity.Address, named *identity.Identity, u ipc.TrustUpdate) error {
	rec, ok := t.Get(a)
	switch {
	case !ok && named == nil:
		return trust.ErrUnknown
	case ok && named != nil && rec.Identity != *named:
		return trust.ErrConflict
	case !ok:
		rec.Identity = *named
		rec.State = trust.Seen
	}
	state := rec.State
	if u.State != "" {
		state = trust.State(u.State)
	}
	if u.State != "" || !ok {
		how := u.How
		if how == "" {
			how = "the user said so"
		}
		if err := t.Set(now, rec.Identity, state, how); err != nil {
			return err
		}
	}
	if u.Name != nil || u.Note != nil {
		if err := t.Describe(now, a, u.Name, u.Note); err != nil {
			return err
		}
	}
	if u.SettleConflict {
		return t.Settle(now, a)
	}
	return nil
}

// ForgetTrust implements api.Backend.
func (d *Daemon) ForgetTrust(ctx context.Context, a identity.Address) error {
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		err = c.ChangeTrust(at, out, func(t *trust.Table) error { return t.Forget(a) })
	})
	if errors.Is(err, trust.ErrUnknown) {
		return ipc.Errorf(ipc.CodeNotFound, "Nothing is recorded for %s", a).Advise("Nothing was changed; \"orreryctl trust list\" shows the records")
	}
	if err != nil {
		return trustError(a, err)
	}
	return d.storageError(d.host.Sync(ctx))
}

// askEvery and askFor are how Verification waits for an identity.
const (
	askEvery = 100 * time.Millisecond
	askFor   = 6 * time.Second
)

// Verification implements api.Backend. An identity that is not known is asked
// for.
func (d *Daemon) Verification(ctx context.Context, a identity.Address) (*ipc.Verification, error) {
	look := func() (self, id identity.Identity, rec trust.Record, ok bool) {
		d.host.View(func(c *node.Core, _ clock.Instant) {
			self = c.Self()
			if rec, ok = c.Trust().Get(a); ok {
				id = rec.Identity
				return
			}
			id, ok = c.Identity(a)
			rec.State = trust.Seen
		})
		return self, id, rec, ok
	}
	patience := time.NewTimer(askFor)
	defer patience.Stop()
	for {
		self, id, rec, ok := look()
		if a == self.Address {
			return nil, errOwn(a)
		}
		if ok {
			return verify.Between(self, id, ipc.TrustState(rec.State), ""), nil
		}
		d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Ask(at, a, out) })
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, ipc.Errorf(ipc.CodeNotFound, "Nobody knows an identity for %s", a).
				Advise("Check the address, and that the other side is online")
		case <-time.After(askEvery):
		}
	}
}

// Config implements api.Backend.
func (d *Daemon) Config(context.Context) (*ipc.Config, error) {
	conf := d.conf.get()
	c := &ipc.Config{
		LocalConf: conf.JSON(), Error: *d.conf.problem.Load(), HomeDir: d.home.Path(), PrimaryPort: d.sockets.Port(),
		CompatAPI: d.compat.serving.Load(), OperatorGroup: d.cfg.OperatorGroup,
	}
	c.PortMapping, c.AllowTCPFallback, c.ForceTCPRelay = conf.Settings.PortMapping, conf.Settings.AllowTCPFallbackRelay, conf.Settings.ForceTCPRelay
	c.TCPFallbackActive, c.Mapping, c.TCPRelay = d.carrier.open.Load(), d.PortMapping(), d.TCPRelay()
	if c.OperatorGroup == "" {
		c.OperatorGroup = caller.DefaultGroup
	}
	for _, s := range d.sockets.Status() {
		if s.Role != udp.Burst {
			c.ListeningOn = append(c.ListeningOn, fmt.Sprintf("%s/%d", s.Local.Addr(), s.Local.Port()))
		}
	}
	ports := d.ports.get()
	c.SecondaryPort, c.TertiaryPort = ports.Secondary, ports.Tertiary
	return c, nil
}

// Controller implements api.Backend.
func (d *Daemon) Controller() api.Controller { return control{d} }

// Diagnostics implements api.Backend.
func (d *Daemon) Diagnostics(ctx context.Context) (string, error) {
	snap, err := d.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Orrery %s, node %s, online %v, port %d, running since %s\n", snap.Status.Version, snap.Status.Address,
		snap.Status.Online, snap.Status.Port, snap.Status.StartedAt.Format(time.RFC3339))
	fmt.Fprintf(&b, "home %s, planet %016x of %s, seen at %s\n\n", d.home.Path(), snap.Status.PlanetID,
		snap.Status.PlanetTime.Format(time.RFC3339), strings.Join(snap.Status.Surface, " "))
	for _, n := range snap.Networks {
		fmt.Fprintf(&b, "network %s %q %s device %s mtu %d %s\n", n.ID, n.Name, n.Status, n.Device, n.MTU, strings.Join(n.Addresses, " "))
		if n.Detail != "" {
			fmt.Fprintf(&b, "  %s\n", n.Detail)
		}
		b.WriteString(dnsLine(&n.DNS))
	}
	b.WriteString("\n")
	for _, p := range snap.Peers {
		fmt.Fprintf(&b, "peer %s %s %s latency %d ms direct %v %s trust %s\n", p.Address, p.Role, p.Version, p.LatencyMs, p.Direct, p.Reason, p.Trust)
		for _, x := range p.Paths {
			fmt.Fprintf(&b, "  %s active %v preferred %v latency %d ms\n", x.Address, x.Active, x.Preferred, x.LatencyMs)
		}
	}
	b.WriteString("\n")
	for _, k := range sortedKeys(snap.Status.Counters) {
		fmt.Fprintf(&b, "%-32s %d\n", k, snap.Status.Counters[k])
	}
	fmt.Fprintf(&b, "\nudp %+v\n", d.sockets.Stats())
	for _, s := range d.sockets.Status() {
		fmt.Fprintf(&b, "  socket %d %v %s %s in %d (%d bytes) out %d (%d bytes) errors %d %s\n", s.ID, s.Local, s.Device, s.Role,
			s.Stats.ReceivedDatagrams, s.Stats.ReceivedBytes, s.Stats.SentDatagrams, s.Stats.SentBytes, s.Stats.SendErrors, s.LastError)
	}
	b.WriteString(d.waysReport())
	for _, a := range snap.Alerts {
		fmt.Fprintf(&b, "\n%s: %s\n%s %s\n", a.Severity, a.Title, a.Text, a.Advice)
	}
	return b.String(), nil
}

func sortedKeys(m map[string]uint64) []string { return slices.Sorted(maps.Keys(m)) }
