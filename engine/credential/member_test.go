package credential

import (
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// deviation is where a step of a sequence must end otherwise than recorded:
// revoking a tag or the like does not touch the membership (spec 04 §18.1).
var deviation = map[string]map[int]struct {
	result  Result
	allowed bool
}{
	"com-replacement-and-revocation": {
		11: {Added, true},
		12: {Added, true},
	},
}

func TestMemberSequences(t *testing.T) {
	t.Parallel()
	w := load(t)
	ours, _, err := ParseMembership(w.bin(t, "com-good"))
	if err != nil {
		t.Fatal(err)
	}
	peer := w.secrets["peerB"].Identity
	win := Window{Center: w.Now, MaxDelta: 1_800_000}
	results := map[string]Result{"accepted_new": Added, "accepted_redundant": Redundant, "rejected": Rejected}
	for _, seq := range w.Sequences {
		m := Member{Network: w.NetworkID, Address: peer.Address}
		for i, s := range seq.Steps {
			want, ok := results[s.Result]
			if !ok {
				t.Fatalf("%s %d: unknown result %q", seq.Name, i, s.Result)
			}
			allowed := s.AllowedAfter != nil && *s.AllowedAfter
			if d, ok := deviation[seq.Name][i]; ok {
				want, allowed = d.result, d.allowed
			}
			var (
				got Result
				tag uint32
			)
			switch s.Add {
			case "com":
				c, _, err := ParseMembership(s.Bin)
				if err != nil {
					t.Fatal(err)
				}
				got, _ = m.AddMembership(&c, w.look)
			case "tag":
				c, _, err := ParseTag(s.Bin)
				if err != nil {
					t.Fatal(err)
				}
				got, _ = m.AddTag(&c, w.look)
				tag = c.ID
			case "revocation":
				c, _, err := ParseRevocation(s.Bin)
				if err != nil {
					t.Fatal(err)
				}
				got, _ = m.AddRevocation(&c, w.look)
				tag = c.CredentialID
			}
			if got != want {
				t.Errorf("%s %d: %v, want %v", seq.Name, i, got, want)
			}
			if s.AllowedAfter != nil && m.Allowed(&ours, peer) != allowed {
				t.Errorf("%s %d: allowed %v", seq.Name, i, !allowed)
			}
			if s.UsableAfter != nil {
				v, ok := m.View(win).Side.Tag(tag)
				if ok != *s.UsableAfter || ok && v != s.ValueAfter {
					t.Errorf("%s %d: tag %d is %d, %v", seq.Name, i, tag, v, ok)
				}
			}
		}
	}
}

// bench is a network with a controller that signs for peerB.
type bench struct {
	*world
	controller *identity.Secret
	peer       identity.Identity
	m          Member
	win        Window
}

func newBench(t *testing.T) *bench {
	w := load(t)
	b := &bench{world: w, controller: w.secrets["controller"], peer: w.secrets["peerB"].Identity}
	b.m = Member{Network: w.NetworkID, Address: b.peer.Address}
	b.win = Window{Center: w.Now, MaxDelta: 1000}
	return b
}

func (b *bench) tag(id uint32, at clock.Wall) *Tag {
	c := &Tag{Network: b.NetworkID, Timestamp: at, ID: id, Value: id, IssuedTo: b.peer.Address}
	c.Sign(b.controller)
	return c
}

func (b *bench) capability(id uint32, at clock.Wall) *Capability {
	c := &Capability{Network: b.NetworkID, Timestamp: at, ID: id, Rules: []rule.Rule{{Type: rule.ActionAccept}}}
	c.Sign(b.controller, b.peer.Address)
	return c
}

func (b *bench) ownership(id uint32, at clock.Wall, things ...Thing) *Ownership {
	c := &Ownership{Network: b.NetworkID, Timestamp: at, ID: id, Things: things, IssuedTo: b.peer.Address}
	c.Sign(b.controller)
	return c
}

func (b *bench) revocation(kind Type, id uint32, threshold clock.Wall) *Revocation {
	c := &Revocation{Network: b.NetworkID, Type: kind, CredentialID: id, Threshold: threshold, Target: b.peer.Address}
	c.Sign(b.controller)
	return c
}

// expect fails unless a result is as wanted.
func expect(t *testing.T, what string, want Result) func(Result, identity.Address) {
	return func(got Result, _ identity.Address) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestMemberView(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mac := Thing{Type: ThingMAC}
	identity.MAC(0x3eab2976ee98).Put(mac.Value[:])
	expect(t, "tag 2", Added)(b.m.AddTag(b.tag(2, b.Now), b.look))
	expect(t, "tag 1", Added)(b.m.AddTag(b.tag(1, b.Now+1000), b.look))
	expect(t, "tag 3, later", Added)(b.m.AddTag(b.tag(3, b.Now+1001), b.look))
	expect(t, "capability 9", Added)(b.m.AddCapability(b.capability(9, b.Now), b.look))
	expect(t, "capability 8", Added)(b.m.AddCapability(b.capability(8, b.Now), b.look))
	expect(t, "capability 9 again", Redundant)(b.m.AddCapability(b.capability(9, b.Now), b.look))
	expect(t, "capability 9, older", Rejected)(b.m.AddCapability(b.capability(9, b.Now-1), b.look))
	expect(t, "ownership", Added)(b.m.AddOwnership(b.ownership(1, b.Now, mac), b.look))
	expect(t, "ownership again", Redundant)(b.m.AddOwnership(b.ownership(1, b.Now, mac), b.look))
	expect(t, "ownership, older", Rejected)(b.m.AddOwnership(b.ownership(1, b.Now-1, mac), b.look))

	v := b.m.View(b.win)
	if len(v.Side.Tags) != 2 || v.Side.Tags[0].ID != 1 || v.Side.Tags[1].ID != 2 {
		t.Errorf("tags %v", v.Side.Tags)
	}
	if len(v.Capabilities) != 2 || len(v.Side.MACs) != 1 || v.Side.MACs[0] != 0x3eab2976ee98 {
		t.Errorf("%d capabilities, MACs %v", len(v.Capabilities), v.Side.MACs)
	}
	if b.m.View(b.win) != v {
		t.Error("view rebuilt without a change")
	}
	expect(t, "revocation", Added)(b.m.AddRevocation(b.revocation(TypeCapability, 9, b.Now), b.look))
	expect(t, "revocation again", Redundant)(b.m.AddRevocation(b.revocation(TypeCapability, 9, b.Now), b.look))
	expect(t, "ownership revoked", Added)(b.m.AddRevocation(b.revocation(TypeOwnership, 1, b.Now), b.look))
	revoked := b.capability(9, b.Now)
	revoked.MaxCustody = 2
	expect(t, "revoked capability", Rejected)(b.m.AddCapability(revoked, func(identity.Address) (identity.Identity, bool) {
		t.Error("verified a credential that is revoked")
		return identity.Identity{}, false
	}))
	if n := b.m.View(b.win); n == v || len(n.Capabilities) != 1 || len(n.Side.MACs) != 0 || len(v.Capabilities) != 2 {
		t.Error("revocation did not give another view")
	}
	if late := b.m.View(Window{Center: b.Now + 2000, MaxDelta: 1000}); len(late.Side.Tags) != 2 || len(late.Capabilities) != 0 {
		t.Errorf("later: %+v", late)
	}
}

// TestMemberOthers offers credentials that are not about this member.
func TestMemberOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.m.Address = b.secrets["self"].Address
	com := NewMembership(b.NetworkID, b.peer, b.Now, 1000)
	com.Sign(b.controller)
	expect(t, "membership", Rejected)(b.m.AddMembership(&com, b.look))
	expect(t, "tag", Rejected)(b.m.AddTag(b.tag(1, b.Now), b.look))
	expect(t, "capability", Rejected)(b.m.AddCapability(b.capability(1, b.Now), b.look))
	expect(t, "ownership", Rejected)(b.m.AddOwnership(b.ownership(1, b.Now), b.look))
	expect(t, "revocation", Rejected)(b.m.AddRevocation(b.revocation(TypeMembership, 0, b.Now), b.look))
	b.m.Address, b.m.Network = b.peer.Address, b.NetworkID+1
	expect(t, "other network", Rejected)(b.m.AddTag(b.tag(1, b.Now), b.look))
}

// TestMemberWaits checks that nothing is kept while the signer is unknown.
func TestMemberWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nobody := func(identity.Address) (identity.Identity, bool) { return identity.Identity{}, false }
	r, missing := b.m.AddTag(b.tag(1, b.Now), nobody)
	if r != Waiting || missing != b.controller.Address {
		t.Errorf("%v for want of %v", r, missing)
	}
	expect(t, "revocation", Waiting)(b.m.AddRevocation(b.revocation(TypeMembership, 0, b.Now), nobody))
	if len(b.m.View(b.win).Side.Tags) != 0 || b.m.Threshold() != 0 {
		t.Error("kept what did not verify")
	}
}

func TestMemberLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for id := range uint32(maxHeldOwnerships) {
		expect(t, "ownership", Added)(b.m.AddOwnership(b.ownership(id, b.Now), b.look))
	}
	expect(t, "one too many", Rejected)(b.m.AddOwnership(b.ownership(99, b.Now), b.look))
	expect(t, "newer of a held one", Added)(b.m.AddOwnership(b.ownership(1, b.Now+1), b.look))
	expect(t, "unknown type", Rejected)(b.m.AddRevocation(b.revocation(5, 0, b.Now), b.look))
}

func TestMemberClean(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	expect(t, "tag", Added)(b.m.AddTag(b.tag(1, b.Now), b.look))
	expect(t, "revocation", Added)(b.m.AddRevocation(b.revocation(TypeMembership, 0, b.Now), b.look))
	if !b.m.Clean(b.win) || len(b.m.tags) != 1 {
		t.Error("dropped what still counts")
	}
	if later := (Window{Center: b.Now + 2000, MaxDelta: 1000}); !b.m.Clean(later) || len(b.m.tags) != 0 {
		t.Error("kept an unusable tag, or gave up a threshold too soon")
	}
	if latest := (Window{Center: b.Now + 2001, MaxDelta: 1000}); b.m.Clean(latest) {
		t.Error("kept a threshold that nothing can pass under")
	}
	b.m.Restore(Threshold{Type: TypeMembership, Until: b.Now - 5})
	if b.m.Threshold() != b.Now {
		t.Error("restoring lowered the threshold")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	var all []string
	for _, k := range []Type{TypeMembership, TypeCapability, TypeTag, TypeOwnership, TypeRevocation, 5} {
		all = append(all, k.String())
	}
	for _, o := range []Outcome{OK, Bad, Wait} {
		all = append(all, o.String())
	}
	for _, r := range []Result{Added, Redundant, Rejected, Waiting} {
		all = append(all, r.String())
	}
	const want = "membership capability tag ownership revocation unknown ok bad wait added redundant rejected waiting"
	if got := strings.Join(all, " "); got != want {
		t.Errorf("%s", got)
	}
}

// TestRenewedCapability: one that is renewed has its own rules, be they those of
// the one before or not.
func TestRenewedCapability(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := rule.Input{Inbound: true, Source: b.peer.Address, EtherType: 0x0800, Frame: []byte("x"), Local: &rule.Local{}, Remote: &rule.Side{}}
	for i, want := range []rule.Result{rule.Accept, rule.Accept, rule.Drop, rule.Drop, rule.Accept} {
		c := &Capability{Network: b.NetworkID, Timestamp: b.Now + clock.Wall(i), ID: 9, Rules: []rule.Rule{{Type: rule.ActionAccept}}}
		if want == rule.Drop {
			c.Rules[0].Type = rule.ActionDrop
		}
		c.Sign(b.controller, b.peer.Address)
		expect(t, "capability", Added)(b.m.AddCapability(c, b.look))
		v := b.m.View(b.win)
		if len(v.Capabilities) != 1 || v.Capabilities[0].Evaluate(&in).Result != want {
			t.Errorf("step %d: %+v, want %v", i, v.Capabilities, want)
		}
		if l := b.m.Capabilities(b.win); len(l) != 1 || l[0].Timestamp != c.Timestamp {
			t.Errorf("step %d: holds %+v", i, l)
		}
	}
	if l := b.m.Capabilities(Window{Center: b.Now + 100_000, MaxDelta: 1000}); len(l) != 0 {
		t.Errorf("%d capabilities count that are too old", len(l))
	}
}

// TestKeyOfAPeer: a certificate that says whose it is counts for that key only,
// whatever ours says.
func TestKeyOfAPeer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	theirs := NewMembership(b.NetworkID, b.peer, b.Now, 1000)
	full := NewMembership(b.NetworkID, b.secrets["self"].Identity, b.Now, 1000)
	legacy := MembershipOf(full.Qualifiers()[:3]...)
	impostor := b.secrets["peerC_wrong_signer"].Identity
	impostor.Address = b.peer.Address // the address, but another key
	for name, ours := range map[string]Membership{"with keys": full, "without keys": legacy} {
		if !ours.Agrees(&theirs, b.peer) || ours.Agrees(&theirs, impostor) {
			t.Errorf("ours %s: agrees with the owner %v, with another key %v", name, ours.Agrees(&theirs, b.peer), ours.Agrees(&theirs, impostor))
		}
	}
	if old := MembershipOf(theirs.Qualifiers()[:3]...); full.Agrees(&old, b.peer) || !legacy.Agrees(&old, b.peer) {
		t.Error("a certificate without keys counts only where nobody has them")
	}
}

// TestNewerThanOurs: what others show after we have slept is kept until our own
// configuration has caught up, and then counts.
func TestNewerThanOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	expect(t, "tag", Added)(b.m.AddTag(b.tag(1, b.Now+5000), b.look))
	expect(t, "capability", Added)(b.m.AddCapability(b.capability(1, b.Now+5000), b.look))
	expect(t, "ownership", Added)(b.m.AddOwnership(b.ownership(1, b.Now+5000, Thing{Type: ThingMAC}), b.look))
	for center, counts := range map[clock.Wall]int{b.Now: 0, b.Now + 4000: 1} {
		w := Window{Center: center, MaxDelta: 1000}
		b.m.Clean(w)
		if v := b.m.View(w); len(v.Side.Tags) != counts || len(v.Capabilities) != counts || len(v.Side.MACs) != counts {
			t.Errorf("%d ms on: %+v", center-b.Now, v)
		}
	}
	b.m.Clean(Window{Center: b.Now + 6001, MaxDelta: 1000})
	if len(b.m.tags)+len(b.m.caps)+len(b.m.owned) != 0 {
		t.Error("kept what can never count again")
	}
}
