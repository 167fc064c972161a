package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a system with one resolver, which can fail, hang and forget.
type fake struct {
	mu     sync.Mutex
	id     string
	has    map[string]wish // by entry's name
	calls  []string
	absent *problem
	unable error
	fail   error
	hang   bool
	// passes is whether what it has goes with the interface.
	passes bool
	news   chan struct{}
	before func(entry) // called before something is made
}

func newFake() *fake {
	return &fake{id: "fake", has: make(map[string]wish), news: make(chan struct{}, 1)}
}

func (f *fake) find(context.Context) (resolver, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent != nil {
		return nil, f.absent
	}
	return f, nil
}

func (f *fake) named(name string) resolver {
	if strings.HasPrefix(name, "fake") {
		return f
	}
	return nil
}

func (f *fake) notices() <-chan struct{} { return f.news }
func (f *fake) close()                   {}

func (f *fake) name() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.id
}

func (f *fake) transient() bool { return f.passes }

func (f *fake) entry(w *wish) entry {
	return entry{By: f.id, Network: w.network, Interface: w.device, Index: w.index, Name: w.network + "/" + w.domain}
}

func (f *fake) able(*wish) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unable
}

// trouble is what a call meets. The caller holds mu.
func (f *fake) trouble(ctx context.Context) error {
	if f.hang {
		f.mu.Unlock()
		<-ctx.Done()
		f.mu.Lock()
		return ctx.Err()
	}
	return f.fail
}

func (f *fake) apply(ctx context.Context, w *wish) (bool, error) {
	e := f.entry(w)
	if f.before != nil {
		f.before(e)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "apply "+e.Name)
	if err := f.trouble(ctx); err != nil {
		return false, err
	}
	old, had := f.has[e.Name]
	f.has[e.Name] = *w
	return !had || !old.equal(w), nil
}

func (f *fake) undo(ctx context.Context, e entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "undo "+e.Name)
	if err := f.trouble(ctx); err != nil {
		return err
	}
	delete(f.has, e.Name)
	return nil
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// names lists what the resolver has.
func (f *fake) names() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(f.has)), " ")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const (
	netA = "8056c2e21c000001"
	netB = "8056c2e21c000002"
)

func offer(network, domain string) Offer {
	return Offer{Network: network, Domain: domain, Servers: addrs("10.147.20.1"), Inside: []netip.Prefix{netip.MustParsePrefix("10.147.20.7/24")}, Allow: true}
}

func open(t *testing.T, f *fake, path string) *Manager {
	t.Helper()
	f.news = make(chan struct{}, 1) // of the bubble that this is in
	m, err := openOn(f, Config{Journal: path, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world runs a test on the virtual clock, with a manager on a fake.
func world(t *testing.T, f *fake, test func(t *testing.T, m *Manager, journal string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "dns.journal")
		m := open(t, f, path)
		test(t, m, path)
		f.set(func() { f.hang, f.fail = false, nil })
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if left := f.names(); left != "" {
			t.Errorf("left after the end: %s", left)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the journal is left after the end: %v", err)
		}
	})
}

func wantState(t *testing.T, m *Manager, network string, s State, says string) {
	t.Helper()
	synctest.Wait()
	if got := m.Status(network); got.State != s || !strings.Contains(got.Reason, says) {
		t.Errorf("%s is %+v, want %s saying %q", network, got, s, says)
	}
}

var on = Interface{Name: "orr0", Index: 7}

// A network's domain is set, follows its configuration, and goes.
func TestFollows(t *testing.T) {
	t.Parallel()
	f := newFake()
	world(t, f, func(t *testing.T, m *Manager, path string) {
		f.before = func(e entry) {
			if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), e.Name) {
				t.Errorf("%v is made before it is in the journal: %s, %v", e, b, err)
			}
		}
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		if s := m.Status(netA); s.By != "fake" || s.Domain != "corp.internal" || fmt.Sprint(s.Servers) != "[10.147.20.1]" {
			t.Errorf("status %+v", s)
		}
		m.Set(Interface{Name: "orr1", Index: 8}, offer(netB, "lab.internal"))
		wantState(t, m, netB, Applied, "")
		if got := f.names(); got != netA+"/corp.internal "+netB+"/lab.internal" {
			t.Errorf("the resolver has %s", got)
		}
		m.Set(on, offer(netA, "new.internal"))
		wantState(t, m, netA, Applied, "")
		if got := f.names(); got != netA+"/new.internal "+netB+"/lab.internal" {
			t.Errorf("after a change of the domain the resolver has %s", got)
		}
		o := offer(netA, "new.internal")
		o.Allow = false
		m.Set(on, o)
		wantState(t, m, netA, Ignored, "may not")
		if got := f.names(); got != netB+"/lab.internal" {
			t.Errorf("after allowDNS was taken away the resolver has %s", got)
		}
		m.Set(on, Offer{Network: netA, Allow: true}) // the controller names none any more
		wantState(t, m, netA, "", "")
		m.Remove(netB)
		if got := f.names(); got != "" {
			t.Errorf("after leaving the resolver has %s", got)
		}
		wantState(t, m, netB, "", "")
	})
}

