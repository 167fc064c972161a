package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"orrery/service/caller"
	"orrery/service/ipc"
)

// become runs do on a thread with another user, group and supplementary groups,
// as the kernel sees it. The thread ends afterwards.
func become(t *testing.T, uid, gid int, groups []uint32, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is spoiled
		var list unsafe.Pointer
		if len(groups) > 0 {
			list = unsafe.Pointer(&groups[0])
		}
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(list), 0},
			{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- errno
				return
			}
		}
		do()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// fewAccounts is a user database in which only user 2001 is in the group.
type fewAccounts struct{}

func (fewAccounts) GroupID(name string) (uint32, bool) { return 7777, name == "orrery" }
func (fewAccounts) UserName(uid uint32) string         { return map[uint32]string{0: "root", 2000: "obi"}[uid] }
func (fewAccounts) UserGroups(uid uint32) []uint32 {
	if uid == 2001 {
		return []uint32{7777}
	}
	return nil
}

// TestPeerCredentials: real users on a real socket get the role that is theirs.
func TestPeerCredentials(t *testing.T) {
	t.Parallel()
	_, path := serve(t, fixture(t), caller.Policy{Accounts: fewAccounts{}}, nil)
	for dir := filepath.Dir(path); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name     string
		uid, gid int
		groups   []uint32
		role     ipc.Role
		user     string
	}{
		{"root", 0, 0, nil, ipc.Administrator, "root"},
		{"somebody", 2000, 2000, nil, ipc.Observer, "obi"},
		{"somebody without a name", 2002, 2002, []uint32{1, 2, 3}, ipc.Observer, "uid 2002"},
		{"by primary group", 2000, 7777, nil, ipc.Operator, "obi"},
		{"by supplementary group", 2000, 2000, []uint32{5, 7777}, ipc.Operator, "obi"},
		{"by the database", 2001, 2001, nil, ipc.Operator, "uid 2001"},
		{"root's group does not make root", 2000, 0, []uint32{0}, ipc.Observer, "obi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var who ipc.Who
			var join int
			var err error
			become(t, c.uid, c.gid, c.groups, func() { who, join, err = whoami(path) })
			if err != nil {
				t.Fatal(err)
			}
			if who.Role != c.role || who.User != c.user {
				t.Errorf("%+v, want %s %s", who, c.role, c.user)
			}
			if want := map[bool]int{true: 403, false: 200}[c.role == ipc.Observer]; join != want {
				t.Errorf("join: %d, want %d", join, want)
			}
		})
	}
}

// whoami asks on this very thread: the connection has the thread's credentials.
func whoami(path string) (who ipc.Who, join int, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return who, 0, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return who, 0, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return who, 0, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	ask := func(method, path, body string) (*http.Response, error) {
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: orrery\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
		return http.ReadResponse(r, nil)
	}
	resp, err := ask(http.MethodGet, "/v1/whoami", "")
	if err != nil {
		return who, 0, err
	}
	err = json.NewDecoder(resp.Body).Decode(&who)
	_ = resp.Body.Close()
	if err != nil {
		return who, 0, err
	}
	resp, err = ask(http.MethodPost, "/v1/networks/"+nwid, "{}")
	if err != nil {
		return who, 0, err
	}
	return who, resp.StatusCode, resp.Body.Close()
}

// TestTooManyConnections: one user cannot take all connections.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	_, path := serve(t, fixture(t), caller.Policy{Accounts: fewAccounts{}}, nil)
	for dir := filepath.Dir(path); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var held []net.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	var refused string
	become(t, 2000, 2000, nil, func() {
		for range 17 {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
				t.Error(err)
				return
			}
			f := os.NewFile(uintptr(fd), "socket")
			conn, err := net.FileConn(f)
			_ = f.Close()
			if err != nil {
				t.Error(err)
				return
			}
			held = append(held, conn)
		}
		line, err := bufio.NewReader(held[16]).ReadString('\n')
		refused = fmt.Sprint(line, err)
	})
	if refused != "HTTP/1.1 503 Service Unavailable\r\n<nil>" {
		t.Fatalf("17th connection: %q", refused)
	}
	c := ipc.NewClient(path)
	defer c.Close()
	if _, err := c.Status(patience(t)); err != nil {
		t.Errorf("root: %v", err)
	}
}

// TestUntrustedSocket: a client does not talk to a socket that anybody could
// have made.
func TestUntrustedSocket(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to give files away")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	try := func() error {
		conn, err := ipc.Dial(context.Background(), path)
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, c := range []struct {
		name             string
		dirMode          os.FileMode
		dirOwner, socket int
		ok               bool
	}{
		{"ours", 0o755, 0, 0, true},
		{"of another user", 0o755, 2000, 0, false},
		{"open to all", 0o777, 0, 0, false},
		{"open to all, sticky, socket ours", 0o777 | os.ModeSticky, 0, 0, true},
		{"open to all, sticky, socket of another", 0o777 | os.ModeSticky, 0, 2000, false},
		{"open to root's group", 0o775, 0, 0, true},
	} {
		if err := errors.Join(os.Chown(dir, c.dirOwner, 0), os.Chmod(dir, c.dirMode), os.Lchown(path, c.socket, 0)); err != nil {
			t.Fatal(err)
		}
		err := try()
		if c.ok && err != nil || !c.ok && !errors.Is(err, ipc.ErrUntrusted) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
