// Package engine_test holds the tests that look at the source of the whole
// module: who imports whom, what the engine must not call, how long files get
// and whether names are explained. They read every Go file whatever system it
// is for, so a fault in a file for Windows shows on Linux.
package engine_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of the module, as go.mod has it.
const module = "orrery"

// imports says what the Go files under a folder may import. The first row whose
// folder fits decides.
var imports = []struct {
	folder string
	why    string
	// own are the packages of this module that may be imported; a name covers
	// what lies below it. Tests may also import what is in tests.
	own, tests []string
	// except are packages that own would cover.
	except []string
	// third are the modules of others that may be imported: any if nil.
	third []string
	// deny are packages that may not be imported outside of tests. A name
	// that ends in a slash covers what lies below it.
	deny []string
}{
	{
		folder: "engine/sim", why: "the simulator is the engine's laboratory: deterministic, and with no parts outside of it",
		own: []string{"engine"}, third: []string{}, deny: slices.DeleteFunc(slices.Clone(impure), func(p string) bool { return p == "math/rand/v2" }),
	},
	{
		folder: "engine", why: "the engine is free of I/O: no sockets, files, clock, global randomness, goroutines or locks",
		own: []string{"engine"}, except: []string{"engine/sim"}, tests: []string{"engine/sim"},
		third: []string{"golang.org/x/crypto", "github.com/pierrec/lz4/v4"}, deny: impure,
	},
	{
		folder: "assets", why: "assets are data",
		own: []string{"assets"}, third: []string{},
	},
	{
		folder: "service/ipc/qr", why: "the application and the command line make and read QR pictures alike",
		own: []string{}, third: []string{"rsc.io/qr", "github.com/makiuchi-d/gozxing"},
	},
	{
		folder: "service/ipc/invite", why: "the application, the command line and the service read invites alike",
		own: []string{"engine/identity"}, third: []string{},
	},
	{
		folder: "service/ipc/linkfile", why: "the application and the command line find links in the same files",
		own: []string{"service/ipc/invite", "service/ipc/qr"}, third: []string{},
	},
	{
		folder: "service/ipc", why: "the local contract must be cheap to depend on",
		own: []string{"engine/identity"}, tests: []string{"service"},
		third: []string{"github.com/Microsoft/go-winio", "golang.org/x/sys"},
	},
	{
		folder: "service", why: "the service knows nothing of the application, and runs the real engine only",
		own: []string{"engine", "assets", "service"}, except: []string{"engine/sim", "service/demo"},
		third: outside("fyne.io"),
	},
	{
		folder: "ui/model", why: "decisions are made and tested without Fyne",
		own: []string{"service/ipc", "ui/text"}, tests: []string{"service", "assets", "ui/uitest"}, third: outside("fyne.io"),
	},
	{
		folder: "ui", why: "the application asks the service; without Fyne's app package it is tested without cgo and display",
		own: []string{"service/ipc", "assets", "ui"}, tests: []string{"service", "engine/identity"},
		third: outside("fyne.io/fyne/v2/app"),
	},
	{
		folder: "app/orrery", why: "the application talks to the service over its socket, never to the network",
		own: []string{"ui", "service/ipc", "assets"}, tests: []string{"service", "engine/identity"},
	},
	{
		folder: "app/orrery-demo", why: "the demonstration starts the programs, it is not part of them",
		own: []string{"service/demo"}, third: outside("fyne.io"),
	},
	{
		folder: "app/orreryd", why: "the service runs with all rights, and reads no captures and pictures: that is the command line's business",
		own: []string{"engine", "assets", "service"}, except: []string{"engine/sim", "service/demo", "service/ctl", "service/ipc/linkfile", "service/ipc/qr"}, third: outside("fyne.io"),
	},
	{
		folder: "app", why: "what runs with privileges, or where there is no display, has no part of the application",
		own: []string{"service", "engine", "assets"}, except: []string{"engine/sim", "service/demo"}, third: outside("fyne.io"),
	},
}

