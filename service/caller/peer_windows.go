package caller

import (
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// peer reads the token of the client of a named pipe. The client must have
// opened the pipe with at least the impersonation level "identification".
func peer(conn net.Conn, group string) (Credential, error) {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return Credential{}, ErrNoCredentials
	}
	token, err := clientToken(windows.Handle(pipe.Fd()))
	if err != nil {
		return Credential{}, fmt.Errorf("pipe client token: %w", err)
	}
	defer token.Close()
	return credential(token, group)
}

// clientToken impersonates the client on a thread of its own for as long as it
// takes to open the thread's token.
func clientToken(pipe windows.Handle) (token windows.Token, err error) {
	type result struct {
		token windows.Token
		err   error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if ok, _, errno := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
			runtime.UnlockOSThread()
			done <- result{err: fmt.Errorf("impersonate: %w", errno)}
			return
		}
		var t windows.Token
		err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &t)
		if windows.RevertToSelf() == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with this goroutine: nothing else may run as the client
		done <- result{t, err}
	}()
	r := <-done
	return r.token, r.err
}

// credential reads user and groups of an impersonation token.
func credential(token windows.Token, group string) (Credential, error) {
	u, err := token.GetTokenUser()
	if err != nil {
		return Credential{}, fmt.Errorf("token user: %w", err)
	}
	c := Credential{SID: u.User.Sid.String()}
	c.User = c.SID
	if name, domain, _, err := u.User.Sid.LookupAccount(""); err == nil {
		c.User = domain + `\` + name
	}
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return Credential{}, fmt.Errorf("administrators' SID: %w", err)
	}
	if c.System = u.User.Sid.IsWellKnown(windows.WinLocalSystemSid); !c.System {
		// IsMember counts enabled groups only: Administrators is enabled in an
		// elevated token and "for denying only" in a filtered one.
		if c.System, err = token.IsMember(admins); err != nil {
			return Credential{}, fmt.Errorf("membership of Administrators: %w", err)
		}
	}
	if c.Administrators, err = listed(token, admins); err != nil {
		return Credential{}, err
	}
	if sid, _, kind, err := windows.LookupSID("", group); err == nil && kind != windows.SidTypeUser {
		c.InGroup, _ = token.IsMember(sid)
	}
	return c, nil
}

// listed reports whether the token has the group in any way, also disabled.
func listed(token windows.Token, sid *windows.SID) (bool, error) {
	groups, err := token.GetTokenGroups()
	if err != nil {
		return false, fmt.Errorf("token groups: %w", err)
	}
	for _, g := range unsafe.Slice(&groups.Groups[0], groups.GroupCount) {
		if g.Sid.Equals(sid) {
			return true, nil
		}
	}
	return false, nil
}
