package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// id makes an identity; the same address with another key for another n.
func id(a identity.Address, n byte) identity.Identity {
	i := identity.Identity{Address: a}
	for j := range i.Public {
		i.Public[j] = n ^ byte(j)
	}
	return i
}

const alice, bob, carol identity.Address = 0x1111111111, 0x2222222222, 0x3333333333

func TestFirstSeenIsKept(t *testing.T) {
	t.Parallel()
	for _, from := range []Source{FromHello, FromWhois, FromWorld, FromCache, FromController, FromUser} {
		table := New(10)
		if !table.Identify(5, id(alice, 1), from) {
			t.Fatalf("%s: the first identity was refused", from)
		}
		if !table.Identify(6, id(alice, 1), FromWhois) {
			t.Errorf("%s: the same identity was refused", from)
		}
		r, ok := table.Get(alice)
		if !ok || r.State != Seen || r.Identity != id(alice, 1) || r.FirstSeen != 5 || r.Changed != 5 || !strings.Contains(r.How, string(from)) {
			t.Errorf("%s: record %+v", from, r)
		}
		if got := table.Changes(); !slices.Equal(got, []identity.Address{alice}) {
			t.Errorf("%s: changes %v", from, got)
		}
		if got := table.Changes(); got != nil {
			t.Errorf("%s: changes twice: %v", from, got)
		}
	}
}

