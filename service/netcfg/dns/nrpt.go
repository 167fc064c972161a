package dns

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// The name resolution policy table of Windows is in the registry: a key for
// each rule. Rules of the group policy hide those of the service, so that where
// there are some ours have to be beside them.
const (
	tableLocal  = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	tablePolicy = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig`
)

// ruleMark begins the comment of our rules.
const ruleMark = "Orrery network "

// rule is what a key of the table holds, as far as it is ours.
type rule struct {
	names   []string // with a dot in front a suffix, a dot alone is everything
	servers string   // separated by semicolons
	comment string
}

func (r *rule) equal(o *rule) bool {
	return slices.Equal(r.names, o.names) && r.servers == o.servers && r.comment == o.comment
}

// policyStore is the part of the registry with the tables, and what follows from a
// change of them.
type policyStore interface {
	// rules lists the keys of a table, none if there is no table.
	rules(table string) ([]string, error)
	// read reads a rule, nil if there is none of the name.
	read(table, key string) (*rule, error)
	write(table, key string, r *rule) error
	// remove removes a rule. That there is none is no error.
	remove(table, key string) error
	// refresh has the system read the tables again and forget what it remembers
	// of names.
	refresh(ctx context.Context, policy bool) error
	// configure sets the servers and the domain to complete short names with of
	// an interface, none for both to reset it. It fails if the interface of the
	// index has another name: after a restart of the system it may be anybody's.
	configure(ctx context.Context, index int, name string, servers []string, domain string) error
}

// policyTable is the resolver of Windows. It is here, and not in the file of
// the system, to be tested on any.
type policyTable struct {
	registry policyStore
	// configured is what interfaces were given, by index.
	configured map[int]string
}

func (*policyTable) name() string    { return "Windows name resolution policy" }
func (*policyTable) transient() bool { return false }

func (p *policyTable) entry(w *wish) entry {
	return entry{By: p.name(), Network: w.network, Interface: w.device, Index: w.index, Name: ruleKey(w.network, w.device)}
}

func (*policyTable) able(*wish) error { return nil }

// ruleKey is the name of a network's rule, the same at every start. The device
// is part of it for those who run more than one node.
func ruleKey(network, device string) string {
	h := sha256.Sum256([]byte("orrery name resolution policy rule\x00" + network + "\x00" + device))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // a UUID of version 8
	return strings.ToUpper(fmt.Sprintf("{%x-%x-%x-%x-%x}", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// ruleOf is the rule that a wish wants.
func ruleOf(w *wish) *rule {
	r := &rule{comment: ruleMark + w.network, servers: strings.Join(texts(w), ";")}
	if w.domain != "" {
		r.names = []string{"." + w.domain, w.domain}
	}
	if w.all {
		r.names = []string{"."}
	}
	return r
}

func texts(w *wish) (servers []string) {
	for _, a := range w.servers {
		servers = append(servers, a.String())
	}
	return servers
}

// apply implements resolver.
func (p *policyTable) apply(ctx context.Context, w *wish) (bool, error) {
	key, want, changed := p.entry(w).Name, ruleOf(w), false
	policy, err := p.policy()
	if err != nil {
		return false, err
	}
	for _, table := range tables(policy) {
		have, err := p.registry.read(table, key)
		if err != nil {
			return changed, fmt.Errorf("read the rule: %w", err)
		}
		if have != nil && have.equal(want) {
			continue
		}
		changed = true
		if err := p.registry.write(table, key, want); err != nil {
			return changed, fmt.Errorf("write the rule: %w", err)
		}
	}
	// With servers of its own an interface is asked for everything, so it gets
	// them only if it is to be.
	var servers []string
	if w.all {
		servers = texts(w)
	}
	if what := strings.Join(servers, ";") + "/" + w.domain; p.configured[w.index] != what {
		if err := p.registry.configure(ctx, w.index, w.device, servers, w.domain); err != nil {
			return changed, fmt.Errorf("configure the interface: %w", err)
		}
		p.configured[w.index] = what
	}
	if !changed {
		return false, nil
	}
	return true, p.registry.refresh(ctx, policy)
}

// policy reports whether the group policy has rules of others, which hide those
// of the service.
func (p *policyTable) policy() (bool, error) {
	keys, err := p.registry.rules(tablePolicy)
	if err != nil {
		return false, fmt.Errorf("read the group policy's rules: %w", err)
	}
	for _, k := range keys {
		r, err := p.registry.read(tablePolicy, k)
		if err != nil {
			return false, fmt.Errorf("read the group policy's rules: %w", err)
		}
		if r != nil && !strings.HasPrefix(r.comment, ruleMark) {
			return true, nil
		}
	}
	return false, nil
}

func tables(policy bool) []string {
	if policy {
		return []string{tableLocal, tablePolicy}
	}
	return []string{tableLocal}
}

// undo implements resolver. Rules are removed from both tables: the group
// policy may have come or gone since.
func (p *policyTable) undo(ctx context.Context, e entry) error {
	found, policy := false, false
	for _, table := range tables(true) {
		r, err := p.registry.read(table, e.Name)
		if err != nil {
			return fmt.Errorf("read the rule: %w", err)
		}
		// Who was killed while writing may have left a key of ours that is empty.
		if r == nil || r.comment != ruleMark+e.Network && (e.Name != ruleKey(e.Network, e.Interface) || !r.equal(&rule{})) {
			continue
		}
		if err := p.registry.remove(table, e.Name); err != nil {
			return fmt.Errorf("remove the rule: %w", err)
		}
		found, policy = true, policy || table == tablePolicy
	}
	// What the interface has goes with it, if it is gone already.
	delete(p.configured, e.Index)
	_ = p.registry.configure(ctx, e.Index, e.Interface, nil, "")
	if !found {
		return nil
	}
	return p.registry.refresh(ctx, policy)
}
