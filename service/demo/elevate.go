//go:build linux

package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Elevate starts this program again as root, by sudo, if it does not run as
// root; then it does not return, unless with an error. It says why it asks. The
// new program gets args and, as sudo cleans the environment, one "--env" for
// each variable of the desktop.
func Elevate(out io.Writer, args []string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	fmt.Fprintln(out, `The demonstration needs root, because only root may make network namespaces and
network devices. It makes its own and leaves this machine's network alone.`)
	sudo, err := exec.LookPath("sudo")
	if err != nil {
		return errors.New("there is no sudo here: become root and run make run again")
	}
	fmt.Fprintln(out, "sudo may ask for your password.")
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	call := append([]string{"sudo", "--", self}, args...)
	for _, v := range Desktop(os.Environ()) {
		call = append(call, "--env", v)
	}
	return fmt.Errorf("start sudo: %w", syscall.Exec(sudo, call, os.Environ()))
}
