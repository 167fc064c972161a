package ipc

import (
	"errors"
	"fmt"
)

// The codes of [Error]. They are stable: clients translate by code.
const (
	// CodeBadRequest: the request is malformed; repeating it will not help.
	CodeBadRequest = "bad_request"
	// CodeForbidden: the caller's role does not suffice; Need says which does.
	CodeForbidden = "forbidden"
	// CodeForeignOrigin: the request looks as if a web page had sent it.
	CodeForeignOrigin = "foreign_origin"
	// CodeNotFound: the thing named does not exist, or the path is unknown.
	CodeNotFound = "not_found"
	// CodeMethod: the path exists, but not with this HTTP method.
	CodeMethod = "method_not_allowed"
	// CodeConflict: the state of the service forbids it, for instance an
	// identity that is not the recorded one.
	CodeConflict = "conflict"
	// CodeTooLarge: the request body is over the limit.
	CodeTooLarge = "too_large"
	// CodeBusy: too many connections; try again.
	CodeBusy = "busy"
	// CodeTimeout: the network did not answer in time.
	CodeTimeout = "timeout"
	// CodeUnsupported: this system or this build cannot do it.
	CodeUnsupported = "unsupported"
	// CodeUnavailable: the service is starting or stopping.
	CodeUnavailable = "unavailable"
	// CodeInternal: a fault of the service; its log has more.
	CodeInternal = "internal"
)

// Sentinels of the client half. Test with errors.Is.
var (
	// ErrNotRunning is returned when nothing answers at the socket or pipe:
	// the service is not installed, not started, or just restarting.
	ErrNotRunning = errors.New("the Orrery service is not running")
	// ErrNotAllowed is returned when the operating system refuses access to
	// the socket, and matches every [Error] with CodeForbidden.
	ErrNotAllowed = errors.New("not allowed to use the Orrery service")
	// ErrUntrusted is returned when somebody other than the system or the
	// current user could have made the socket: whoever answers there may not
	// be the service, so nothing is sent.
	ErrUntrusted = errors.New("the socket does not belong to the system")
	// ErrProtocol is returned when whatever answers does not speak this
	// contract.
	ErrProtocol = errors.New("the answer is not from an Orrery service")
	// ErrCut is returned by an event stream that the service ended, for
	// instance because the reader was too slow. Subscribe again.
	ErrCut = errors.New("the event stream ended")
)

// Errorf makes an [Error] with a message and no advice.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Advise returns a copy of e with advice on what to do next.
func (e *Error) Advise(format string, args ...any) *Error {
	c := *e
	c.Advice = fmt.Sprintf(format, args...)
	return &c
}

// Is makes a refusal by role match [ErrNotAllowed].
func (e *Error) Is(target error) bool {
	return target == ErrNotAllowed && e.Code == CodeForbidden
}
