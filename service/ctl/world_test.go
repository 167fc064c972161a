package ctl

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/engine/world"
)

// made is the time at which worlds are made.
var made = time.UnixMilli(1_800_000_000_000)

// worldTool runs a command and checks its exit code.
func worldTool(t *testing.T) func(want int, run func(*Tool) error) string {
	return func(want int, run func(*Tool) error) string {
		t.Helper()
		tl, out, errs := tool(nil, made)
		tl.Random = func(b []byte) { _, _ = rand.Read(b) } // each run another
		if got := code(run(tl), errs); got != want {
			t.Errorf("exit %d, want %d: %s", got, want, errs)
		}
		return out.String() + errs.String()
	}
}

func mustWorld(t *testing.T, path string) world.World {
	t.Helper()
	w, err := readWorld(path, world.Null)
	if err != nil {
		t.Fatal(err)
	}
	return *w
}

// TestPlanet makes a planet, and what must not be made.
func TestPlanet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	planet, key := filepath.Join(dir, "planet"), filepath.Join(dir, "planet.key")
	run := worldTool(t)
	do := func(want int, p WorldPlan) string {
		t.Helper()
		p.Kind = world.Planet
		return run(want, func(tl *Tool) error { return tl.WorldMake(p) })
	}
	root := annText + "=10.99.0.1/9993,[2001:db8::1]:9993,2001:db8::2/9993"
	plan := WorldPlan{Roots: []string{root}, Out: planet, KeyFile: key}
	if says := do(0, plan); !strings.Contains(says, "wrote "+planet) || !strings.Contains(says, "keep it") {
		t.Errorf("%s", says)
	}
	if fi, err := os.Stat(key); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("key %v %v", fi.Mode(), err)
	}
	first := mustWorld(t, planet)
	if !first.SelfSigned() || first.Kind != world.Planet || first.ID>>40 != 0 || first.ID == 0 || len(first.Roots) != 1 || len(first.Roots[0].Endpoints) != 3 {
		t.Errorf("%+v", first)
	}
	if says := do(1, plan); !strings.Contains(says, "not overwritten") || !strings.Contains(says, "planet update") {
		t.Errorf("%s", says)
	}
	other, p := filepath.Join(dir, "other.key"), filepath.Join(dir, "p")
	for _, c := range []struct {
		name string
		plan WorldPlan
		exit int
		says string
	}{
		{"no roots", WorldPlan{Out: p, KeyFile: other}, 2, "--root IDENTITY=IP/PORT"},
		{"damaged key", WorldPlan{Roots: plan.Roots, Out: p, KeyFile: planet}, 1, planet},
		{"no endpoint", WorldPlan{Roots: []string{annText}, Out: p, KeyFile: other}, 2, "want IDENTITY=IP/PORT"},
		{"bad endpoint", WorldPlan{Roots: []string{annText + "=10.0.0.1"}, Out: p, KeyFile: other}, 2, `"10.0.0.1" is not IP/PORT`},
		{"port 0", WorldPlan{Roots: []string{annText + "=10.0.0.1/0"}, Out: p, KeyFile: other}, 2, "not IP/PORT"},
		{"host name", WorldPlan{Roots: []string{annText + "=root.example/9993"}, Out: p, KeyFile: other}, 2, "not IP/PORT"},
		{"multicast", WorldPlan{Roots: []string{annText + "=224.0.0.1/9993"}, Out: p, KeyFile: other}, 2, "planet: "},
		{"root twice", WorldPlan{Roots: []string{root, root}, Out: p, KeyFile: other}, 2, "twice"},
		{"five roots", WorldPlan{Roots: []string{root, root, root, root, root}, Out: p, KeyFile: other}, 2, "at most 4"},
		{"unknown file", WorldPlan{Roots: []string{"nofile=10.0.0.1/1"}, Out: p, KeyFile: other}, 2, "unreadable: nofile"},
		{"false identity", WorldPlan{Roots: []string{"1" + annText[1:] + "=10.0.0.1/1"}, Out: p, KeyFile: other}, 2, "does not follow"},
		{"Earth", WorldPlan{Roots: plan.Roots, Out: p, KeyFile: other, ID: "8eac90a"}, 2, "public planet"},
		{"bad ID", WorldPlan{Roots: plan.Roots, Out: p, KeyFile: other, ID: "xyz"}, 2, "hex number"},
		{"no directory", WorldPlan{Roots: plan.Roots, Out: filepath.Join(dir, "no", "p"), KeyFile: key}, 1, "planet: "},
	} {
		if says := do(c.exit, c.plan); !strings.Contains(says, c.says) {
			t.Errorf("%s: %q, want %q", c.name, says, c.says)
		}
	}
	for _, f := range []string{other, p} {
		if _, err := os.Stat(f); err == nil {
			t.Errorf("%s was made for nothing", f)
		}
	}
	if again := mustWorld(t, planet); again.Signature != first.Signature {
		t.Error("a mistake changed the planet")
	}
	if says := do(0, WorldPlan{Roots: plan.Roots, Out: p, KeyFile: key, ID: "abcdef"}); !strings.Contains(says, "planet abcdef,") {
		t.Errorf("%s", says)
	}
}

