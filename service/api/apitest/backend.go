// Package apitest has a small backend that keeps everything in memory, for tests
// of the local API, of its clients and of programs that use them. It is never
// part of a program.
package apitest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/api"
	"orrery/service/ipc"
	"orrery/service/verify"
)

// Backend implements api.Backend and api.Orbiter. Fill in the exported fields
// before use; afterwards change them through [Backend.Change] only.
type Backend struct {
	mu sync.Mutex

	// State is what Snapshot returns a copy of.
	State ipc.Snapshot
	// Conf is what Config returns a copy of.
	Conf ipc.Config
	// World is the planet; Orbits are the moons.
	World  ipc.World
	Orbits []ipc.World
	// Self is the node's own identity.
	Self identity.Identity
	// Hosted is the controller; nil for none.
	Hosted *Controller
	// Report is what Diagnostics returns.
	Report string
	// Health is what Examine returns a copy of.
	Health ipc.Examination
	// Lines is the log.
	Lines []ipc.LogLine
	// Ruled are the rules of the networks joined, Explained what a frame that is
	// long enough gets, and Asked the last frame.
	Ruled     ipc.NetworkRules
	Explained ipc.RuleExplanation
	Asked     ipc.FrameQuery
	// Page is what Metrics returns.
	Page string
	// Fail, if not nil, is what every call returns.
	Fail error
	// OnChange, if not nil, is called after every change.
	OnChange func()

	// calls counts calls by name.
	calls map[string]int
}

var (
	_ api.Backend    = (*Backend)(nil)
	_ api.Orbiter    = (*Backend)(nil)
	_ api.Meter      = (*Backend)(nil)
	_ api.Chronicler = (*Backend)(nil)
	_ api.Examiner   = (*Backend)(nil)
	_ api.Bridger    = (*Backend)(nil)
	_ api.Explainer  = (*Backend)(nil)
)

// Change runs do while nobody else looks at the backend, then tells.
func (b *Backend) Change(do func(*Backend)) {
	b.mu.Lock()
	do(b)
	b.mu.Unlock()
	if b.OnChange != nil {
		b.OnChange()
	}
}

// Calls returns how often a method was called.
func (b *Backend) Calls(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[name]
}

// enter locks and counts; the caller unlocks also after an error.
func (b *Backend) enter(name string) error {
	b.mu.Lock()
	if b.calls == nil {
		b.calls = make(map[string]int)
	}
	b.calls[name]++
	return b.Fail
}

