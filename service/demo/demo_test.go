//go:build linux

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// programs builds what the demonstration starts, as make build does.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "orrery/app/orreryd", "orrery/app/orreryctl", "orrery/app/orrery-demo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return bin
}

// TestDemonstration runs `make run` without the application: first one that is
// killed half way, then one that must find nothing of it in its way.
func TestDemonstration(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	bin := programs(t)
	dir := filepath.Join(t.TempDir(), "demo")
	if err := check(&Config{Bin: bin, Dir: dir, NoApplication: true}); err != nil {
		t.Skip(err)
	}
	killHalfWay(t, bin, dir)
	var out bytes.Buffer
	err := Run(t.Context(), Config{Bin: bin, Pictures: t.TempDir(), Dir: dir, Out: &out, NoApplication: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"TCP", "safety number", "directly at 10.99.0.12:", "10.147.17."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story has no %q:\n%s", want, &out)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", dir)
	}
}

// killHalfWay kills a demonstration once its nodes run, and waits until the
// kernel has ended them.
func killHalfWay(t *testing.T, bin, dir string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "orrery-demo"), "--bin", bin, "--dir", dir, "--no-application")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var nodes []process
	err := until(t.Context(), 2*patience, func(context.Context) (bool, error) {
		nodes = nil
		for _, p := range noted(dir) {
			if line, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/cmdline"); err == nil && bytes.Contains(line, []byte("orreryd")) {
				nodes = append(nodes, p)
			}
		}
		return len(nodes) == len(roles), nil
	})
	if kill := cmd.Process.Kill(); kill != nil {
		t.Error(kill)
	}
	_ = cmd.Wait() // it was killed
	if err != nil {
		t.Fatalf("the nodes do not start: %v\n%s", err, &out)
	}
	err = until(t.Context(), 2*patience, func(context.Context) (bool, error) {
		for _, p := range nodes {
			if start, err := startTime(p.PID); err == nil && start == p.Start {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Errorf("nodes survive their demonstration: %v", err)
	}
}

// noted are the processes that a demonstration has noted.
func noted(dir string) (all []process) {
	b, err := os.ReadFile(filepath.Join(dir, running))
	if err != nil || json.Unmarshal(b, &all) != nil {
		return nil
	}
	return all
}