// TestWorldUpdate makes revisions: with other roots, with a change of keys, and
// what nodes would refuse.
func TestWorldUpdate(t *testing.T) {
	t.Parallel()
	for _, kind := range []world.Kind{world.Planet, world.Moon} {
		dir := t.TempDir()
		file, key, next := filepath.Join(dir, "w"), filepath.Join(dir, "key"), filepath.Join(dir, "next.key")
		run := worldTool(t)
		root := annText + "=10.99.0.1/9993"
		run(0, func(tl *Tool) error {
			return tl.WorldMake(WorldPlan{Kind: kind, Roots: []string{root}, Out: file, KeyFile: key})
		})
		update := func(want int, p WorldPlan) string {
			t.Helper()
			p.Kind = kind
			return run(want, func(tl *Tool) error { return tl.WorldUpdate(file, p) })
		}
		r1 := mustWorld(t, file)
		update(0, WorldPlan{KeyFile: key, Roots: []string{annText + "=10.99.0.7/7"}})
		r2 := mustWorld(t, file)
		if err := r1.CheckUpdate(&r2); err != nil || r2.Timestamp != r1.Timestamp+1 || r2.Roots[0].Endpoints[0].Port() != 7 {
			t.Errorf("%s: next revision: %v, %+v", kind, err, r2)
		}
		copied := filepath.Join(dir, "copy")
		update(0, WorldPlan{KeyFile: key, Out: copied})
		if r3 := mustWorld(t, copied); r2.CheckUpdate(&r3) != nil || len(r3.Roots) != 1 || r3.Roots[0].Endpoints[0] != r2.Roots[0].Endpoints[0] {
			t.Errorf("%s: %+v", kind, r3)
		}
		if says := update(1, WorldPlan{KeyFile: key, Out: copied}); !strings.Contains(says, "exists") {
			t.Errorf("%s: %s", kind, says)
		}
		says := update(0, WorldPlan{KeyFile: key, NextKey: next})
		r4 := mustWorld(t, file)
		if err := r2.CheckUpdate(&r4); err != nil || r4.SelfSigned() || !strings.Contains(says, fmt.Sprintf("--key %x", r1.UpdateKey[:])) {
			t.Errorf("%s: after a change of keys: %v: %s", kind, err, says)
		}
		if fi, err := os.Stat(next); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("next key %v %v", fi.Mode(), err)
		}
		if says := update(1, WorldPlan{KeyFile: key}); !strings.Contains(says, "names another key") {
			t.Errorf("%s: signed by the former key: %s", kind, says)
		}
		update(0, WorldPlan{KeyFile: next})
		if r5 := mustWorld(t, file); r4.CheckUpdate(&r5) != nil || !r5.SelfSigned() {
			t.Errorf("%s: with the new key: %+v", kind, r5)
		}
		if says := update(1, WorldPlan{KeyFile: filepath.Join(dir, "none")}); !strings.Contains(says, "signed by the key of the one before") {
			t.Errorf("%s: %s", kind, says)
		}
		other := world.Moon
		if kind == world.Moon {
			other = world.Planet
		}
		if says := run(1, func(tl *Tool) error { return tl.WorldUpdate(file, WorldPlan{Kind: other, KeyFile: next}) }); !strings.Contains(says, "of kind") {
			t.Errorf("%s as the other: %s", kind, says)
		}
		if err := os.WriteFile(file, []byte("not a world"), 0o600); err != nil {
			t.Fatal(err)
		}
		update(1, WorldPlan{KeyFile: next})
	}
}

