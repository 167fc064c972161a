package engine_test

import (
	"strings"
	"testing"
)

// TestFaultsAreFound breaks each rule once, so that a check that finds nothing
// any more does not pass for a clean module.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	const body = "// Package p is explained.\npackage p\n"
	for _, c := range []struct {
		name, path, text string
		want             string // part of the fault; "" for none
	}{
		{"engine with a socket", "engine/vl1/a.go", `import "net"`, "imports net"},
		{"engine with addresses", "engine/vl1/a.go", `import "net/netip"`, ""},
		{"engine with files", "engine/world/a.go", `import "os"`, "imports os"},
		{"engine with a subpackage of os", "engine/world/a.go", `import "os/exec"`, "imports os/exec"},
		{"engine with the global log", "engine/node/a.go", `import "log"`, "imports log"},
		{"engine with an injected log", "engine/node/a.go", `import "log/slog"`, ""},
		{"engine with global randomness", "engine/vl2/a.go", `import "math/rand/v2"`, "imports math/rand/v2"},
		{"engine's test with files", "engine/vl2/a_test.go", `import "os"`, ""},
		{"simulator with seeded randomness", "engine/sim/a.go", `import "math/rand/v2"`, ""},
		{"simulator with a clock", "engine/sim/a.go", "import \"time\"\nvar t = time.Now()", "calls time.Now"},
		{"engine upwards", "engine/node/a.go", `import "orrery/service/udp"`, "imports orrery/service/udp"},
		{"engine's test upwards", "engine/node/a_test.go", `import "orrery/service/udp"`, "imports orrery/service/udp"},
		{"engine with the simulator", "engine/node/a.go", `import "orrery/engine/sim"`, "imports orrery/engine/sim"},
		{"engine from a higher floor", "engine/wire/a.go", `import "orrery/engine/vl1"`, "not on a lower floor"},
		{"engine from a lower floor", "engine/vl1/a.go", `import "orrery/engine/wire"`, ""},
		{"engine's internal from above", "engine/internal/salsa/a.go", `import "orrery/engine/identity"`, "not on a lower floor"},
		{"engine without a floor", "engine/attic/a.go", "", "has no floor"},
		{"engine with another library", "engine/wire/a.go", `import "golang.org/x/net/ipv4"`, "imports golang.org/x/net/ipv4"},
		{"engine with cryptography", "engine/armor/a.go", `import "golang.org/x/crypto/poly1305"`, ""},
		{"engine with a goroutine", "engine/node/a.go", "func f() { go f() }", "starts a goroutine"},
		{"engine with a channel", "engine/node/a.go", "var c chan int", "uses channels"},
		{"engine with a select", "engine/node/a.go", "func f() { select {} }", "uses channels"},
		{"engine that waits", "engine/node/a.go", "import t \"time\"\nfunc f() { t.Sleep(1) }", "calls time.Sleep"},
		{"engine with a lock", "engine/identity/a.go", "import \"sync\"\nvar m sync.Mutex", "uses sync.Mutex"},
		{"engine with a pool", "engine/identity/a.go", "import \"sync\"\nvar p sync.Pool", ""},
		{"engine with a pool elsewhere", "engine/vl1/a.go", "import \"sync\"\nvar p sync.Pool", "imports sync"},
		{"contract with the engine", "service/ipc/a.go", `import "orrery/engine/node"`, "imports orrery/engine/node"},
		{"service with the application", "service/api/a.go", `import "orrery/ui/model"`, "imports orrery/ui/model"},
		{"service with Fyne", "service/api/a.go", `import "fyne.io/fyne/v2"`, "imports fyne.io"},
		{"service with the simulator", "service/host/a.go", `import "orrery/engine/sim"`, "imports orrery/engine/sim"},
		{"decisions with Fyne", "ui/model/a.go", `import "fyne.io/fyne/v2"`, "imports fyne.io"},
		{"views with the engine", "ui/view/peers/a.go", `import "orrery/engine/node"`, "imports orrery/engine/node"},
		{"views with a display", "ui/shell/a.go", `import "fyne.io/fyne/v2/app"`, "imports fyne.io/fyne/v2/app"},
		{"the application with a display", "app/orrery/a.go", `import "fyne.io/fyne/v2/app"`, ""},
		{"the application with the service", "app/orrery/a.go", `import "orrery/service/udp"`, "imports orrery/service/udp"},
		{"the service's program with the application", "app/orreryd/a.go", `import "orrery/ui/shell"`, "imports orrery/ui/shell"},
		{"the service's program with the simulator", "app/orreryd/a.go", `import "orrery/engine/sim"`, "imports orrery/engine/sim"},
		{"assets with code of ours", "assets/a.go", `import "orrery/engine/world"`, "imports orrery/engine/world"},
		{"a folder that nobody planned", "tools/a.go", "", "in no folder"},
		{"a test that sleeps", "service/udp/a_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", "sleeps"},
		{"an unexplained function", "service/udp/a.go", "func Open() {}", "Open has no comment"},
		{"an unexplained method", "service/udp/a.go", "// T is.\ntype T struct{}\nfunc (t *T) Send() {}", "T.Send has no comment"},
		{"a method that the library explains", "service/udp/a.go", "// T is.\ntype T struct{}\nfunc (t *T) Close() error { return nil }", ""},
		{"an unexplained type", "service/udp/a.go", "type T struct{}", "T has no comment"},
		{"an unexplained value", "service/udp/a.go", "const (\n\t// A is.\n\tA = 1\n\tB = 2\n)", "B has no comment"},
		{"a group that is explained", "service/udp/a.go", "// The letters.\nconst (\n\tA = 1\n\tB = 2\n)", ""},
		{"a long file", "service/udp/a.go", strings.Repeat("\n", maxLines+1), "lines, more than"},
		{"a test as long", "service/udp/a_test.go", strings.Repeat("\n", maxLines+1), ""},
		{"a long test", "service/udp/a_test.go", strings.Repeat("\n", maxTestLines+1), "lines, more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := newSource(c.path, []byte(body+c.text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			var faults []string
			for _, check := range checks {
				faults = append(faults, check(s)...)
			}
			switch all := strings.Join(faults, "; "); {
			case c.want == "" && all != "":
				t.Errorf("found: %s", all)
			case c.want != "" && !strings.Contains(all, c.want):
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}
