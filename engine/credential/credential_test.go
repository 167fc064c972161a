package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	w := load(t)
	outcomes := map[string]Outcome{"ok": OK, "bad": Bad, "wait_whois": Wait}
	unknown := w.secrets["unknown_to_node"].Address
	for _, c := range w.Cases {
		if c.Type == "coo-owns" {
			continue
		}
		v, n, err := parse(c.Type, c.Bin)
		if c.Parse == "error" {
			if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: parsed, %v", c.Name, err)
			}
			continue
		}
		if err != nil || n != c.Consumed {
			t.Errorf("%s: read %d, %v; want %d", c.Name, n, err, c.Consumed)
			continue
		}
		if got := v.Append(nil); !bytes.Equal(got, c.Reserialized) {
			t.Errorf("%s: encoded %x, want %x", c.Name, got, []byte(c.Reserialized))
		}
		if got := v.AppendSigned(nil); !bytes.Equal(got, c.ForSign) {
			t.Errorf("%s: signed %x, want %x", c.Name, got, []byte(c.ForSign))
		}
		o, missing := v.Verify(w.look)
		if o != outcomes[c.Verify] || (o == Wait) != (missing == unknown) {
			t.Errorf("%s: %v for want of %v, want %s", c.Name, o, missing, c.Verify)
		}
		checkFields(t, &c, v)
	}
}

// checkFields compares decoded fields where the vector states them.
func checkFields(t *testing.T, c *vector, v signed) {
	t.Helper()
	if c.Fields == nil {
		return
	}
	var f struct {
		NetworkID            identity.NetworkID
		Timestamp, Threshold clock.Wall
		ID, Value            uint32
		CredentialID         uint32
		CredentialType       Type
		Target               identity.Address
		IssuedTo, SignedBy   identity.Address
		MaxCustody           uint8 `json:"maxCustodyChainLength"`
		RuleCount            int
		Things, Qualifiers   []any
		Custody              []struct{ To, From identity.Address }
	}
	if err := json.Unmarshal(c.Fields, &f); err != nil {
		t.Fatal(err)
	}
	ok := false
	switch v := v.(type) {
	case *Membership:
		ok = v.Network() == f.NetworkID && v.Timestamp() == f.Timestamp && v.IssuedTo() == f.IssuedTo &&
			v.Signer == f.SignedBy && len(v.Qualifiers()) == len(f.Qualifiers)
	case *Tag:
		ok = v.Network == f.NetworkID && v.Timestamp == f.Timestamp && v.ID == f.ID && v.Value == f.Value &&
			v.IssuedTo == f.IssuedTo && v.SignedBy == f.SignedBy
	case *Capability:
		ok = v.Network == f.NetworkID && v.Timestamp == f.Timestamp && v.ID == f.ID && v.MaxCustody == f.MaxCustody &&
			len(v.Rules) == f.RuleCount && len(v.Custody) == len(f.Custody) && v.IssuedTo() == f.IssuedTo
		for i := range v.Custody {
			ok = ok && v.Custody[i].To == f.Custody[i].To && v.Custody[i].From == f.Custody[i].From
		}
	case *Ownership:
		ok = v.Network == f.NetworkID && v.Timestamp == f.Timestamp && v.ID == f.ID && len(v.Things) == len(f.Things) &&
			v.IssuedTo == f.IssuedTo && v.SignedBy == f.SignedBy
	case *Revocation:
		ok = v.ID == f.ID && v.Network == f.NetworkID && v.CredentialID == f.CredentialID && v.Threshold == f.Threshold &&
			v.Target == f.Target && v.SignedBy == f.SignedBy && v.Type == f.CredentialType
	}
	if !ok {
		t.Errorf("%s: decoded %+v, want %s", c.Name, v, c.Fields)
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	for _, c := range load(t).Cases {
		if c.Type != "coo-owns" {
			continue
		}
		o, _, err := ParseOwnership(c.Bin)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range c.Checks {
			var owns bool
			if k.IP != nil {
				owns = o.OwnsIP(*k.IP)
			} else {
				m, err := identity.ParseMAC(k.MAC)
				if err != nil {
					t.Fatal(err)
				}
				owns = o.OwnsMAC(m)
			}
			if owns != k.Owns {
				t.Errorf("%s: %v %s: %v", c.Name, k.IP, k.MAC, owns)
			}
		}
	}
}

func TestAgreement(t *testing.T) {
	t.Parallel()
	w := load(t)
	for _, c := range w.Agreement {
		ours, _, err := ParseMembership(c.Ours)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _, err := ParseMembership(c.Theirs)
		if err != nil {
			t.Fatal(err)
		}
		id, err := identity.Parse(c.TheirIdentity)
		if err != nil {
			t.Fatal(err)
		}
		if got := ours.Agrees(&theirs, id); got != c.Agrees {
			t.Errorf("%s: %v", c.Name, got)
		}
	}
}

// TestSign signs again what the reference signed: signatures are deterministic.
func TestSign(t *testing.T) {
	t.Parallel()
	w := load(t)
	controller, self := w.secrets["controller"], w.secrets["self"]

	m := NewMembership(w.NetworkID, self.Identity, w.Now, 1_800_000)
	m.Sign(controller)
	if got, want := m.Append(nil), w.bin(t, "com-good"); !bytes.Equal(got, want) {
		t.Errorf("membership %x, want %x", got, want)
	}
	for _, name := range []string{"tag-good", "cap-good", "coo-good", "rev-com-fast"} {
		want := w.bin(t, name)
		switch name[:3] {
		case "tag":
			v, _, _ := ParseTag(want)
			v.Signature, v.SignedBy = identity.Signature{}, 0
			v.Sign(controller)
			same(t, name, &v, want)
		case "cap":
			v, _, _ := ParseCapability(want)
			v.Custody = nil
			if !v.Sign(controller, self.Address) || v.Sign(self, controller.Address) {
				t.Error("capability: wrong length of the chain of custody")
			}
			same(t, name, &v, want)
		case "coo":
			v, _, _ := ParseOwnership(want)
			v.Signature, v.SignedBy = identity.Signature{}, 0
			v.Sign(controller)
			same(t, name, &v, want)
		case "rev":
			v, _, _ := ParseRevocation(want)
			v.Signature, v.SignedBy = identity.Signature{}, 0
			v.Sign(controller)
			same(t, name, &v, want)
		}
	}
}

func same(t *testing.T, name string, v signed, want []byte) {
	t.Helper()
	if got := v.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%s: %x, want %x", name, got, want)
	}
}

