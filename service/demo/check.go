//go:build linux

package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// check makes sure that all that the demonstration needs is there, and makes
// the paths of cfg absolute.
func check(cfg *Config) error {
	if os.Geteuid() != 0 {
		return errors.New("the demonstration needs root, for network namespaces and devices")
	}
	for _, p := range []*string{&cfg.Bin, &cfg.Pictures, &cfg.Dir} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find the current folder: %w", err)
		}
		*p = abs
	}
	for _, name := range []string{"orreryd", "orreryctl", "orrery"} {
		if name == "orrery" && cfg.NoApplication {
			continue
		}
		if fi, err := os.Stat(filepath.Join(cfg.Bin, name)); err != nil || fi.Mode()&0o111 == 0 {
			return fmt.Errorf("there is no program %s in %s: run make build", name, cfg.Bin)
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return fmt.Errorf("this machine has no network devices for programs (%w): load the kernel module tun (modprobe tun), or start the container with --device /dev/net/tun", err)
	}
	tools := []string{"ping", "iperf3"}
	if !cfg.NoApplication && (!cfg.Terminal || !cfg.User.hasDisplay()) {
		tools = append(tools, displayTools...)
	}
	var missing []string
	for _, name := range tools {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("these programs are missing: %s. Run make deps", strings.Join(missing, ", "))
	}
	return nil
}