// What somebody else took away, or the resolver forgot, comes back.
func TestRepairs(t *testing.T) {
	t.Parallel()
	f := newFake()
	world(t, f, func(t *testing.T, m *Manager, _ string) {
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		for what, act := range map[string]func(){
			"a notice":          func() { f.news <- struct{}{} },
			"a look":            m.Recheck,
			"the same settings": func() { m.Set(on, offer(netA, "corp.internal")) },
		} {
			f.set(func() { clear(f.has) })
			act()
			synctest.Wait()
			if f.names() == "" {
				t.Errorf("after %s it is not back", what)
			}
		}
	})
}

// A resolver that fails is tried again after pauses that grow, and meanwhile the
// status says so.
func TestRetries(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.fail = errors.New("out of order")
	world(t, f, func(t *testing.T, m *Manager, _ string) {
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Failed, "out of order")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		var n int
		f.set(func() { n = len(f.calls); f.fail = nil })
		if n < 6 || n > 10 {
			t.Errorf("%d attempts in two minutes", n)
		}
		time.Sleep(lastRetry)
		wantState(t, m, netA, Applied, "")
	})
}

// A resolver that hangs holds up neither Set, nor Remove for long, nor Close.
func TestHangs(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.passes = true
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "dns.journal")
		m := open(t, f, path)
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		f.set(func() { f.hang = true })
		start := time.Now()
		for i := range 20 {
			n := fmt.Sprintf("8056c2e21c0000%02x", 16+i)
			m.Set(Interface{Name: "orr", Index: i}, offer(n, fmt.Sprintf("d%d.internal", i)))
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("Set took %v", d)
		}
		time.Sleep(workLimit)
		wantState(t, m, "8056c2e21c000010", Failed, "")
		wantState(t, m, "8056c2e21c000023", Failed, "")
		start = time.Now()
		m.Remove(netA)
		if d := time.Since(start); d > workLimit+closeLimit {
			t.Errorf("Remove took %v", d)
		}
		start = time.Now()
		if err := m.Close(); err != nil {
			t.Errorf("what goes with the interfaces is no concern: %v", err)
		}
		if d := time.Since(start); d > closeLimit {
			t.Errorf("Close took %v", d)
		}
	})
}