// TestMoonTools makes moons the reference's way, and signs definitions.
func TestMoonTools(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	run := worldTool(t)
	text := run(0, func(tl *Tool) error { return tl.MoonInit(annText, "") })
	var d world.Definition
	if err := json.Unmarshal([]byte(text), &d); err != nil || d.WorldType != "moon" || d.ID != annText[:10] || !strings.HasSuffix(text, "}\n") {
		t.Fatalf("%v: %s", err, text)
	}
	if says := run(1, func(tl *Tool) error { return tl.MoonInit("nofile", "") }); says != "nofile is not a valid identity\n" {
		t.Errorf("%q", says)
	}
	run(0, func(tl *Tool) error { return tl.MoonInit(annText, "moon.json") })
	if fi, err := os.Stat("moon.json"); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	run(1, func(tl *Tool) error { return tl.MoonInit(annText, "moon.json") })
	b, err := os.ReadFile("moon.json")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	filled := bytes.Replace(b, []byte(`"stableEndpoints": []`), []byte(`"stableEndpoints": ["10.99.0.1/9993"]`), 1)
	write("moon.json", filled)
	file := "000000" + annText[:10] + ".moon"
	if says := run(0, func(tl *Tool) error { return tl.GenMoon("moon.json") }); says != fmt.Sprintf("wrote %s (signed world with timestamp %d)\n", file, made.UnixMilli()) {
		t.Errorf("%q", says)
	}
	m := mustWorld(t, file)
	if !m.SelfSigned() || m.Kind != world.Moon || len(m.Roots[0].Endpoints) != 1 {
		t.Errorf("%+v", m)
	}
	if says := run(1, func(tl *Tool) error { return tl.GenMoon("moon.json") }); !strings.Contains(says, "not newer") {
		t.Errorf("the same time again: %s", says)
	}
	// The definition is a key file too.
	run(0, func(tl *Tool) error { return tl.WorldUpdate(file, WorldPlan{Kind: world.Moon, KeyFile: "moon.json"}) })
	// A definition without the key, signed by the key file.
	run(0, func(tl *Tool) error {
		return tl.WorldMake(WorldPlan{Kind: world.Moon, Roots: []string{annText + "=10.99.0.1/9993"}, Out: "other.moon", KeyFile: "other.key"})
	})
	var bare map[string]any
	if err := json.Unmarshal(filled, &bare); err != nil {
		t.Fatal(err)
	}
	delete(bare, "signingKey")
	delete(bare, "signingKey_SECRET")
	delete(bare, "updatesMustBeSignedBy")
	without, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	write("bare.json", without)
	if says := run(2, func(tl *Tool) error { return tl.WorldSign("bare.json", WorldPlan{Kind: world.Moon}) }); !strings.Contains(says, "--key") {
		t.Errorf("%s", says)
	}
	run(0, func(tl *Tool) error {
		return tl.WorldSign("bare.json", WorldPlan{Kind: world.Moon, KeyFile: "other.key", Out: "signed.moon"})
	})
	if w, o := mustWorld(t, "signed.moon"), mustWorld(t, "other.moon"); !w.SelfSigned() || w.UpdateKey != o.UpdateKey {
		t.Errorf("%+v", w)
	}
	for name, c := range map[string]struct{ content, says string }{
		"empty":        {"", "not a definition"},
		"garbage":      {"hello", "not a definition"},
		"no ID":        {strings.Replace(string(filled), annText[:10]+`",`, `xyz",`, 1), "ID in bad.json is invalid"},
		"no type":      {strings.Replace(string(filled), `"moon"`, `"sun"`, 1), "invalid worldType"},
		"bad endpoint": {strings.Replace(string(filled), "10.99.0.1/9993", "root.example/1", 1), "not ip/port"},
		"port 0":       {strings.Replace(string(filled), "10.99.0.1/9993", "10.99.0.1/0", 1), "nothing can be reached"},
		"bad secret":   {strings.Replace(string(filled), `"signingKey_SECRET": "`, `"signingKey_SECRET": "zz`, 1), "signingKey_SECRET has"},
	} {
		write("bad.json", []byte(c.content))
		for _, f := range []func(*Tool) error{
			func(tl *Tool) error { return tl.GenMoon("bad.json") },
			func(tl *Tool) error { return tl.WorldSign("bad.json", WorldPlan{Kind: world.Moon, Out: "x"}) },
		} {
			if says := run(1, f); !strings.Contains(says, c.says) || strings.Contains(says, d.SigningKeySecret) {
				t.Errorf("%s: %q, want %q", name, says, c.says)
			}
		}
	}
	if says := run(1, func(tl *Tool) error { return tl.GenMoon("nofile") }); says != "cannot read nofile\n" {
		t.Errorf("%q", says)
	}
	if says := run(1, func(tl *Tool) error { return tl.WorldSign("moon.json", WorldPlan{Kind: world.Planet}) }); !strings.Contains(says, "defines a moon") {
		t.Errorf("%s", says)
	}
}

