package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orrery/assets"
)

func TestGet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, got, want string
	}{
		{"plain", Get("network.ok"), "Connected"},
		{"one place", Get("header.version", "version", "1.2.3"), "Version 1.2.3"},
		{"a value that looks like a place", Get("tray.network", "name", "{state}", "state", "x"), "{state}: x"},
		{"odd arguments", Get("header.version", "version"), "Version {version}"},
		{"unknown", Get("no.such.message"), "no.such.message"},
		{"singular", Plural("join.more", 1), "1 digit is missing."},
		{"plural", Plural("join.more", 7), "7 digits are missing."},
		{"zero", Plural("join.more", 0), "0 digits are missing."},
		{"plural of a plain message", Plural("network.ok", 3), "Connected"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestUse(t *testing.T) {
	t.Cleanup(func() { Use("en") })
	for tag, want := range map[string]bool{"en": true, "en_GB.UTF-8": true, "EN-us": true, "xx": false, "xx-YY": false, "": false, "C": false} {
		if got := Use(tag); got != want {
			t.Errorf("Use(%q) = %v", tag, got)
		}
		if Get("network.ok") != "Connected" {
			t.Errorf("no English after Use(%q)", tag)
		}
	}
}

func TestPluralRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language string
		want     map[int]form
	}{
		{"en", map[int]form{0: other, 1: one, 2: other, 21: other}},
		{"fr-CA", map[int]form{0: one, 1: one, 2: other}},
		{"ja", map[int]form{0: other, 1: other, 5: other}},
		{"ru", map[int]form{1: one, 2: few, 5: many, 11: many, 12: many, 21: one, 22: few, 111: many, 0: many}},
		{"pl", map[int]form{1: one, 2: few, 5: many, 12: many, 21: many, 22: few}},
		{"cs", map[int]form{1: one, 3: few, 5: other}},
		{"he", map[int]form{1: one, 2: two, 3: other}},
		{"ar", map[int]form{0: "zero", 1: one, 2: two, 3: few, 11: many, 100: other, 103: few}},
	} {
		rule := pluralRule(c.language)
		for n, want := range c.want {
			if got := rule(n); got != want {
				t.Errorf("%s: %d is %q, want %q", c.language, n, got, want)
			}
		}
	}
}

// Every language has only IDs that English has, the same places in each
// message, and every plural form that its rule can give.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`\{[a-z]+\}`)
	places := func(s string) []string {
		p := place.FindAllString(s, -1)
		slices.Sort(p)
		return slices.Compact(p)
	}
	for _, lang := range assets.Languages() {
		c, err := load(lang)
		if err != nil {
			t.Fatal(err)
		}
		for id, m := range c.messages {
			base, ok := english.messages[id]
			if !ok {
				t.Errorf("%s: %q is not in English", lang, id)
			}
			for f, s := range m {
				if strings.TrimSpace(s) != s || s == "" {
					t.Errorf("%s: %q is empty or has spaces around it", lang, id)
				}
				if want := places(base[other]); f == other && !slices.Equal(places(s), want) {
					t.Errorf("%s: %q has places %v, English %v", lang, id, places(s), want)
				}
			}
			for n := 0; len(m) > 1 && n < 200; n++ {
				if _, ok := m[c.plural(n)]; !ok {
					t.Errorf("%s: %q lacks the form %q", lang, id, c.plural(n))
					break
				}
			}
		}
	}
}

// Every ID in the code is in the catalogue, and every message is used.
func TestMessagesAndCodeAgree(t *testing.T) {
	t.Parallel()
	used, prefixes := idsInCode(t, "..", "../../app/orrery")
	for id, where := range used {
		if _, ok := english.messages[id]; !ok {
			t.Errorf("%s: no message %q", where, id)
		}
	}
	for id := range english.messages {
		if _, ok := used[id]; !ok && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			t.Errorf("nobody uses the message %q", id)
		}
	}
}

// idsInCode collects the string literals of the Go files under the folders that
// look like message IDs or prefixes of IDs ("trust."), with the place of each.
// Only those in calls of this package must exist; the others may.
func idsInCode(t *testing.T, roots ...string) (used map[string]string, prefixes []string) {
	t.Helper()
	used = map[string]string{}
	id := regexp.MustCompile(`^[a-z]+(\.[a-z0-9_]+)+$`)
	fset := token.NewFileSet()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil //nolint:nilerr // a folder that is not there has no code
			}
			f, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					return true
				}
				switch {
				case strings.HasSuffix(s, ".") && id.MatchString(s+"x"):
					prefixes = append(prefixes, s)
				case id.MatchString(s) && inCatalogueFamily(s):
					used[s] = fset.Position(lit.Pos()).String()
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return used, prefixes
}

// inCatalogueFamily tells message IDs from other texts with dots in them by
// their first word.
func inCatalogueFamily(s string) bool {
	family, _, _ := strings.Cut(s, ".")
	for id := range english.messages {
		if strings.HasPrefix(id, family+".") {
			return true
		}
	}
	return false
}