// What stays in a resolver that does not answer is undone by the next run.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"killed", "hung", "failed"} {
		f := newFake()
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dns.journal")
			m := open(t, f, path)
			m.Set(on, offer(netA, "corp.internal"))
			wantState(t, m, netA, Applied, "")
			saved, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f.set(func() { f.hang = how == "hung"; f.fail = map[string]error{"failed": errors.New("no")}[how] })
			if how == "killed" {
				f.set(func() { f.fail = errors.New("it does not come to that") })
			}
			if m.Close() == nil {
				t.Errorf("%s: the end says nothing", how)
			}
			if how == "killed" {
				if err := os.WriteFile(path, saved, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f.set(func() { f.hang, f.fail = false, nil })
			again := open(t, f, path)
			if left := f.names(); left != "" {
				t.Errorf("%s: the next start left %s", how, left)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What the next start cannot undo at once it undoes later, although nobody
// wants anything.
func TestUndoLater(t *testing.T) {
	t.Parallel()
	f := newFake()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "dns.journal")
		m := open(t, f, path)
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		f.set(func() { f.fail = errors.New("no") })
		_ = m.Close() // says so
		m = open(t, f, path)
		synctest.Wait()
		f.set(func() { f.fail = nil })
		time.Sleep(lastRetry)
		synctest.Wait()
		if left := f.names(); left != "" {
			t.Errorf("left: %s", left)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A journal that makes no sense is set aside; one that cannot be read is not
// passed over.
func TestJournal(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"cut": `{"version":1,"entr`, "other version": `{"version":2,"entries":[]}`, "empty": "", "unknown": `{"version":1,"entries":[{"by":"x","thing":1}]}`,
		"noise": "\x00\xff", "huge": strings.Repeat(" ", maxJournal+1) + `{"version":1,"entries":[]}`,
	} {
		path := filepath.Join(t.TempDir(), "dns.journal")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := openOn(newFake(), Config{Journal: path, Log: quiet()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := os.Stat(path + ".bad"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openOn(newFake(), Config{Journal: t.TempDir(), Log: quiet()}); err == nil {
		t.Error("a directory is a journal")
	}
	path := filepath.Join(t.TempDir(), "dns.journal")
	if err := os.WriteFile(path, []byte(`{"version":1,"entries":[{"by":"a resolver of the future","network":"8056c2e21c000001"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := openOn(newFake(), Config{Journal: path, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A journal that cannot be written keeps anything from being made.
func TestJournalFirst(t *testing.T) {
	t.Parallel()
	f := newFake()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "gone")
		m := open(t, f, filepath.Join(dir, "dns.journal"))
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Failed, "journal")
		if got := f.names(); got != "" {
			t.Errorf("made without a journal: %s", got)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lastRetry)
		wantState(t, m, netA, Applied, "")
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Two networks cannot have one domain: who has it keeps it.
func TestOneDomainOneNetwork(t *testing.T) {
	t.Parallel()
	f := newFake()
	world(t, f, func(t *testing.T, m *Manager, _ string) {
		m.Set(on, offer(netB, "corp.internal"))
		wantState(t, m, netB, Applied, "")
		m.Set(on, offer(netA, "CORP.internal."))
		wantState(t, m, netA, Refused, netB)
		m.Set(on, offer(netA, "sub.corp.internal"))
		wantState(t, m, netA, Applied, "")
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Refused, netB)
		if got := f.names(); got != netB+"/corp.internal" {
			t.Errorf("the resolver has %s", got)
		}
		m.Set(on, offer(netB, "lab.internal"))
		wantState(t, m, netB, Applied, "")
		wantState(t, m, netA, Applied, "")
		m.Set(on, offer(netB, "corp.internal"))
		wantState(t, m, netB, Refused, netA)
		m.Remove(netA)
		wantState(t, m, netB, Applied, "")

		a, b := offer(netA, ""), offer(netB, "corp.internal")
		a.All, b.All = true, true
		m.Set(on, b)
		wantState(t, m, netB, Applied, "")
		m.Set(on, a)
		wantState(t, m, netA, Refused, "All queries")
	})
}

// A machine without a resolver that can is told so, and looked at again.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.absent = unsupportedHere("Nobody is in charge.", "Install one.")
	world(t, f, func(t *testing.T, m *Manager, path string) {
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Unsupported, "Nobody is in charge")
		f.set(func() { f.absent, f.unable = nil, unsupportedHere("It cannot split.", "Set it up.") })
		m.Recheck()
		wantState(t, m, netA, Unsupported, "cannot split")
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is a journal of nothing: %v", err)
		}
		f.set(func() { f.unable = nil })
		m.Recheck()
		wantState(t, m, netA, Applied, "")
		f.set(func() { f.unable = unsupportedHere("It cannot any more.", "Set it up.") })
		m.Recheck()
		wantState(t, m, netA, Unsupported, "any more")
		if got := f.names(); got != "" {
			t.Errorf("the resolver has %s", got)
		}
	})
}

// When another resolver takes over, the former is cleared.
func TestAnotherResolver(t *testing.T) {
	t.Parallel()
	f := newFake()
	world(t, f, func(t *testing.T, m *Manager, path string) {
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		f.set(func() { f.id, f.calls = "fake the second", nil })
		m.Recheck()
		wantState(t, m, netA, Applied, "")
		if s := m.Status(netA); s.By != "fake the second" {
			t.Errorf("status %+v", s)
		}
		want := "undo " + netA + "/corp.internal,apply " + netA + "/corp.internal"
		if got := strings.Join(f.calls, ","); got != want {
			t.Errorf("calls %s, want %s", got, want)
		}
		f.set(func() { f.absent = unsupportedHere("Nobody is in charge now.", "Install one.") })
		m.Recheck()
		wantState(t, m, netA, Unsupported, "now")
		if got := f.names(); got != "" {
			t.Errorf("the resolver has %s", got)
		}
	})
}

// A change of status is told, and no more than that.
func TestTellsChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := make(chan struct{}, 100)
		m, err := openOn(newFake(), Config{Journal: filepath.Join(t.TempDir(), "j"), Log: quiet(), Changed: func() { told <- struct{}{} }})
		if err != nil {
			t.Fatal(err)
		}
		m.Set(on, offer(netA, "corp.internal"))
		wantState(t, m, netA, Applied, "")
		n := len(told)
		for range 10 {
			m.Set(on, offer(netA, "corp.internal"))
			m.Recheck()
			synctest.Wait()
		}
		if n == 0 || n > 2 || len(told) != n {
			t.Errorf("told %d times, then %d", n, len(told)-n)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
