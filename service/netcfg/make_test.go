package netcfg

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

var errNoRoom = errors.New("no room")

// refusing has the fake refuse to make what an item in brief begins with.
func refusing(what string) func(Item, bool) error {
	return func(it Item, undo bool) error {
		if !undo && strings.HasPrefix(brief(it), what) {
			return errNoRoom
		}
		return nil
	}
}

// TestAllOrNothing refuses a part of what belongs together.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	halved := full()
	halved.Routes = []Route{routeTo("0.0.0.0/0", "10.147.17.9"), {Target: netip.MustParsePrefix("10.9.0.0/16"), Split: true}, routeTo("10.77.0.0/16", "")}
	marked := halved
	marked.Mark = 7
	for _, c := range []struct {
		name, refuse string
		want         State
		gone, stays  []string
	}{
		{"first half", "route 0.0.0.0/1", halved, []string{"route 0.0.0.0/1", "route 128.0.0.0/1"}, []string{"route 10.9.0.0/17", "route 10.9.128.0/17", "route 10.77.0.0/16"}},
		{"second half", "route 128.0.0.0/1", halved, []string{"route 0.0.0.0/1", "route 128.0.0.0/1"}, []string{"route 10.9.0.0/17", "route 10.77.0.0/16"}},
		{"half of another", "route 10.9.128.0/17", halved, []string{"route 10.9.0.0/17", "route 10.9.128.0/17"}, []string{"route 0.0.0.0/1", "route 128.0.0.0/1"}},
		{"rule", "rule 31001", marked, []string{"route 0.0.0.0/0", "rule 31000", "rule 31001"}, []string{"route 10.9.0.0/17", "route 10.77.0.0/16"}},
		{"address", "addr fd00::5", halved, []string{"addr fd00::5"}, []string{"addr 10.147.17.5", "route 0.0.0.0/1", "route 10.77.0.0/16"}},
	} {
		f := newFake(t, "zt0")
		m := f.open()
		check := func(when string, gone, stays []string) {
			t.Helper()
			now := f.state("zt0")
			has := func(what string) bool {
				return slices.ContainsFunc(now, func(s string) bool { return strings.HasPrefix(s, what) })
			}
			for _, g := range gone {
				if has(g) {
					t.Errorf("%s, %s: %s is there", c.name, when, g)
				}
			}
			for _, s := range stays {
				if !has(s) {
					t.Errorf("%s, %s: %s is missing", c.name, when, s)
				}
			}
			b, _ := os.ReadFile(f.journal)
			for _, it := range m.owned {
				if !strings.Contains(string(b), string(it.Kind)) {
					t.Errorf("%s, %s: %v is not in the journal", c.name, when, it)
				}
			}
		}
		f.refuse = refusing(c.refuse)
		_, err := m.Apply(c.want)
		refused, rest := Refused(err)
		if len(refused) != 1 || rest != nil || !errors.Is(refused[0], errNoRoom) || !strings.HasPrefix(brief(refused[0].Item), c.refuse) || refused[0].Undo {
			t.Errorf("%s: %v: refused %v, rest %v", c.name, err, refused, rest)
		}
		check("at first", c.gone, c.stays)
		// It is there one day, and loses a part later that cannot be made again.
		f.refuse = nil
		apply(t, m, c.want)
		check("in the end", nil, slices.Concat(c.gone, c.stays))
		for it := range f.interfaces["zt0"].things {
			if strings.HasPrefix(brief(it), c.refuse) {
				delete(f.interfaces["zt0"].things, it)
			}
		}
		f.refuse = refusing(c.refuse)
		if _, err := m.Apply(c.want); err == nil {
			t.Errorf("%s: no error", c.name)
		}
		check("when a part is lost", c.gone, c.stays)
		f.refuse = nil
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if left := f.interfaces["zt0"].things; len(left) > 0 {
			t.Errorf("%s: left %v", c.name, left)
		}
	}
}

// TestReplacedRoute has a route get another gateway, which the system refuses:
// the old one is gone, for it is not wanted, and nothing is left of the new.
func TestReplacedRoute(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0")
	m := f.open()
	want := full()
	apply(t, m, want)
	want.Routes = []Route{routeTo("10.9.0.0/16", "10.147.17.8")}
	f.refuse = refusing("route 10.9.0.0/16 via 10.147.17.8")
	if _, err := m.Apply(want); err == nil {
		t.Error("no error")
	}
	for _, s := range f.state("zt0") {
		if strings.HasPrefix(s, "route") {
			t.Errorf("left: %s", s)
		}
	}
	f.refuse = nil
	apply(t, m, want)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	one, two := &ItemError{Err: errNoRoom}, &ItemError{Err: errExists, Undo: true}
	items, rest := Refused(errors.Join(one, errors.Join(ErrNoInterface, two), nil))
	if !slices.Equal(items, []*ItemError{one, two}) || !errors.Is(rest, ErrNoInterface) || errors.Is(rest, errNoRoom) {
		t.Errorf("%v, %v", items, rest)
	}
	if items, rest := Refused(nil); items != nil || rest != nil {
		t.Errorf("%v, %v", items, rest)
	}
	if items, rest := Refused(ErrNoInterface); items != nil || rest == nil {
		t.Errorf("%v, %v", items, rest)
	}
}
