//go:build linux || darwin

package caller

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestIdentify: over a real socket the kernel names us.
func TestIdentify(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	who, err := Policy{}.Identify(conn)
	if err != nil {
		t.Fatal(err)
	}
	if int(who.UID) != os.Getuid() || int(who.GID) != os.Getgid() || who.System != (os.Getuid() == 0) || who.User == "" {
		t.Errorf("%+v", who)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if len(groups) <= 16 && !slices.Contains(who.Groups, uint32(g)) {
			t.Errorf("group %d is missing in %v", g, who.Groups)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := (Policy{}).Identify(conn); err == nil && again.UID != who.UID {
		t.Errorf("after the peer has gone: %+v", again)
	}
}

// TestSystemAccounts: the system knows its superuser.
func TestSystemAccounts(t *testing.T) {
	t.Parallel()
	var a systemAccounts
	if name := a.UserName(0); name != "root" {
		t.Errorf("user 0 is %q", name)
	}
	if name := a.UserName(4_000_000_000); name != "" {
		t.Errorf("user 4000000000 is %q", name)
	}
	if _, ok := a.GroupID("no such group, surely"); ok {
		t.Error("a group that is not there")
	}
	if !slices.Contains(a.UserGroups(0), 0) {
		t.Errorf("groups of user 0: %v", a.UserGroups(0))
	}
	if g := a.UserGroups(4_000_000_000); g != nil {
		t.Errorf("groups of nobody: %v", g)
	}
}
