//go:build linux

package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// folder holds the files of a demonstration. Its lock says that one is going on.
type folder struct {
	path  string
	lock  *os.File
	stale int // processes of an earlier demonstration that were ended

	mu        sync.Mutex // guards processes
	processes []process
}

// process names a process for good: numbers are used again, start times are not.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // in clock ticks since the machine started
}

// running is the file that lists the processes.
const running = "processes.json"

// openFolder makes the folder, after it has removed what a killed demonstration
// left in it.
func openFolder(path string) (*folder, error) {
	for range 10 {
		f, err := tryFolder(path)
		if f != nil || err != nil {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: somebody removes it all the time", path)
}

// tryFolder is nil without an error if the folder was removed meanwhile.
func tryFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for the demonstration: %w", err)
	}
	lock, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the demonstration's folder: %w", err)
	}
	f := &folder{path: path, lock: lock}
	if err := f.claim(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	mine, err := lock.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at %s: %w", path, err), lock.Close())
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(mine, there) {
		return nil, lock.Close()
	}
	if err := f.clear(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

func (f *folder) claim() error {
	var err error
	// A program that is being started by a demonstration that was killed has its
	// descriptors for a moment more.
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Since(begun) > 3*time.Second {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("a demonstration is going on already (it holds %s): end it with Ctrl-C first", f.path)
	case err != nil:
		return fmt.Errorf("lock %s: %w", f.path, err)
	}
	if err := os.Chmod(f.path, 0o755); err != nil {
		return fmt.Errorf("open %s to the user's programs: %w", f.path, err)
	}
	return nil
}

// clear ends processes of an earlier demonstration and removes its files.
func (f *folder) clear() error {
	b, err := os.ReadFile(f.file(running))
	if err == nil {
		var old []process
		if err := json.Unmarshal(b, &old); err != nil {
			old = nil // killed while it was written: the folder is all that is left
		}
		for _, p := range old {
			if start, err := startTime(p.PID); err == nil && start == p.Start {
				if err := syscall.Kill(p.PID, syscall.SIGKILL); err == nil {
					f.stale++
				}
			}
		}
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("look into %s: %w", f.path, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(f.path, e.Name())); err != nil {
			return fmt.Errorf("remove what an earlier demonstration left: %w", err)
		}
	}
	return nil
}

// file is the path of a file in the folder.
func (f *folder) file(name ...string) string {
	return filepath.Join(append([]string{f.path}, name...)...)
}

// note remembers a process, in case this one gets no chance to end it.
func (f *folder) note(pid int) error {
	start, err := startTime(pid)
	if err != nil {
		return nil //nolint:nilerr // it has ended by itself
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes = append(f.processes, process{pid, start})
	b, err := json.Marshal(f.processes)
	if err != nil {
		return fmt.Errorf("note a process: %w", err)
	}
	temporary := f.file(running + ".new")
	if err := os.WriteFile(temporary, b, 0o600); err != nil {
		return fmt.Errorf("note a process: %w", err)
	}
	if err := os.Rename(temporary, f.file(running)); err != nil {
		return fmt.Errorf("note a process: %w", err)
	}
	return nil
}

// remove removes the folder and gives up the lock.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}

// startTime is when a process started, in the kernel's own count.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	// The name of the program, in parentheses, may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const start = 22 - 3 // field 22 of proc(5), the first after the name is 3
	if len(fields) <= start || string(fields[0]) == "Z" {
		return "", os.ErrProcessDone
	}
	return string(fields[start]), nil
}

// logTail is the end of a log, indented.
func logTail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	var out []byte
	for _, l := range all[max(0, len(all)-lines):] {
		out = append(append(append(out, "  "...), l...), '\n')
	}
	return string(bytes.TrimRight(out, "\n"))
}
