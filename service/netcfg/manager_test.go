package netcfg

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"orrery/service/netcfg/verdict"
)

// fakeSystem is a machine in memory.
type fakeSystem struct {
	interfaces map[string]*observed
	bootID     string
	// refuse makes do or undo fail for items for which it returns an error.
	refuse func(it Item, undo bool) error
	// journal is looked at before every change.
	journal string
	t       *testing.T
	// look is what there is on the machine, nil for nothing.
	look func(keep func(netip.Prefix) bool) verdict.Machine
}

func newFake(t *testing.T, names ...string) *fakeSystem {
	f := &fakeSystem{interfaces: map[string]*observed{}, bootID: "boot 1", t: t}
	f.journal = filepath.Join(t.TempDir(), "journal.json")
	for i, n := range names {
		f.add(n, 10+i)
	}
	return f
}

func (f *fakeSystem) add(name string, index int) {
	o := newObserved(index)
	o.settings[KindMTU], o.settings[KindUp], o.settings[KindLinkLocal] = 1500, 0, 0
	f.interfaces[name] = o
}

func (*fakeSystem) platform() platform { return onLinux }
func (f *fakeSystem) boot() string     { return f.bootID }
func (*fakeSystem) close()             {}

func (f *fakeSystem) observe(ifname string) (*observed, error) {
	o := f.interfaces[ifname]
	if o == nil {
		return nil, ErrNoInterface
	}
	return &observed{index: o.index, settings: maps.Clone(o.settings), things: maps.Clone(o.things)}, nil
}

func (f *fakeSystem) machine(_ []string, keep func(netip.Prefix) bool) (verdict.Machine, error) {
	if f.look == nil {
		return verdict.Machine{}, nil
	}
	return f.look(keep), nil
}

func (f *fakeSystem) do(it Item) error {
	if b, err := os.ReadFile(f.journal); err != nil || !strings.Contains(string(b), string(it.Kind)) {
		f.t.Errorf("%v is made before it is in the journal", it)
	}
	if f.refuse != nil {
		if err := f.refuse(it, false); err != nil {
			return err
		}
	}
	o := f.interfaces[it.Interface]
	if it.Kind.setting() {
		o.settings[it.Kind] = it.Value
		return nil
	}
	if o.has(it) {
		return errExists
	}
	o.note(it)
	return nil
}

func (f *fakeSystem) undo(it Item) error {
	if f.refuse != nil {
		if err := f.refuse(it, true); err != nil {
			return err
		}
	}
	o := f.interfaces[it.Interface]
	switch {
	case o == nil:
	case it.Kind.setting():
		o.settings[it.Kind] = it.Before
	default:
		delete(o.things, it.thing())
	}
	return nil
}

// state is what the interface has, sorted.
func (f *fakeSystem) state(ifname string) []string {
	o := f.interfaces[ifname]
	var out []string
	for k, v := range o.settings {
		out = append(out, fmt.Sprintf("%s %d", k, v))
	}
	for it := range o.things {
		out = append(out, brief(it))
	}
	slices.Sort(out)
	return out
}

