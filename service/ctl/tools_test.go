package ctl

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

const annText = "294551b91f:0:95c11fbd0ce4c1bc28cf3117b792aaaa8a582232916ecf672cc586992e7a49603c3a8e4114ce3a3b4e1ebcaaa138da0d980bca7360411000586711a324b91934"

// A seed from which the reference generates an identity at the second try, and
// the address of that identity.
const (
	seed        = "f0115b32b2260fa227479e2296839a137a17e5046e6bbaaba62764a3be46bb3dffe18bb4f0ff1a1e3db1dba943af1891f939a17bf43082e1a0450124b44ddfaa"
	seedAddress = "db425d9077"
)

// TestIdentityTool makes an identity and does everything with it, in the words
// of the reference's tool.
func TestIdentityTool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	secret, public, msg := in("identity.secret"), in("identity.public"), in("msg.txt")
	if err := os.WriteFile(msg, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	do := func(want int, f func(*Tool) error) (string, string) {
		t.Helper()
		tl, out, errs := tool(nil, time.Now())
		tl.Random = func(b []byte) {
			if n, err := hex.Decode(b, []byte(seed)); err != nil || n != len(b) {
				panic("the seed does not fit")
			}
		}
		if got := code(f(tl), errs); got != want {
			t.Errorf("exit %d, want %d: %s", got, want, errs)
		}
		return out.String(), errs.String()
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	out, _ := do(0, func(t *Tool) error { return t.IDGenerate(ctx, secret, public, "") })
	expect(out, secret+" written\n"+public+" written\n")
	for path, mode := range map[string]os.FileMode{secret: 0o600, public: 0o644} {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm()&^mode != 0 {
			t.Errorf("%s: %v %v", path, fi.Mode(), err)
		}
	}
	pub, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(pub), seedAddress+":0:") {
		t.Errorf("generated %s", pub)
	}
	_, errs := do(1, func(t *Tool) error { return t.IDGenerate(ctx, secret, "", "") })
	if !strings.Contains(errs, "never overwritten") {
		t.Errorf("%q", errs)
	}
	do(2, func(t *Tool) error { return t.IDGenerate(ctx, "", "", "xyz") })
	do(2, func(t *Tool) error { return t.IDGenerate(ctx, "", "", "ff") })
	do(2, func(t *Tool) error { return t.IDGenerate(ctx, "", "", "0123456789a") })
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	do(1, func(t *Tool) error { return t.IDGenerate(canceled, "", "", "12345") })

	out, _ = do(0, func(t *Tool) error { return t.IDPublic(secret) })
	expect(out, string(pub))
	for _, path := range []string{secret, public} {
		out, _ = do(0, func(t *Tool) error { return t.IDValidate(path) })
		expect(out, path+" is a valid identity\n")
	}
	signature, _ := do(0, func(t *Tool) error { return t.IDSign(secret, msg) })
	if len(signature) != 192 {
		t.Errorf("signature %q", signature)
	}
	sigFile := in("sig.txt")
	if err := os.WriteFile(sigFile, []byte(signature+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []string{signature, sigFile} {
		out, _ = do(0, func(t *Tool) error { return t.IDVerify(public, msg, sig) })
		expect(out, msg+" signature valid\n")
	}
	for _, sig := range []string{strings.Repeat("0", 192), "", "nofile", signature[:190]} {
		_, errs = do(1, func(t *Tool) error { return t.IDVerify(public, msg, sig) })
		expect(errs, msg+" signature check FAILED\n")
	}
	_, errs = do(1, func(t *Tool) error { return t.IDSign(public, msg) })
	expect(errs, public+" does not contain a private key (must use private to sign)\n")
	_, errs = do(1, func(t *Tool) error { return t.IDSign(secret, in("nofile")) })
	expect(errs, in("nofile")+" is not readable\n")
	_, errs = do(1, func(t *Tool) error { return t.IDValidate("nofile") })
	expect(errs, "Identity argument invalid or file unreadable: nofile\n")

	out, _ = do(0, func(t *Tool) error { return t.IDValidate(annText) })
	expect(out, annText+" is a valid identity\n")
	for _, r := range captured(t).IDTool {
		if r.Name == "validate_literal_bad" {
			_, errs = do(r.Exit, func(t *Tool) error { return t.IDValidate(r.Args[1]) })
			expect(errs, r.Stderr)
		}
	}
	// A private key on the command line is in no message.
	text, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	broken := string(text[:len(text)-1]) + "x"
	out, errs = do(1, func(t *Tool) error { return t.IDValidate(broken) })
	if private := string(text[142:200]); strings.Contains(out+errs, private) {
		t.Errorf("%q %q", out, errs)
	}
	out, _ = do(0, func(t *Tool) error { return t.IDValidate(string(text)) })
	expect(out, string(pub)+" is a valid identity\n")
}

// TestPlanetShow shows the reference's moon with the contents that it was made of.
func TestPlanetShow(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/local_api.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Files []struct {
			Name  string
			Bytes string `json:"bytes_hex"`
		}
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "moon")
	for _, f := range v.Files {
		if strings.HasSuffix(f.Name, ".moon") {
			raw, err := hex.DecodeString(f.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tl, out, _ := tool(nil, time.Now())
	if err := tl.WorldShow(context.Background(), world.Planet, file); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"moon 294551b91f\n", "signed by its own key", "    endpoint  10.199.0.1/9993\n", annText, "(1795312934801)", "update key  1a44cd14"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("no %q in\n%s", s, out)
		}
	}
	tl, out, _ = tool(nil, time.Now())
	tl.JSON = true
	var w ipc.World
	if err := tl.WorldShow(context.Background(), world.Planet, file); err != nil || json.Unmarshal(out.Bytes(), &w) != nil || w.ID != 0x294551b91f {
		t.Errorf("%v %s", err, out)
	}
	var errs bytes.Buffer
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit := code(tl.WorldShow(context.Background(), world.Planet, file), &errs); exit != 1 || !strings.Contains(errs.String(), "not a world") && !strings.Contains(errs.String(), "truncated") {
		t.Errorf("%d %s", exit, &errs)
	}
	if exit := code(tl.WorldShow(context.Background(), world.Planet, ""), &errs); exit != 2 {
		t.Errorf("%d %s", exit, &errs)
	}
}

// TestNetworkBody: what is asked of the controller.
func TestNetworkBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		n    NewNetwork
		want string // JSON, or part of the error
		ok   bool
	}{
		{"all by itself", NewNetwork{}, `{"ipAssignmentPools":[{"ipRangeEnd":"10.1.2.254","ipRangeStart":"10.1.2.1"}],"name":"","private":true,"routes":[{"target":"10.1.2.0/24","via":null}],"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}}`, true},
		{"everything", NewNetwork{Name: "h", Public: true, Subnet: "10.147.17.9/16", IPv6: []string{"6plane", "rfc4193"}, Routes: []string{"192.168.1.0/24=10.147.17.5", "fd00::1/64"}},
			`{"ipAssignmentPools":[{"ipRangeEnd":"10.147.255.254","ipRangeStart":"10.147.0.1"}],"name":"h","private":false,"routes":[{"target":"10.147.0.0/16","via":null},{"target":"192.168.1.0/24","via":"10.147.17.5"},{"target":"fd00::/64","via":null}],"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":true,"rfc4193":true,"zt":false}}`, true},
		{"no addresses", NewNetwork{Subnet: "none"}, `{"name":"","private":true,"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}}`, true},
		{"smallest", NewNetwork{Subnet: "10.0.0.0/30"}, `"ipRangeEnd":"10.0.0.2","ipRangeStart":"10.0.0.1"`, true},
		{"IPv6 subnet", NewNetwork{Subnet: "fd00::/64"}, "--subnet", false},
		{"too small", NewNetwork{Subnet: "10.0.0.0/31"}, "--subnet", false},
		{"no prefix", NewNetwork{Subnet: "10.0.0.0"}, "--subnet", false},
		{"bad scheme", NewNetwork{IPv6: []string{"dhcp"}}, "--ipv6", false},
		{"bad route", NewNetwork{Routes: []string{"everywhere"}}, "--route", false},
		{"bad gateway", NewNetwork{Routes: []string{"10.0.0.0/8=fd00::1"}}, "--route", false},
	} {
		tl, _, _ := tool(nil, time.Now())
		b, err := tl.networkBody(&c.n)
		got := string(b)
		if err != nil {
			got = err.Error()
		}
		if (err == nil) != c.ok || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestParsersRefuse keeps IDs strict before they reach a path.
func TestParsersRefuse(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "123", "../../../etc/pass", "ffffffffff", "0000000000", "294551b91g"} {
		if _, err := memberID(s); err == nil {
			t.Errorf("member %q", s)
		}
	}
	if a, err := memberID("294551B91F"); err != nil || a != identity.Address(0x294551b91f) {
		t.Errorf("%v %v", a, err)
	}
}
