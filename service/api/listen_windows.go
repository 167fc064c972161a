package api

import (
	"errors"
	"fmt"
	"net"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"orrery/service/ipc"
)

// pipeAccess is the pipe's security descriptor: nobody over the network; all
// for the system and Administrators; reading and writing, but not making another
// instance of the pipe, for those who are logged on here (spec 06 §11.3).
const pipeAccess = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)"

// Listen makes the service's named pipe at path, "" for [ipc.DefaultPath]. A
// pipe of this name that exists already, whoever made it, is [ErrInUse].
func Listen(path string) (net.Listener, error) {
	if path == "" {
		path = ipc.DefaultPath
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: pipeAccess, InputBufferSize: 64 << 10, OutputBufferSize: 64 << 10})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("listen at the local API's pipe: %w", err)
	}
	return l, nil
}