func (f *fakeSystem) open() *Manager {
	f.t.Helper()
	m, err := openOn(f, f.journal, slog.New(slog.DiscardHandler))
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func apply(t *testing.T, m *Manager, want State) []Change {
	t.Helper()
	changes, err := m.Apply(want)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func full() State {
	return State{
		Interface: "zt0", Up: true, MTU: 2800, LinkLocal: netip.MustParseAddr("fe80::1"),
		Addresses: prefixes("10.147.17.5/24", "fd00::5/88"),
		Routes:    []Route{routeTo("10.9.0.0/16", "10.147.17.9"), routeTo("10.77.0.0/16", "")},
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0", "zt1")
	before := f.state("zt0")
	users := Item{Kind: KindAddress, Interface: "zt0", Prefix: netip.MustParsePrefix("10.5.5.5/24")}
	m := f.open()
	if n := len(apply(t, m, full())); n != 8 {
		t.Errorf("%d changes, want 8", n)
	}
	if n := len(apply(t, m, full())); n != 0 {
		t.Errorf("%d changes when nothing is to do", n)
	}
	f.interfaces["zt0"].note(users)
	// Another program undoes something: it comes back.
	delete(f.interfaces["zt0"].things, Item{Kind: KindRoute, Interface: "zt0", Prefix: netip.MustParsePrefix("10.77.0.0/16"), Metric: 5000})
	f.interfaces["zt0"].settings[KindMTU] = 1300
	changes := apply(t, m, full())
	if len(changes) != 2 || changes[0].Kind != KindMTU || changes[1].Kind != KindRoute {
		t.Errorf("repairs: %v", changes)
	}
	// A changed gateway, an address less.
	want := full()
	want.Addresses, want.Routes[0].Via, want.MTU = want.Addresses[:1], netip.MustParseAddr("10.147.17.8"), 2000
	changes = apply(t, m, want)
	var said []string
	for _, c := range changes {
		said = append(said, c.String())
	}
	if got, want := strings.Join(said, "; "), "removed route 10.9.0.0/16 via 10.147.17.9 on zt0; removed address fd00::5/88 on zt0; "+
		"mtu of zt0 set to 2000; added route 10.9.0.0/16 via 10.147.17.8 on zt0"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	other := full()
	other.Interface = "zt1"
	apply(t, m, other)
	if _, err := m.Remove("zt1"); err != nil {
		t.Fatal(err)
	}
	if got := f.state("zt1"); !slices.Equal(got, before) {
		t.Errorf("Remove leaves %v", got)
	}
	if len(f.state("zt0")) == len(before) {
		t.Error("Remove has undone another interface's items")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	delete(f.interfaces["zt0"].things, users)
	if got := f.state("zt0"); !slices.Equal(got, before) {
		t.Errorf("Close leaves %v, want %v", got, before)
	}
	if _, err := os.Stat(f.journal); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close leaves the journal: %v", err)
	}
	if _, err := m.Apply(State{Interface: "nope"}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("no interface: %v", err)
	}
}

func TestUsersAddressIsKept(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	mine := Item{Kind: KindAddress, Interface: "zt0", Prefix: netip.MustParsePrefix("10.147.17.5/24")}
	f.interfaces["zt0"].note(mine)
	m := f.open()
	apply(t, m, full())
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if !f.interfaces["zt0"].has(mine) {
		t.Error("an address that was there before is gone")
	}
}

func TestPrefixLengthChanges(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	rival := Item{Kind: KindAddress, Interface: "zt0", Prefix: netip.MustParsePrefix("10.147.17.5/16")}
	f.interfaces["zt0"].note(rival)
	apply(t, f.open(), full())
	if f.interfaces["zt0"].has(rival) {
		t.Error("the address has two prefix lengths")
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0", "zt1")
	before := f.state("zt0")
	m := f.open()
	apply(t, m, full())
	// The process dies; the next undoes.
	f.open()
	if got := f.state("zt0"); !slices.Equal(got, before) {
		t.Errorf("left: %v", got)
	}
	if _, err := os.Stat(f.journal); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("journal is left: %v", err)
	}
	// The interface is another one of the same name: its state is not ours.
	m = f.open()
	apply(t, m, full())
	f.interfaces["zt0"].index = 99
	made := f.state("zt0")
	f.open()
	if got := f.state("zt0"); !slices.Equal(got, made) {
		t.Errorf("a later interface was touched: %v", got)
	}
	// The system was started anew meanwhile.
	f.add("zt0", 10)
	apply(t, f.open(), full())
	made = f.state("zt0")
	f.bootID = "boot 2"
	f.open()
	if got := f.state("zt0"); !slices.Equal(got, made) {
		t.Errorf("a later boot's interface was touched: %v", got)
	}
}

func TestInterfaceMadeAnew(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	m := f.open()
	apply(t, m, full())
	f.add("zt0", 50)
	if n := len(apply(t, m, full())); n != 8 {
		t.Errorf("%d changes, want 8", n)
	}
	delete(f.interfaces, "zt0")
	if err := m.Close(); err != nil {
		t.Errorf("Close without the interface: %v", err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	f := newFake(t, "zt0")
	before := f.state("zt0")
	m := f.open()
	f.refuse = func(it Item, undo bool) error {
		if !undo && (it.Prefix == netip.MustParsePrefix("10.77.0.0/16") || it.Kind == KindMTU) {
			return broken
		}
		return nil
	}
	changes, err := m.Apply(full())
	if !errors.Is(err, broken) || len(changes) != 6 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
	f.refuse = nil
	if n := len(apply(t, m, full())); n != 2 {
		t.Errorf("%d changes at the second try, want 2", n)
	}
	// A setting that cannot be changed keeps its place in the journal.
	f.refuse = func(it Item, undo bool) error {
		if it.Kind == KindMTU && !undo || it.Kind == KindAddress && undo {
			return broken
		}
		return nil
	}
	want := full()
	want.MTU = 1400
	if _, err := m.Apply(want); !errors.Is(err, broken) {
		t.Errorf("refused MTU: %v", err)
	}
	if err := m.Close(); !errors.Is(err, broken) {
		t.Errorf("Close: %v", err)
	}
	if f.interfaces["zt0"].settings[KindMTU] != 1500 {
		t.Error("MTU is not put back")
	}
	// What could not be undone is still known to the next run.
	f.refuse = nil
	f.open()
	if got := f.state("zt0"); !slices.Equal(got, before) {
		t.Errorf("left: %v", got)
	}
}

func TestNoJournalNoChange(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	m := f.open()
	m.journal.path = filepath.Join(t.TempDir(), "missing", "journal.json")
	before := f.state("zt0")
	if _, err := m.Apply(full()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if got := f.state("zt0"); !slices.Equal(got, before) {
		t.Errorf("changes without a journal: %v", got)
	}
}

// TestTemporaryJournal: a run that was killed while writing leaves one file, which
// the next one replaces, and an error that stays is the same error.
func TestTemporaryJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.json")
	if err := os.WriteFile(path+".tmp", []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, []byte("all")); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 || files[0].Name() != "journal.json" {
		t.Errorf("files are left: %v, %v", files, err)
	}
	if err := os.MkdirAll(filepath.Join(path+".tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, second := replace(path, []byte("new")), replace(path, []byte("new"))
	if first == nil || second == nil || first.Error() != second.Error() {
		t.Errorf("%v, then %v", first, second)
	}
	if b, err := os.ReadFile(path); string(b) != "all" {
		t.Errorf("the journal has %q, %v", b, err)
	}
}

func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", "[]", `{"version":99,"items":[]}`, `{"version":1,"items":[{"prefix":"x"}]}`, ""} {
		f := newFake(t, "zt0")
		if err := os.WriteFile(f.journal, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j := journal{path: f.journal, boot: f.bootID}
		if _, err := j.load(); !errors.Is(err, ErrJournal) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := os.Stat(f.journal + ".bad"); err != nil {
			t.Errorf("%q: not kept: %v", text, err)
		}
		apply(t, f.open(), full())
	}
}

func TestJournalMode(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	m := f.open()
	apply(t, m, full())
	info, err := os.Stat(f.journal)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	items, err := (&journal{path: f.journal, boot: f.bootID}).load()
	if err != nil || !slices.Equal(items, m.owned) {
		t.Errorf("journal reads as %v, %v\nwant %v", items, err, m.owned)
	}
	files, err := os.ReadDir(filepath.Dir(f.journal))
	if err != nil || len(files) != 1 {
		t.Errorf("files are left: %v, %v", files, err)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot":"b","items":[{"kind":"route","interface":"zt0","index":3,"prefix":"10.0.0.0/8","via":"10.1.1.1"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j := journal{path: filepath.Join(t.TempDir(), "j"), boot: "b"}
		if err := os.WriteFile(j.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := j.load(); err != nil && !errors.Is(err, ErrJournal) {
			t.Error(err)
		}
	})
}
