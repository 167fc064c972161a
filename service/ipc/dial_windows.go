package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// pipeAccess is read and write without the right to create an instance of the
// pipe, which generic write would include and which the service denies.
const pipeAccess = 0x12019b

// Dial connects to the service's named pipe at path, "" for [DefaultPath], and
// lets the service see who calls, but not act as the caller. It then makes sure
// that the pipe belongs to the system, to Administrators or to the current
// user, so that no other program can pose as the service: otherwise
// ErrUntrusted. No pipe is ErrNotRunning; no access is ErrNotAllowed.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if path == "" {
		path = DefaultPath
	}
	conn, err := winio.DialPipeAccessImpLevel(ctx, path, pipeAccess, winio.PipeImpLevelIdentification)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w (no pipe %s)", ErrNotRunning, path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%w (no access to %s)", ErrNotAllowed, path)
	case err != nil:
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	if err := checkServer(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// checkServer checks the owner of the pipe.
func checkServer(conn net.Conn) error {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return fmt.Errorf("%w: the pipe has no handle", ErrUntrusted)
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(pipe.Fd()), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%w: owner of the pipe: %v", ErrUntrusted, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("%w: owner of the pipe: %v", ErrUntrusted, err)
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	if me, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil && owner.Equals(me.User.Sid) {
		return nil
	}
	return fmt.Errorf("%w: the pipe belongs to %s", ErrUntrusted, owner)
}
