package store

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Access lists: the system, administrators and the owner may do everything,
// nobody else anything, nothing is inherited from above.
const (
	dirAccess  = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
	fileAccess = "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)"
)

// protect keeps a file from others if no permission for them is asked for. Other
// files inherit the access list of the home directory.
func protect(f *os.File, perm fs.FileMode) error {
	if perm&0o077 != 0 {
		return nil
	}
	return restrict(f.Name())
}

func samePerm(_, _ fs.FileMode) bool { return true }

// replace renames a file over another one. Virus scanners hold new files open
// for a moment, so it tries for a short while.
func replace(from, to string) error {
	var err error
	for wait := time.Millisecond; wait < 200*time.Millisecond; wait *= 2 {
		if err = os.Rename(from, to); err == nil || !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
			return err
		}
		time.Sleep(wait)
	}
	return err
}

// syncDir does nothing: directories cannot be synced, NTFS journals renames.
func syncDir(string) error { return nil }

// makeDir creates a directory for the system, administrators and its owner.
func makeDir(path string) error {
	if err := makePrivate(path); err != nil {
		return err
	}
	return setAccess(path, dirAccess)
}

// checkDir accepts every directory: new ones are made with their own access
// list, and imported ones keep theirs.
func checkDir(fs.FileInfo) error { return nil }

// restrict takes a secret file away from everybody but system, administrators
// and its owner.
func restrict(path string) error { return setAccess(path, fileAccess) }

func setAccess(path, sddl string) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
}

// running reports whether there is a process.
func running(pid int) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err == nil {
		_ = windows.CloseHandle(h) // only looked at
	}
	return !errors.Is(err, windows.ERROR_INVALID_PARAMETER)
}

// lock takes an exclusive lock on an open file for the life of the process. ok
// is false if another process has it. The locked byte lies behind the content,
// so that others can still read who has it.
func lock(f *os.File) (ok bool, err error) {
	at := windows.Overlapped{OffsetHigh: 1}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}