// clone copies through JSON, so that nothing is shared.
func clone[T any](v T) T {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// Snapshot implements api.Backend.
func (b *Backend) Snapshot(context.Context) (*ipc.Snapshot, error) {
	defer b.mu.Unlock()
	if err := b.enter("Snapshot"); err != nil {
		return nil, err
	}
	s := clone(b.State)
	return &s, nil
}

func (b *Backend) find(nwid identity.NetworkID) *ipc.Network {
	i := slices.IndexFunc(b.State.Networks, func(n ipc.Network) bool { return n.ID == nwid.String() })
	if i < 0 {
		return nil
	}
	return &b.State.Networks[i]
}

// Join implements api.Backend.
func (b *Backend) Join(_ context.Context, nwid identity.NetworkID, s ipc.NetworkSettings) (*ipc.Network, error) {
	if err := b.enter("Join"); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	n := b.find(nwid)
	if n == nil {
		on, off := true, false
		b.State.Networks = append(b.State.Networks, ipc.Network{
			ID: nwid.String(), Status: ipc.Requesting, Type: "PRIVATE", MTU: 2800,
			MAC: identity.MACOf(nwid, b.Self.Address).String(), Device: "zttest",
			Settings: ipc.NetworkSettings{AllowManaged: &on, AllowGlobal: &off, AllowDefault: &off, AllowDNS: &off},
		})
		n = b.find(nwid)
	}
	apply(&n.Settings, s)
	out := clone(*n)
	b.mu.Unlock()
	b.told()
	return &out, nil
}

func (b *Backend) told() {
	if b.OnChange != nil {
		b.OnChange()
	}
}

func apply(to *ipc.NetworkSettings, s ipc.NetworkSettings) {
	for _, p := range []struct{ to, from **bool }{
		{&to.AllowManaged, &s.AllowManaged}, {&to.AllowGlobal, &s.AllowGlobal},
		{&to.AllowDefault, &s.AllowDefault}, {&to.AllowDNS, &s.AllowDNS},
		{&to.VerifiedOnly, &s.VerifiedOnly}, {&to.LANDiscovery, &s.LANDiscovery}, {&to.RemoteTrace, &s.RemoteTrace}, {&to.DNSDefault, &s.DNSDefault},
	} {
		if *p.from != nil {
			*p.to = *p.from
		}
	}
	if s.ManagedOnly != nil {
		to.ManagedOnly = s.ManagedOnly
	}
	if s.Port != "" {
		to.Port = s.Port
	}
	for _, p := range []struct{ to, from *[]string }{{&to.AcceptRoutes, &s.AcceptRoutes}, {&to.IgnoreRoutes, &s.IgnoreRoutes}} {
		if *p.from != nil {
			*p.to = *p.from
		}
	}
	if s.MTU != nil {
		to.MTU = s.MTU
	}
	if s.Token != nil {
		to.Token = s.Token
	}
}

// SetNetwork implements api.Backend.
func (b *Backend) SetNetwork(_ context.Context, nwid identity.NetworkID, s ipc.NetworkSettings) (*ipc.Network, error) {
	if err := b.enter("SetNetwork"); err != nil {
		b.mu.Unlock()
		return nil, err
	}
	n := b.find(nwid)
	if n == nil {
		b.mu.Unlock()
		return nil, ipc.Errorf(ipc.CodeNotFound, "network %s is not joined", nwid)
	}
	apply(&n.Settings, s)
	out := clone(*n)
	b.mu.Unlock()
	b.told()
	return &out, nil
}

// Leave implements api.Backend.
func (b *Backend) Leave(_ context.Context, nwid identity.NetworkID) error {
	err := b.enter("Leave")
	if err == nil && b.find(nwid) == nil {
		err = ipc.Errorf(ipc.CodeNotFound, "network %s is not joined", nwid)
	}
	if err == nil {
		b.State.Networks = slices.DeleteFunc(b.State.Networks, func(n ipc.Network) bool { return n.ID == nwid.String() })
	}
	b.mu.Unlock()
	if err == nil {
		b.told()
	}
	return err
}

func (b *Backend) record(a identity.Address) *ipc.TrustRecord {
	i := slices.IndexFunc(b.State.Trust, func(t ipc.TrustRecord) bool { return t.Address == a.String() })
	if i < 0 {
		return nil
	}
	return &b.State.Trust[i]
}

// UpdateTrust implements api.Backend.
func (b *Backend) UpdateTrust(_ context.Context, a identity.Address, u ipc.TrustUpdate) (*ipc.TrustRecord, error) {
	out, err := b.updateTrust(a, u)
	b.mu.Unlock()
	if err == nil {
		b.told()
	}
	return out, err
}

func (b *Backend) updateTrust(a identity.Address, u ipc.TrustUpdate) (*ipc.TrustRecord, error) {
	if err := b.enter("UpdateTrust"); err != nil {
		return nil, err
	}
	r := b.record(a)
	switch {
	case r == nil && u.Identity == "":
		return nil, ipc.Errorf(ipc.CodeNotFound, "there is no record of %s", a)
	case r == nil:
		b.State.Trust = append(b.State.Trust, ipc.TrustRecord{Address: a.String(), Identity: u.Identity, State: ipc.Seen})
		r = b.record(a)
	case u.Identity != "" && u.Identity != r.Identity:
		return nil, ipc.Errorf(ipc.CodeConflict, "another identity is recorded for %s", a)
	}
	if u.State != "" {
		r.State, r.How, r.Changed = u.State, u.How, time.UnixMilli(1_800_000_000_000).UTC()
	}
	if u.Name != nil {
		r.Name = *u.Name
	}
	if u.Note != nil {
		r.Note = *u.Note
	}
	if u.SettleConflict {
		r.Conflict, r.ConflictFrom, r.ConflictAt = "", "", time.Time{}
	}
	out := clone(*r)
	return &out, nil
}

// ForgetTrust implements api.Backend.
func (b *Backend) ForgetTrust(_ context.Context, a identity.Address) error {
	err := b.enter("ForgetTrust")
	if err == nil && b.record(a) == nil {
		err = ipc.Errorf(ipc.CodeNotFound, "there is no record of %s", a)
	}
	if err == nil {
		b.State.Trust = slices.DeleteFunc(b.State.Trust, func(t ipc.TrustRecord) bool { return t.Address == a.String() })
	}
	b.mu.Unlock()
	if err == nil {
		b.told()
	}
	return err
}

// Verification implements api.Backend.
func (b *Backend) Verification(_ context.Context, a identity.Address) (*ipc.Verification, error) {
	defer b.mu.Unlock()
	if err := b.enter("Verification"); err != nil {
		return nil, err
	}
	r := b.record(a)
	if r == nil {
		return nil, ipc.Errorf(ipc.CodeNotFound, "nobody knows %s", a)
	}
	id, err := identity.Parse(r.Identity)
	if err != nil {
		return nil, fmt.Errorf("record of %s: %w", a, err)
	}
	return verify.Between(b.Self, id, r.State, ""), nil
}

// Planet implements api.Backend.
func (b *Backend) Planet(context.Context) (*ipc.World, error) {
	defer b.mu.Unlock()
	if err := b.enter("Planet"); err != nil {
		return nil, err
	}
	w := clone(b.World)
	return &w, nil
}

// Moons implements api.Backend.
func (b *Backend) Moons(context.Context) ([]ipc.World, error) {
	defer b.mu.Unlock()
	if err := b.enter("Moons"); err != nil {
		return nil, err
	}
	return clone(b.Orbits), nil
}

// Orbit implements api.Orbiter.
func (b *Backend) Orbit(_ context.Context, want world.Wanted) (*ipc.World, error) {
	defer b.mu.Unlock()
	if err := b.enter("Orbit"); err != nil {
		return nil, err
	}
	if want.Seed == 0 {
		return nil, ipc.Errorf(ipc.CodeNotFound, "no file and no seed")
	}
	w := ipc.World{Kind: "moon", ID: want.ID, Waiting: true, Seed: want.Seed.String()}
	b.Orbits = append(b.Orbits, w)
	return &w, nil
}

// Deorbit implements api.Orbiter.
func (b *Backend) Deorbit(_ context.Context, id uint64) error {
	defer b.mu.Unlock()
	if err := b.enter("Deorbit"); err != nil {
		return err
	}
	b.Orbits = slices.DeleteFunc(b.Orbits, func(w ipc.World) bool { return w.ID == id })
	return nil
}

// UseWorld implements api.Orbiter.
func (b *Backend) UseWorld(_ context.Context, w *world.World, key *identity.PublicKey) (*ipc.World, error) {
	defer b.mu.Unlock()
	if err := b.enter("UseWorld"); err != nil {
		return nil, err
	}
	if key != nil && !w.Verify(key) {
		return nil, ipc.Errorf(ipc.CodeConflict, "not signed by the given key")
	}
	v := ipc.World{Kind: w.Kind.String(), ID: w.ID}
	if w.Kind == world.Planet {
		b.World = v
	} else {
		b.Orbits = append(b.Orbits, v)
	}
	return &v, nil
}

// Config implements api.Backend.
func (b *Backend) Config(context.Context) (*ipc.Config, error) {
	defer b.mu.Unlock()
	if err := b.enter("Config"); err != nil {
		return nil, err
	}
	c := b.Conf
	c.LocalConf = slices.Clone(c.LocalConf)
	return &c, nil
}

// PutSettings implements api.Backend.
func (b *Backend) PutSettings(_ context.Context, settings map[string]json.RawMessage) error {
	defer b.mu.Unlock()
	if err := b.enter("PutSettings"); err != nil {
		return err
	}
	var conf map[string]map[string]json.RawMessage
	if err := json.Unmarshal(b.Conf.LocalConf, &conf); err != nil || conf == nil {
		conf = make(map[string]map[string]json.RawMessage)
	}
	if conf["settings"] == nil {
		conf["settings"] = make(map[string]json.RawMessage)
	}
	maps.Copy(conf["settings"], settings)
	raw, err := json.Marshal(conf)
	if err != nil {
		return err
	}
	b.Conf.LocalConf = raw
	return nil
}

// Controller implements api.Backend.
func (b *Backend) Controller() api.Controller {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Hosted == nil {
		return nil
	}
	return b.Hosted
}

// Diagnostics implements api.Backend.
func (b *Backend) Diagnostics(context.Context) (string, error) {
	defer b.mu.Unlock()
	return b.Report, b.enter("Diagnostics")
}

// Metrics implements api.Meter.
func (b *Backend) Metrics(context.Context) ([]byte, error) {
	defer b.mu.Unlock()
	if err := b.enter("Metrics"); err != nil {
		return nil, err
	}
	return []byte(b.Page), nil
}

// Examine implements api.Examiner.
func (b *Backend) Examine(context.Context) (*ipc.Examination, error) {
	defer b.mu.Unlock()
	if err := b.enter("Examine"); err != nil {
		return nil, err
	}
	x := clone(b.Health)
	return &x, nil
}

// Log implements api.Chronicler.
func (b *Backend) Log(_ context.Context, after uint64, _ slog.Level) (*ipc.Log, error) {
	defer b.mu.Unlock()
	if err := b.enter("Log"); err != nil {
		return nil, err
	}
	l := &ipc.Log{Last: uint64(len(b.Lines))}
	for _, x := range b.Lines {
		if x.Seq > after {
			l.Lines = append(l.Lines, x)
		}
	}
	return l, nil
}

// Rules implements api.Explainer.
func (b *Backend) Rules(_ context.Context, nwid identity.NetworkID) (*ipc.NetworkRules, error) {
	defer b.mu.Unlock()
	if err := b.enter("Rules"); err != nil {
		return nil, err
	}
	if b.find(nwid) == nil {
		return nil, ipc.Errorf(ipc.CodeNotFound, "this computer has not joined network %s", nwid)
	}
	r := clone(b.Ruled)
	r.Network = nwid.String()
	return &r, nil
}

// ExplainFrame implements api.Explainer.
func (b *Backend) ExplainFrame(_ context.Context, nwid identity.NetworkID, q ipc.FrameQuery) (*ipc.RuleExplanation, error) {
	defer b.mu.Unlock()
	if err := b.enter("ExplainFrame"); err != nil {
		return nil, err
	}
	if b.find(nwid) == nil {
		return nil, ipc.Errorf(ipc.CodeNotFound, "this computer has not joined network %s", nwid)
	}
	if len(q.Frame) < 14 {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "%d bytes are no Ethernet frame", len(q.Frame))
	}
	b.Asked = q
	x := clone(b.Explained)
	x.Network, x.Bytes = nwid.String(), len(q.Frame)-14
	return &x, nil
}