// TestPublicKey reads the keys that people give.
func TestPublicKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := world.GenerateSigningKey(counting())
	public := fmt.Sprintf("%x", k.Public[:])
	raw, text, bad := filepath.Join(dir, "raw"), filepath.Join(dir, "text"), filepath.Join(dir, "bad")
	for f, content := range map[string][]byte{raw: k.AppendBinary(nil), text: []byte(public + "\n"), bad: []byte("x")} {
		if err := os.WriteFile(f, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arg := range []string{public, strings.ToUpper(public), raw, text} {
		if got, err := publicKey(arg); err != nil || got != public {
			t.Errorf("%s: %q, %v", arg, got, err)
		}
	}
	if got, err := publicKey(""); err != nil || got != "" {
		t.Errorf("none: %q, %v", got, err)
	}
	for _, arg := range []string{bad, filepath.Join(dir, "none"), public[1:]} {
		if got, err := publicKey(arg); err == nil {
			t.Errorf("%s: %q", arg, got)
		}
	}
}

// TestOrbitArguments gives orbit and deorbit what they refuse, and the
// reference's calls.
func TestOrbitArguments(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	api := canned{
		"POST /moon/1122334455":   {status: 200, body: `{"id":"0000001122334455"}`},
		"DELETE /moon/1122334455": {status: 200, body: `{"result":true}`},
	}
	for _, c := range []struct {
		run  func(*Tool) error
		json bool
		exit int
		out  string
	}{
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "1122334455", "") }, false, 0, "200 orbit OK\n"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "0000001122334455", "1122334455", "") }, true, 0, `{"id":"0000001122334455"}`},
		{func(tl *Tool) error { return tl.Deorbit(ctx, "0000001122334455") }, false, 0, "200 deorbit OK\n"},
		{func(tl *Tool) error { return tl.Deorbit(ctx, "1122334455") }, true, 0, `{"result":true}`},
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "", "") }, false, 2, "own socket"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "1122334455", strings.Repeat("ab", 64)) }, false, 2, "own socket"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "1122334455", "xyz") }, false, 2, "neither 128 hex digits nor a file"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "112233445", "1122334455", "") }, false, 2, "not the ID of a moon"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "0000000000", "1122334455", "") }, false, 2, "not the ID of a moon"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "0000000000", "") }, false, 2, "not the address of a node"},
		{func(tl *Tool) error { return tl.Orbit(ctx, "1122334455", "moon", "") }, false, 2, "not the address of a node"},
		{func(tl *Tool) error { return tl.Deorbit(ctx, "") }, false, 2, "not the ID of a moon"},
		{func(tl *Tool) error { return tl.WorldUse(ctx, world.Moon, "x", "") }, false, 2, "own socket"},
	} {
		tl, out, errs := tool(api, made)
		tl.JSON = c.json
		if got := code(c.run(tl), errs); got != c.exit || !strings.Contains(out.String()+errs.String(), c.out) {
			t.Errorf("exit %d, want %d: %s%s, want %s", got, c.exit, out, errs, c.out)
		}
	}
}
