package store

import (
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
)

// backend makes stores of one kind that keep their records in one place.
type backend struct {
	name string
	open func(t testing.TB) func() ControllerStore
}

var backends = []backend{
	{"sqlite", func(t testing.TB) func() ControllerStore {
		path := filepath.Join(t.TempDir(), "a b?c#%.db")
		return func() ControllerStore {
			s, err := OpenSQLite(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
	{"memory", func(testing.TB) func() ControllerStore {
		s := &Memory{}
		return func() ControllerStore { return s }
	}},
}

// conform runs a test against every backend.
func conform(t *testing.T, test func(t *testing.T, open func() ControllerStore)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b.open(t))
		})
	}
}

func apply(t testing.TB, s ControllerStore, changes ...controller.Change) {
	t.Helper()
	if err := s.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, s ControllerStore) []controller.Record {
	t.Helper()
	out, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func closeStore(t testing.TB, s ControllerStore) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

const netA, netB identity.NetworkID = 0x8e4df28b72000001, 0x0123456789000001

// show prints records.
func show(records []controller.Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%s/%s(%d)%s ", r.Network, r.Member, r.Format, r.Doc)
	}
	return b.String()
}

var testNow = clock.Instant{Mono: clock.Hour, Wall: 1_700_000_000_000}

func newController(t testing.TB, self *identity.Secret) *controller.Controller {
	return controller.New(controller.Config{
		Self: self, Random: func(b []byte) { _, _ = cryptorand.Read(b) }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

func rec(n identity.NetworkID, m identity.Address, doc string) controller.Record {
	return controller.Record{Network: n, Member: m, Format: controller.RecordFormat, Doc: []byte(doc)}
}

func set(n identity.NetworkID, m identity.Address, doc string) controller.Change {
	return controller.Change{Record: rec(n, m, doc)}
}

func del(n identity.NetworkID, m identity.Address) controller.Change {
	return controller.Change{Record: controller.Record{Network: n, Member: m}, Delete: true}
}

func TestStoreKeepsRecords(t *testing.T) {
	t.Parallel()
	conform(t, func(t *testing.T, open func() ControllerStore) {
		s := open()
		if got := load(t, s); len(got) != 0 {
			t.Fatalf("new store has %v", got)
		}
		apply(t, s)
		apply(t, s, set(netA, 0, `{"n":1}`), set(netA, 0xffffffffff, `{"m":1}`), set(netA, 1, `{"m":2}`), set(netB, 0, `{"n":"é\u0000"}`))
		apply(t, s, set(netB, 5, `{}`), set(netA, 1, `{"m":3}`))
		closeStore(t, s)
		s = open()
		defer closeStore(t, s)
		want := []controller.Record{
			rec(netB, 0, `{"n":"é\u0000"}`), rec(netA, 0, `{"n":1}`), rec(netB, 5, `{}`), rec(netA, 1, `{"m":3}`), rec(netA, 0xffffffffff, `{"m":1}`),
		}
		if got := load(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("records:\n got %s\nwant %s", show(got), show(want))
		}
		apply(t, s, set(netA, 0, `{"n":9}`), del(netA, 1), del(netA, 77), del(netB, 0))
		if got, want := load(t, s), []controller.Record{rec(netA, 0, `{"n":9}`), rec(netA, 0xffffffffff, `{"m":1}`)}; !reflect.DeepEqual(got, want) {
			t.Errorf("after deletion:\n got %s\nwant %s", show(got), show(want))
		}
		// A member whose network is gone is nobody's.
		apply(t, s, set(netB, 6, `{}`), del(netB, 0))
		if got := load(t, s); len(got) != 2 {
			t.Errorf("orphan: %s", show(got))
		}
		// Deleted and made again in one call.
		apply(t, s, del(netA, 0), set(netA, 0, `{"n":10}`), set(netA, 3, `{}`))
		if got, want := load(t, s), []controller.Record{rec(netA, 0, `{"n":10}`), rec(netA, 3, `{}`)}; !reflect.DeepEqual(got, want) {
			t.Errorf("made again:\n got %s\nwant %s", show(got), show(want))
		}
	})
}

// Applying changes again, or from somewhere in the middle, leads to the same
// records, and all backends agree.
func TestStoreReplay(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	var all []controller.Change
	for i := range 400 {
		n, m := netA+identity.NetworkID(r.IntN(3)), identity.Address(r.IntN(6))
		switch {
		case r.IntN(4) == 0 && (m != 0 || r.IntN(5) == 0):
			all = append(all, del(n, m))
		default:
			all = append(all, set(n, m, fmt.Sprintf(`{"i":%d}`, i)))
		}
	}
	var want []controller.Record
	for _, b := range backends {
		s := b.open(t)()
		for i := 0; i < len(all); i += 7 {
			apply(t, s, all[i:min(i+7, len(all))]...)
		}
		got := load(t, s)
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs", b.name)
		}
		apply(t, s, all[200:]...)
		if got := load(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: applying changes again made a difference", b.name)
		}
		closeStore(t, s)
	}
	if len(want) == 0 {
		t.Error("nothing left to compare")
	}
}

func TestStoreConcurrentUse(t *testing.T) {
	t.Parallel()
	conform(t, func(t *testing.T, open func() ControllerStore) {
		s := open()
		defer closeStore(t, s)
		apply(t, s, set(netA, 0, `{}`))
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for k := range 10 {
					if err := s.Apply([]controller.Change{set(netA, identity.Address(1+i*10+k), `{}`)}); err != nil {
						t.Error(err)
					}
					if _, err := s.Load(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := load(t, s); len(got) != 41 {
			t.Errorf("%d records, want 41", len(got))
		}
	})
}

// A controller and its store, through several lives.
func TestStoreWithController(t *testing.T) {
	t.Parallel()
	conform(t, func(t *testing.T, open func() ControllerStore) {
		self := testSecret(t)
		id := identity.NetworkID(self.Address)<<24 | 1
		want := ""
		for life := range 3 {
			s := open()
			c := newController(t, self)
			if problems := c.Load(testNow, load(t, s)); len(problems) > 0 {
				t.Fatal(problems)
			}
			if got, _ := c.NetworkJSON(id); string(got) != want {
				t.Errorf("life %d: network %s, want %s", life, got, want)
			}
			doc, err := c.PutNetwork(testNow, id, fmt.Appendf(nil, `{"name":"life %d"}`, life))
			if err != nil {
				t.Fatal(err)
			}
			want = string(doc)
			apply(t, s, c.TakeChanges()...)
			closeStore(t, s)
		}
	})
}

func TestOpenControllerImports(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	dir := h.path(controllerDir)
	put(t, `{"id":"8e4df28b72000001","custom":1.50,"nwid":"8e4df28b72000001"}`, dir, "network", "8e4df28b72000001.json")
	put(t, `{"id":"1234567801"}`, dir, "network", "8e4df28b72000001", "member", "1234567801.json")
	put(t, `not json`, dir, "network", "8e4df28b72000001", "member", "1234567802.json")
	put(t, `{"id":"short"}`, dir, "network", "8e4df28b72000001", "member", "1234567803.json")
	put(t, `{}`, dir, "network", "8e4df28b72000002.json")
	put(t, `x`, dir, "network", "README")
	s, notices, err := h.OpenController("")
	if err != nil {
		t.Fatal(err)
	}
	want := []controller.Record{
		{Network: netA, Doc: []byte(`{"custom":1.50,"id":"8e4df28b72000001","nwid":"8e4df28b72000001"}`)},
		{Network: netA, Member: 0x1234567801, Doc: []byte(`{"id":"1234567801"}`)},
	}
	if got := load(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("imported %s", show(got))
	}
	if len(notices) != 3 {
		t.Errorf("notices: %v", notices)
	}
	apply(t, s, del(netA, 0x1234567801))
	closeStore(t, s)
	mode(t, h.path(controllerFile), 0o600)

	// The directory is read once only.
	s, notices, err = h.OpenController("")
	if err != nil || notices != nil {
		t.Fatal(err, notices)
	}
	defer closeStore(t, s)
	if got := load(t, s); len(got) != 1 {
		t.Errorf("imported again: %s", show(got))
	}
}

func TestControllerDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "controller.d")
	if got, notices, err := ReadControllerDir(dir); got != nil || notices != nil || err != nil {
		t.Errorf("nothing there: %v, %v, %v", got, notices, err)
	}
	records := []controller.Record{
		rec(netA, 0, `{"id":"8e4df28b72000001"}`), rec(netB, 0, `{"id":"0123456789000001"}`),
		rec(netA, 0x1234567801, `{"id":"1234567801"}`), rec(netA, 0x1234567802, `{"id":"1234567802","tombstone":true}`),
	}
	if err := WriteControllerDir(dir, records); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "network", "8e4df28b72000001", "member", "1234567801.json")); string(b) != `{"id":"1234567801"}` {
		t.Errorf("member file: %q", b)
	}
	got, notices, err := ReadControllerDir(dir)
	if err != nil || notices != nil || len(got) != 3 || got[0].Network != netB || got[2].Member != 0x1234567801 {
		t.Errorf("read back %s, %v, %v", show(got), notices, err)
	}
	if err := WriteControllerDir(dir, records); !errors.Is(err, os.ErrExist) {
		t.Errorf("exported over another export: %v", err)
	}
}

func TestDatabaseFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	s, err := OpenSQLite(path, []controller.Record{rec(netA, 0, `{}`)})
	if err != nil {
		t.Fatal(err)
	}
	// All or nothing.
	if _, err := s.db.Exec(`CREATE TRIGGER no BEFORE INSERT ON member WHEN NEW.member = 66 BEGIN SELECT RAISE(ABORT, 'no'); END`); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply([]controller.Change{set(netB, 0, `{}`), set(netA, 66, `{}`)}); err == nil || !strings.Contains(err.Error(), "000000042") {
		t.Errorf("the error does not name the member: %v", err)
	}
	if got := load(t, s); len(got) != 1 {
		t.Errorf("half a transaction: %s", show(got))
	}
	for _, name := range []string{"db", "db-wal", "db-shm"} {
		mode(t, filepath.Join(dir, name), 0o600)
	}
	if _, err := s.db.Exec(`INSERT INTO schema VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if _, err := OpenSQLite(path, nil); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("a newer database: %v", err)
	}
	put(t, strings.Repeat("this is no database ", 500), dir, "text")
	var damaged *DamagedDatabaseError
	if _, err := OpenSQLite(filepath.Join(dir, "text"), nil); !errors.As(err, &damaged) {
		t.Errorf("not a database: %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "text")); !strings.HasPrefix(string(b), "this is no database") {
		t.Error("the damaged file was changed")
	}
	if _, err := OpenSQLite(filepath.Join(dir, "none", "db"), nil); err == nil {
		t.Error("opened in a directory that is not there")
	}
}

// An empty file is what a crash leaves between making the file and its tables.
func TestDatabaseBegunAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	put(t, "", path)
	s, err := OpenSQLite(path, []controller.Record{rec(netA, 0, `{}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if got := load(t, s); len(got) != 1 {
		t.Errorf("seed lost: %s", show(got))
	}
}