// impure are the standard packages that do I/O, read a clock, share memory
// between goroutines or hold global randomness.
var impure = []string{
	"C", "context", "crypto/rand", "embed", "io/fs", "io/ioutil", "log", "log/syslog", "math/rand", "math/rand/v2", "net", "net/http", "net/http/",
	"net/mail", "net/rpc", "net/smtp", "net/textproto", "os", "os/", "path/filepath", "plugin", "runtime", "runtime/", "sync", "sync/", "syscall",
	"testing", "testing/", "unsafe",
}

// pools are the packages that may keep scratch memory in a sync.Pool. Their
// functions are pure and run as work beside the core, several at a time.
var pools = []string{"engine/armor", "engine/identity"}

// floors are the packages of the engine, lowest first: each imports only from
// below. Those under engine/internal lie below all.
var floors = []string{
	"clock", "identity", "trust", "armor", "ether", "wire", "world", "rule", "credential", "netconf", "vl1", "bond", "vl2", "hostport", "controller",
	"node", "fastpath", "sim",
}

// Lines that a file may have.
const (
	maxLines     = 600
	maxTestLines = 1000
)

// outside stands for all modules of others but those of the given prefixes.
func outside(prefixes ...string) []string {
	out := []string{"*"}
	for _, p := range prefixes {
		out = append(out, "-"+p)
	}
	return out
}

// source is a parsed Go file.
type source struct {
	path    string // relative to the module, with slashes
	folder  string
	test    bool
	tool    bool // run by developers with go run, and built into nothing
	lines   int
	file    *ast.File
	names   map[string]string // local name of an import → its path
	imports []string
}

func newSource(path string, text []byte) (*source, error) {
	s := &source{path: path, test: strings.HasSuffix(path, "_test.go"), lines: strings.Count(string(text), "\n"), names: make(map[string]string)}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		s.folder = path[:i]
	}
	var err error
	if s.file, err = parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, c := range s.file.Comments {
		s.tool = s.tool || c.Pos() < s.file.Package && c.List[0].Text == "//go:build ignore"
	}
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		s.imports = append(s.imports, p)
		name := strings.TrimPrefix(p[strings.LastIndexByte(p, '/')+1:], "go-")
		if i.Name != nil {
			name = i.Name.Name
		}
		s.names[name] = p
	}
	return s, nil
}

// sources reads every Go file of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	root := ".."
	var all []*source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		switch {
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || rel == "build" || rel == "dist"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := newSource(rel, text)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files found under %s", len(all), root)
	}
	return all
}

// below reports whether path is prefix or lies below it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func belowAny(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return below(path, p) })
}

// checkImports applies the table to a file.
func checkImports(s *source) (faults []string) {
	for _, row := range imports {
		if s.tool {
			return nil
		}
		if !below(s.folder, row.folder) {
			continue
		}
		for _, p := range s.imports {
			own, ours := strings.CutPrefix(p, module+"/")
			allowed := true
			switch {
			case ours:
				allowed = below(own, s.folder) || belowAny(own, row.own) && !belowAny(own, row.except) || s.test && belowAny(own, row.tests)
			case strings.Contains(strings.SplitN(p, "/", 2)[0], "."):
				allowed = third(p, row.third)
			case !s.test:
				allowed = !slices.ContainsFunc(row.deny, func(d string) bool { return p == d || strings.HasSuffix(d, "/") && strings.HasPrefix(p, d) })
				allowed = allowed || p == "sync" && slices.Contains(pools, s.folder)
			}
			if !allowed {
				faults = append(faults, fmt.Sprintf("imports %s, but %s", p, row.why))
			}
		}
		return faults
	}
	return []string{"lies in no folder of the table of imports"}
}

// third reports whether a package of another module may be imported.
func third(path string, allowed []string) bool {
	if allowed == nil {
		return true
	}
	ok := false
	for _, a := range allowed {
		switch no, deny := strings.CutPrefix(a, "-"); {
		case deny && below(path, no):
			return false
		case a == "*" || below(path, a):
			ok = true
		}
	}
	return ok
}

// checkFloors makes sure that packages of the engine import only from below.
func checkFloors(s *source) (faults []string) {
	name, ok := strings.CutPrefix(s.folder, "engine/")
	if !ok || s.test {
		return nil
	}
	mine := floor(name)
	if mine < 0 {
		return []string{"is in a package of the engine that has no floor: add it to floors"}
	}
	for _, p := range s.imports {
		if other, ok := strings.CutPrefix(p, module+"/engine/"); ok && floor(other) >= mine && !below(other, name) {
			faults = append(faults, fmt.Sprintf("imports %s, which is not on a lower floor", p))
		}
	}
	return faults
}