// In every state another key is refused wherever it comes from, and recorded.
func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	for _, state := range []State{Seen, Verified, Blocked} {
		for _, from := range []Source{FromHello, FromWhois, FromWorld, FromCache, FromController, FromUser} {
			t.Run(fmt.Sprintf("%s, %s", state, from), func(t *testing.T) {
				table := New(10)
				if err := table.Set(1, id(alice, 1), state, "by hand"); err != nil {
					t.Fatal(err)
				}
				table.Changes()
				if table.Identify(7, id(alice, 2), from) {
					t.Fatal("another key was accepted")
				}
				r, _ := table.Get(alice)
				if r.Identity != id(alice, 1) || r.State != state || r.Conflict == nil || *r.Conflict != id(alice, 2) || r.ConflictAt != 7 || r.ConflictFrom != from {
					t.Errorf("record %+v", r)
				}
				if len(table.Changes()) != 1 {
					t.Error("the conflict is not a change")
				}
				if table.Identify(8, id(alice, 2), from) || len(table.Changes()) != 0 {
					t.Error("the same conflict is a change again")
				}
				if table.Identify(9, id(alice, 3), from); len(table.Changes()) != 1 {
					t.Error("a third key is no change")
				}
				if !table.Identify(10, id(alice, 1), from) {
					t.Error("the recorded key is refused after a conflict")
				}
				if r, _ := table.Get(alice); r.Conflict == nil {
					t.Error("the conflict went away by itself")
				}
			})
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	table := New(10)
	table.Identify(1, id(alice, 1), FromHello)
	for _, c := range []struct {
		state             State
		verified, blocked bool
	}{{Verified, true, false}, {Blocked, false, true}, {Seen, false, false}, {Verified, true, false}} {
		if err := table.Set(2, id(alice, 1), c.state, "now "+string(c.state)); err != nil {
			t.Fatal(err)
		}
		if table.Verified(id(alice, 1)) != c.verified || table.Blocked(alice) != c.blocked {
			t.Errorf("%s: verified %v, blocked %v", c.state, table.Verified(id(alice, 1)), table.Blocked(alice))
		}
		if table.Verified(id(alice, 2)) {
			t.Errorf("%s: another key counts as verified", c.state)
		}
		if r, _ := table.Get(alice); r.How != "now "+string(c.state) || r.Changed != 2 || r.FirstSeen != 1 {
			t.Errorf("%s: record %+v", c.state, r)
		}
	}
	if table.Verified(id(bob, 1)) || table.Blocked(bob) {
		t.Error("a stranger has a state")
	}
	if err := table.Set(3, id(alice, 1), "friend", ""); !errors.Is(err, ErrState) {
		t.Errorf("an unknown state: %v", err)
	}
	if err := table.Set(3, id(alice, 2), Verified, ""); !errors.Is(err, ErrConflict) {
		t.Errorf("another key by hand: %v", err)
	}
	if r, _ := table.Get(alice); r.State != Verified || r.Identity != id(alice, 1) || r.Changed != 2 {
		t.Errorf("a refused change changed the record: %+v", r)
	}
}

func TestPinBeforeFirstContact(t *testing.T) {
	t.Parallel()
	table := New(10)
	if err := table.Set(1, id(alice, 1), Verified, "contact card"); err != nil {
		t.Fatal(err)
	}
	if table.Identify(2, id(alice, 9), FromHello) || !table.Identify(3, id(alice, 1), FromWhois) {
		t.Error("a pin does not hold at first contact")
	}
}

func TestDescribeSettleForget(t *testing.T) {
	t.Parallel()
	table := New(10)
	name, note, empty := "Alice", "met in Porto", ""
	if err := table.Describe(1, alice, &name, nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("describe a stranger: %v", err)
	}
	if err := table.Settle(1, alice); !errors.Is(err, ErrUnknown) {
		t.Errorf("settle a stranger: %v", err)
	}
	if err := table.Forget(alice); !errors.Is(err, ErrUnknown) {
		t.Errorf("forget a stranger: %v", err)
	}
	table.Identify(1, id(alice, 1), FromHello)
	steps := []struct {
		what             string
		do               func() error
		name, note       string
		changed          clock.Wall
		conflict, exists bool
	}{
		{"name", func() error { return table.Describe(2, alice, &name, nil) }, name, "", 2, false, true},
		{"note", func() error { return table.Describe(3, alice, nil, &note) }, name, note, 3, false, true},
		{"conflict", func() error { table.Identify(4, id(alice, 2), FromWhois); return nil }, name, note, 3, true, true},
		{"settle", func() error { return table.Settle(5, alice) }, name, note, 5, false, true},
		{"no name", func() error { return table.Describe(6, alice, &empty, nil) }, "", note, 6, false, true},
		{"forget", func() error { return table.Forget(alice) }, "", "", 0, false, false},
	}
	for _, s := range steps {
		table.Changes()
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		r, ok := table.Get(alice)
		if r.Name != s.name || r.Note != s.note || r.Changed != s.changed || (r.Conflict != nil) != s.conflict || ok != s.exists {
			t.Errorf("%s: record %+v, there %v", s.what, r, ok)
		}
		if !slices.Equal(table.Changes(), []identity.Address{alice}) {
			t.Errorf("%s is no change", s.what)
		}
	}
	if !table.Identify(7, id(alice, 2), FromHello) {
		t.Error("a forgotten address does not take a new key")
	}
}

// Get and All give copies: nobody changes the table through them.
func TestCopies(t *testing.T) {
	t.Parallel()
	table := New(10)
	table.Identify(1, id(bob, 1), FromHello)
	table.Identify(1, id(alice, 1), FromHello)
	r, _ := table.Get(alice)
	r.State = Blocked
	all := table.All()
	all[0].State = Blocked
	if table.Blocked(alice) || table.Blocked(bob) {
		t.Error("a copy is not a copy")
	}
	if len(all) != 2 || all[0].Identity.Address != alice || all[1].Identity.Address != bob {
		t.Errorf("records are not in order: %v", all)
	}
}

// First contact alone cannot fill the table beyond its limit, and never throws
// out what the user said, or a conflict.
func TestBounds(t *testing.T) {
	t.Parallel()
	const limit = 100
	table := New(limit)
	kept := func(a identity.Address) {
		t.Helper()
		if _, ok := table.Get(a); !ok {
			t.Errorf("the record of %v was thrown out", a)
		}
	}
	name := "Bob"
	table.Identify(1, id(1, 1), FromHello)
	if err := table.Describe(1, 1, &name, nil); err != nil {
		t.Fatal(err)
	}
	if err := table.Set(1, id(2, 1), Verified, ""); err != nil {
		t.Fatal(err)
	}
	if err := table.Set(1, id(3, 1), Blocked, ""); err != nil {
		t.Fatal(err)
	}
	table.Identify(1, id(4, 1), FromHello)
	table.Identify(1, id(4, 2), FromHello)
	for i := range identity.Address(10 * limit) {
		if !table.Identify(2+clock.Wall(i), id(1000+i, 1), FromHello) {
			t.Fatal("a stranger was refused")
		}
		if n := len(table.All()); n > limit+4 {
			t.Fatalf("%d records with a limit of %d", n, limit)
		}
	}
	for a := range identity.Address(4) {
		kept(1 + a)
	}
	kept(1000 + 10*limit - 1)
	if _, ok := table.Get(1000); ok {
		t.Error("the oldest stranger is still there")
	}
	// Pins by hand are the user's: they are not limited.
	for i := range identity.Address(2 * limit) {
		if err := table.Set(1, id(50000+i, 1), Verified, ""); err != nil {
			t.Fatal(err)
		}
	}
	kept(50000)
}

// Which records go does not depend on map order.
func TestBoundsAreDeterministic(t *testing.T) {
	t.Parallel()
	fill := func() []byte {
		table := New(50)
		for i := range identity.Address(500) {
			table.Identify(clock.Wall(i/40), id(1+i*7919%1000, 1), FromHello)
		}
		b, err := table.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if first := fill(); !bytes.Equal(first, fill()) {
		t.Error("two tables with the same history differ")
	}
}

func full(t *testing.T) *Table {
	t.Helper()
	table := New(10)
	name, note := "Alice <\"&>", "line one\nline two, ünïcödé"
	table.Identify(1, id(alice, 1), FromHello)
	if err := errors.Join(table.Describe(2, alice, &name, &note), table.Set(3, id(bob, 1), Blocked, "they do not match"),
		table.Set(4, id(carol, 1), Verified, "safety number")); err != nil {
		t.Fatal(err)
	}
	table.Identify(5, id(carol, 2), FromWhois)
	return table
}

func TestTextFormRoundTrip(t *testing.T) {
	t.Parallel()
	table := full(t)
	text, err := table.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	again := New(10)
	if err := again.Load(text); err != nil {
		t.Fatal(err)
	}
	a, b := table.All(), again.All()
	if len(a) != 3 || len(b) != 3 {
		t.Fatalf("%d records, %d after reading", len(a), len(b))
	}
	for i := range a {
		if (a[i].Conflict == nil) != (b[i].Conflict == nil) || a[i].Conflict != nil && *a[i].Conflict != *b[i].Conflict {
			t.Errorf("conflicts differ: %+v, %+v", a[i].Conflict, b[i].Conflict)
		}
		a[i].Conflict, b[i].Conflict = nil, nil
		if a[i] != b[i] {
			t.Errorf("records differ: %+v, %+v", a[i], b[i])
		}
	}
	second, err := again.MarshalJSON()
	if err != nil || !bytes.Equal(text, second) {
		t.Errorf("the text differs after a round trip (%v):\n%s\n%s", err, text, second)
	}
	if !again.Verified(id(carol, 1)) || !again.Blocked(bob) || again.Identify(9, id(alice, 2), FromHello) {
		t.Error("a table that was read does not act like the one written")
	}
	if len(again.Changes()) != 1 {
		t.Error("reading is a change")
	}
}

func TestEmptyTextForm(t *testing.T) {
	t.Parallel()
	text, err := New(10).MarshalJSON()
	if err != nil || !json.Valid(text) || !strings.Contains(string(text), `"records": []`) {
		t.Errorf("%s, %v", text, err)
	}
	table := full(t)
	if err := table.Load(text); err != nil || len(table.All()) != 0 {
		t.Errorf("an empty text leaves %d records: %v", len(table.All()), err)
	}
}

// A damaged text is refused, says where, and leaves the table as it was.
func TestDamagedTextForm(t *testing.T) {
	t.Parallel()
	valid := id(alice, 1).String()
	record := func(fields string) string {
		return `{"version":1,"records":[{"identity":"` + valid + `","state":"seen"},{` + fields + `}]}`
	}
	other := id(bob, 1).String()
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "read trust records"},
		{"not JSON", "records!", "read trust records"},
		{"cut off", string(must(full(t).MarshalJSON()))[:300], "read trust records"},
		{"an array", "[]", "read trust records"},
		{"no version", `{"records":[]}`, "version 0"},
		{"a later version", `{"version":2,"records":[]}`, "version 2"},
		{"no identity", record(`"state":"seen"`), "trust record 2"},
		{"not an identity", record(`"identity":"alice","state":"seen"`), "trust record 2"},
		{"a short key", record(`"identity":"` + other[:100] + `","state":"seen"`), "trust record 2"},
		{"no state", record(`"identity":"` + other + `"`), "not a trust state"},
		{"an unknown state", record(`"identity":"` + other + `","state":"friend"`), `"friend"`},
		{"a number for a state", record(`"identity":"` + other + `","state":1`), "read trust records"},
		{"an address twice", record(`"identity":"` + valid + `","state":"verified"`), "second record for"},
		{"an address twice with other keys", record(`"identity":"` + id(alice, 2).String() + `","state":"verified"`), "second record for"},
		{"a damaged conflict", record(`"identity":"` + other + `","state":"seen","conflict":"x"`), "conflicting identity"},
		{"text after it", `{"version":1,"records":[]} more`, "read trust records"},
		{"a conflict of another address", record(`"identity":"` + other + `","state":"seen","conflict":"` + valid + `"`), "conflicting identity"},
		{"a conflict with the same key", record(`"identity":"` + other + `","state":"seen","conflict":"` + other + `"`), "conflicting identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := full(t)
			before := must(table.MarshalJSON())
			err := table.Load([]byte(c.text))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if !bytes.Equal(before, must(table.MarshalJSON())) {
				t.Error("a refused text changed the table")
			}
		})
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func FuzzLoad(f *testing.F) {
	table := New(10)
	table.Identify(1, id(alice, 1), FromHello)
	table.Identify(2, id(alice, 2), FromHello)
	f.Add(must(table.MarshalJSON()))
	f.Add([]byte(`{"version":1,"records":[]}`))
	f.Add([]byte(`{"version":1,"records":[{"identity":"","state":"seen"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := New(10)
		if a.Load(text) != nil {
			if len(a.All()) != 0 {
				t.Fatal("a refused text left records")
			}
			return
		}
		first := must(a.MarshalJSON())
		b := New(10)
		if err := b.Load(first); err != nil {
			t.Fatalf("own text is refused: %v", err)
		}
		if !bytes.Equal(first, must(b.MarshalJSON())) {
			t.Fatal("the text changes from one writing to the next")
		}
	})
}

// TestControllersAreKept: the record of an address that is needed survives a
// table that strangers fill.
func TestControllersAreKept(t *testing.T) {
	t.Parallel()
	table := New(16)
	at := func(i int) identity.Identity { return identity.Identity{Address: identity.Address(0x100000 + i)} }
	table.Keep(func(a identity.Address) bool { return a == at(0).Address })
	for i := range 200 {
		table.Identify(clock.Wall(i), at(i), FromWhois)
	}
	if _, ok := table.Get(at(0).Address); !ok {
		t.Error("the controller's record gave way")
	}
	if _, ok := table.Get(at(1).Address); ok || len(table.All()) > 18 {
		t.Errorf("%d records", len(table.All()))
	}
}
