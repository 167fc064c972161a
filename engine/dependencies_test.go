package engine_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies follows the imports of the programs that must be static, on
// every system: what a package pulls in is not seen in its own files.
func TestDependencies(t *testing.T) {
	t.Parallel()
	programs := []string{module + "/app/orreryd", module + "/app/orreryctl"}
	forbidden := []string{"fyne.io", "testing", "runtime/cgo", module + "/ui", module + "/engine/sim", module + "/service/demo"}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			for _, program := range programs {
				deps := dependencies(t, goos, program)
				if len(deps) < 50 {
					t.Errorf("%s has only %d dependencies: go list saw something else", program, len(deps))
				}
				for _, d := range deps {
					if d.Error != nil {
						t.Errorf("%s needs %s, which cannot be built without cgo: %s", program, d.ImportPath, d.Error.Err)
					}
					if belowAny(d.ImportPath, forbidden) {
						t.Errorf("%s depends on %s", program, d.ImportPath)
					}
				}
			}
		})
	}
}

// dependency is what go list tells of a package.
type dependency struct {
	ImportPath string
	Error      *struct{ Err string }
}

// dependencies lists a program and all that it imports, compiled without cgo.
func dependencies(t *testing.T, goos, program string) (all []dependency) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Error", program)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &errs)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one dependency
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, one)
	}
}