// floor numbers the packages of the engine from below; -1 is an unknown one.
func floor(name string) int {
	if below(name, "internal") {
		return 0
	}
	if i := slices.Index(floors, strings.SplitN(name, "/", 2)[0]); i >= 0 {
		return i + 1
	}
	return -1
}

// checkCalls finds what the engine must not do. Tests anywhere do not sleep.
func checkCalls(s *source) (faults []string) {
	engine := below(s.folder, "engine") && !s.test
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if engine {
				faults = append(faults, "starts a goroutine")
			}
		case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			if engine {
				faults = append(faults, "uses channels")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			switch call := s.names[x.Name] + "." + n.Sel.Name; {
			case call == "time.Sleep" && s.test && !slices.Contains(s.imports, "testing/synctest"): // whose clock is its own
				faults = append(faults, "sleeps: tests wait for what they expect, or use a clock of their own")
			case !engine:
			case slices.Contains(clocks, call):
				faults = append(faults, "calls "+call+": the engine is told the time")
			case strings.HasPrefix(call, "sync.") && call != "sync.Pool":
				faults = append(faults, "uses "+call+": the core has one owner")
			}
		}
		return true
	})
	return faults
}

// clocks are the functions that read or wait for the system's clock.
var clocks = []string{
	"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick",
}

// checkSize finds files that hold more than one idea.
func checkSize(s *source) []string {
	limit := maxLines
	if s.test {
		limit = maxTestLines
	}
	if s.lines > limit {
		return []string{fmt.Sprintf("has %d lines, more than %d: cut it by ideas", s.lines, limit)}
	}
	return nil
}

// checkComments finds exported names without a comment.
func checkComments(s *source) (faults []string) {
	if s.test {
		return nil
	}
	missing := func(name string) { faults = append(faults, name+" has no comment") }
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if name, exported := funcName(d); exported && d.Doc == nil {
				missing(name)
			}
		case *ast.GenDecl:
			group := ""
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() && spec.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
						missing(spec.Name.Name)
					}
				case *ast.ValueSpec: // a comment on the group, or one that names several, explains its values
					group += spec.Doc.Text()
					for _, n := range spec.Names {
						if n.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil && !strings.Contains(group, n.Name) {
							missing(n.Name)
						}
					}
				}
			}
		}
	}
	return faults
}

// plumbing are methods whose name says all, because the standard library
// defines them.
var plumbing = []string{
	"Error", "String", "Unwrap", "Is", "As", "Len", "Less", "Swap", "Push", "Pop", "Read", "Write", "Close", "MarshalJSON", "UnmarshalJSON", "MarshalText",
	"UnmarshalText", "LogValue", "Format", "GoString",
}

// funcName returns the name of a function or method, and whether users of the
// package see it and need to be told what it does.
func funcName(d *ast.FuncDecl) (name string, explain bool) {
	name = d.Name.Name
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return name, d.Name.IsExported()
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
			continue
		case *ast.IndexExpr:
			t = x.X
			continue
		case *ast.IndexListExpr:
			t = x.X
			continue
		case *ast.Ident:
			return x.Name + "." + name, x.IsExported() && d.Name.IsExported() && !slices.Contains(plumbing, name)
		}
		return name, d.Name.IsExported()
	}
}

// checks are all that look at one file.
var checks = map[string]func(*source) []string{
	"imports": checkImports, "floors": checkFloors, "calls": checkCalls, "size": checkSize, "comments": checkComments,
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	all := sources(t)
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				for _, f := range check(s) {
					t.Errorf("%s %s", s.path, f)
				}
			}
		})
	}
	t.Run("package comments", func(t *testing.T) {
		explained := make(map[string]bool)
		for _, s := range all {
			if !s.test || !strings.HasSuffix(s.file.Name.Name, "_test") {
				explained[s.folder] = explained[s.folder] || s.file.Doc != nil && !s.test
			}
		}
		for folder, ok := range explained {
			if !ok {
				t.Errorf("%s: no file has a package comment", folder)
			}
		}
	})
}
