package dns

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func wishFor(network, domain string, all bool) *wish {
	return &wish{network: network, device: "orr0", index: 7, domain: domain, servers: addrs("10.147.20.1", "fd00::53"), all: all}
}

// macOS gets a file for each domain, and loses none of others.
func TestResolverFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes there")
	}
	flushed := 0
	r := &resolverFiles{folder: filepath.Join(t.TempDir(), "resolver"), flush: func(context.Context) { flushed++ }}
	w := wishFor(netA, "corp.internal", false)
	for _, want := range []bool{true, false} {
		if changed, err := r.apply(t.Context(), w); err != nil || changed != want {
			t.Fatalf("%v, %v", changed, err)
		}
	}
	path := r.entry(w).Name
	if got, err := os.ReadFile(path); err != nil || string(got) != "# Made by Orrery for network "+netA+"\nnameserver 10.147.20.1\nnameserver fd00::53\n" {
		t.Errorf("%q, %v", got, err)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o644 {
		t.Errorf("everybody must be able to read it: %v, %v", i.Mode(), err)
	}
	left := filepath.Join(r.folder, ".corp.internal.123.tmp") // of a run that was killed while writing
	other := filepath.Join(r.folder, "example.com")
	for _, p := range []string{left, other} {
		if err := os.WriteFile(p, []byte("nameserver 192.168.1.1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var p *problem
	if _, err := r.apply(t.Context(), wishFor(netA, "example.com", false)); !errors.As(err, &p) || p.state != Failed {
		t.Errorf("somebody else's file: %v", err)
	}
	if err := r.able(wishFor(netA, "corp.internal", true)); !errors.As(err, &p) || p.state != Unsupported {
		t.Errorf("all queries: %v", err)
	}
	for _, e := range []entry{
		{By: r.name(), Network: netA, Name: other},
		{By: r.name(), Network: netB, Name: path},
		{By: r.name(), Network: netA, Name: filepath.Join(r.folder, "..", "passwd")},
		r.entry(w), r.entry(w),
	} {
		if err := r.undo(t.Context(), e); err != nil {
			t.Errorf("%v: %v", e, err)
		}
	}
	names, err := filepath.Glob(filepath.Join(r.folder, "*"))
	hidden, _ := filepath.Glob(filepath.Join(r.folder, ".*"))
	if err != nil || len(names) != 1 || names[0] != other || len(hidden) != 0 {
		t.Errorf("left: %v %v, %v", names, hidden, err)
	}
	if flushed != 2 {
		t.Errorf("the system was told %d times, want 2", flushed)
	}
}

// fakePolicies plays the registry of Windows.
type fakePolicies struct {
	tables     map[string]map[string]*rule
	refreshed  []bool
	configured []string
	fail       error
}

func (f *fakePolicies) rules(table string) ([]string, error) {
	return slices.Sorted(maps.Keys(f.tables[table])), f.fail
}

func (f *fakePolicies) read(table, key string) (*rule, error) { return f.tables[table][key], f.fail }

func (f *fakePolicies) write(table, key string, r *rule) error {
	if f.tables[table] == nil {
		f.tables[table] = make(map[string]*rule)
	}
	f.tables[table][key] = r
	return f.fail
}

func (f *fakePolicies) remove(table, key string) error {
	delete(f.tables[table], key)
	return f.fail
}

func (f *fakePolicies) refresh(_ context.Context, policy bool) error {
	f.refreshed = append(f.refreshed, policy)
	return f.fail
}

func (f *fakePolicies) configure(_ context.Context, index int, name string, servers []string, domain string) error {
	if index != 7 || name != "orr0" {
		return errors.New("it is another interface")
	}
	f.configured = append(f.configured, strings.Join(servers, ";")+"/"+domain)
	return f.fail
}

func TestPolicyTable(t *testing.T) {
	t.Parallel()
	f := &fakePolicies{tables: make(map[string]map[string]*rule)}
	p := &policyTable{registry: f, configured: make(map[int]string)}
	other := &rule{names: []string{".corp.example"}, comment: "8056c2e21c000001"} // of the reference
	f.tables[tableLocal] = map[string]*rule{"{1}": other}
	w := wishFor(netA, "corp.internal", false)
	for _, want := range []bool{true, false} {
		if changed, err := p.apply(t.Context(), w); err != nil || changed != want {
			t.Fatalf("%v, %v", changed, err)
		}
	}
	key := p.entry(w).Name
	got := f.tables[tableLocal][key]
	if got == nil || strings.Join(got.names, " ") != ".corp.internal corp.internal" || got.servers != "10.147.20.1;fd00::53" || got.comment != "Orrery network "+netA {
		t.Errorf("the rule is %+v", got)
	}
	if len(f.tables[tablePolicy]) != 0 || len(f.refreshed) != 1 || f.refreshed[0] || strings.Join(f.configured, " ") != "/corp.internal" {
		t.Errorf("%+v", f)
	}
	// A group policy has come, which hides the service's rules.
	f.tables[tablePolicy] = map[string]*rule{"{gp}": {names: []string{".ad.example"}, comment: "by the administrators"}}
	if changed, err := p.apply(t.Context(), w); err != nil || !changed || f.tables[tablePolicy][key] == nil || !f.refreshed[1] {
		t.Errorf("beside a group policy: %v, %v, %+v", changed, err, f)
	}
	if changed, err := p.apply(t.Context(), w); err != nil || changed {
		t.Errorf("our own rule is taken for others': %v, %v", changed, err)
	}
	// All queries.
	w.all = true
	if _, err := p.apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := f.tables[tableLocal][key]; strings.Join(got.names, " ") != "." || f.configured[len(f.configured)-1] != "10.147.20.1;fd00::53/corp.internal" {
		t.Errorf("all queries: %+v, %v", got, f.configured)
	}
	e := p.entry(w)
	if err := p.undo(t.Context(), entry{By: p.name(), Network: netB, Name: key}); err != nil || f.tables[tableLocal][key] == nil {
		t.Errorf("another network's entry removes the rule: %v", err)
	}
	for range 2 {
		if err := p.undo(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if len(f.tables[tableLocal]) != 1 || len(f.tables[tablePolicy]) != 1 || f.configured[len(f.configured)-1] != "/" {
		t.Errorf("left: %+v", f)
	}
	// A rule that was being written when the service was killed, after which
	// another interface has the index.
	f.tables[tableLocal] = map[string]*rule{key: {}, "{1}": {}}
	f.configured = nil
	e.Index = 8
	if err := p.undo(t.Context(), e); err != nil || f.tables[tableLocal][key] != nil || f.tables[tableLocal]["{1}"] == nil || f.configured != nil {
		t.Errorf("left: %+v, %v", f, err)
	}
	f.fail = errors.New("access is denied")
	if _, err := p.apply(t.Context(), w); err == nil {
		t.Error("no error of the registry")
	}
	if err := p.undo(t.Context(), e); err == nil {
		t.Error("no error of the registry")
	}
}

func TestRuleKey(t *testing.T) {
	t.Parallel()
	k := ruleKey(netA, "orr0")
	if !regexp.MustCompile(`^\{[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}\}$`).MatchString(k) {
		t.Errorf("%s is no GUID", k)
	}
	if k != ruleKey(netA, "orr0") || k == ruleKey(netB, "orr0") || k == ruleKey(netA, "orr1") {
		t.Error("keys do not tell rules apart")
	}
}

// FuzzJournal checks that no journal does harm.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"entries":[{"by":"systemd-resolved","network":"8056c2e21c000001","interface":"orr0","index":7}]}`))
	f.Add([]byte(`{"version":1,"entries":[{"by":"openresolv","name":"../../etc/passwd"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := journal{path}.load()
		if err != nil {
			if _, e := os.Stat(path + ".bad"); e != nil || len(entries) != 0 {
				t.Fatalf("%v, %v", err, e)
			}
			return
		}
		if err := (journal{path}).save(entries); err != nil {
			t.Fatal(err)
		}
		again, err := journal{path}.load()
		if err != nil || !slices.Equal(again, entries) {
			t.Fatalf("%v, then %v, %v", entries, again, err)
		}
	})
}