// TestDelegate hands a capability on as in the vector cap-chain-2.
func TestDelegate(t *testing.T) {
	t.Parallel()
	w := load(t)
	want := w.bin(t, "cap-chain-2")
	c, _, err := ParseCapability(want)
	if err != nil {
		t.Fatal(err)
	}
	c.Custody = nil
	self, peer := w.secrets["self"], w.secrets["peerB"]
	if !c.Sign(w.secrets["controller"], self.Address) || !c.Sign(self, peer.Address) {
		t.Fatal("no room in the chain")
	}
	same(t, "cap-chain-2", &c, want)
	if c.Sign(peer, 0) {
		t.Error("handed to nobody")
	}
}

func TestMembershipOf(t *testing.T) {
	t.Parallel()
	if m := MembershipOf(Qualifier{ID: 1}, Qualifier{ID: 0}); !m.Empty() {
		t.Error("descending IDs accepted")
	}
	if m := MembershipOf(make([]Qualifier, MaxQualifiers+1)...); !m.Empty() {
		t.Error("nine qualifiers accepted")
	}
	var empty Membership
	if got := empty.Append(nil); !bytes.Equal(got, []byte{1, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("empty membership: %x", got)
	}
}

// TestManyThings checks that an ownership with more things than allowed is
// refused instead of read askew.
func TestManyThings(t *testing.T) {
	t.Parallel()
	b := append([]byte(nil), load(t).bin(t, "coo-16-things-max")...)
	b[29] = 17
	if _, _, err := ParseOwnership(b); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

// TestCapabilityRuleOverrun checks a capability whose last rule claims to end
// beyond the data.
func TestCapabilityRuleOverrun(t *testing.T) {
	t.Parallel()
	c := Capability{Rules: []rule.Rule{{Type: rule.ActionAccept}}, MaxCustody: 1}
	b := c.Append(nil)
	b[23] = 0xff
	if _, _, err := ParseCapability(b); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	w := Window{Center: 5, MaxDelta: 10}
	for at, want := range map[clock.Wall]bool{-6: false, -5: true, 15: true, 16: false, -1 << 63: false, 1<<63 - 1: false} {
		if w.Contains(at) != want {
			t.Errorf("%d: %v", at, !want)
		}
	}
	if all := (Window{Center: -1 << 63, MaxDelta: ^uint64(0)}); !all.Contains(1<<63 - 1) {
		t.Error("the widest window does not reach")
	}
}

// FuzzParse checks that what parses encodes to the same again.
func FuzzParse(f *testing.F) {
	kinds := []string{"com", "tag", "capability", "coo", "revocation"}
	for _, c := range load(f).Cases {
		f.Add([]byte(c.Bin))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range kinds {
			v, n, err := parse(kind, b)
			if err != nil {
				continue
			}
			if n > len(b) {
				t.Fatalf("%s: read %d of %d", kind, n, len(b))
			}
			enc := v.Append(nil)
			again, n, err := parse(kind, enc)
			if err != nil || n != len(enc) || !bytes.Equal(again.Append(nil), enc) {
				t.Fatalf("%s: %x does not round-trip: %v", kind, enc, err)
			}
			if !bytes.Equal(again.AppendSigned(nil), v.AppendSigned(nil)) {
				t.Fatalf("%s: %x signs differently", kind, enc)
			}
			v.Verify(func(identity.Address) (identity.Identity, bool) { return identity.Identity{}, false })
		}
	})
}
