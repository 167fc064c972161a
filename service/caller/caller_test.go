package caller

import (
	"errors"
	"net"
	"strings"
	"testing"

	"orrery/service/ipc"
)

// book is a user database.
type book struct {
	groups  map[string]uint32
	names   map[uint32]string
	members map[uint32][]uint32
}

func (b book) GroupID(name string) (uint32, bool) { g, ok := b.groups[name]; return g, ok }
func (b book) UserName(uid uint32) string         { return b.names[uid] }
func (b book) UserGroups(uid uint32) []uint32     { return b.members[uid] }

func TestRole(t *testing.T) {
	t.Parallel()
	db := book{
		groups:  map[string]uint32{"orrery": 50, "vpn": 60},
		names:   map[uint32]string{0: "root", 1000: "ann"},
		members: map[uint32][]uint32{1001: {50}},
	}
	for _, c := range []struct {
		name   string
		policy Policy
		cred   Credential
		role   ipc.Role
		why    string
	}{
		{"root", Policy{}, Credential{UID: 0, System: true}, ipc.Administrator, "root is the superuser"},
		{"nobody special", Policy{}, Credential{UID: 1000, GID: 1000, Groups: []uint32{1, 2}}, ipc.Observer, `ann is not a member of group "orrery"`},
		{"unknown user", Policy{}, Credential{UID: 1002, GID: 1002}, ipc.Observer, "uid 1002 is not a member"},
		{"primary group", Policy{}, Credential{UID: 1000, GID: 50}, ipc.Operator, "ann is a member"},
		{"supplementary group", Policy{}, Credential{UID: 1000, GID: 1, Groups: []uint32{9, 50}}, ipc.Operator, "ann is a member"},
		{"added since login", Policy{}, Credential{UID: 1001, GID: 1}, ipc.Operator, "is a member"},
		{"another group", Policy{Group: "vpn"}, Credential{UID: 1000, GID: 50}, ipc.Observer, `"vpn"`},
		{"configured group", Policy{Group: "vpn"}, Credential{UID: 1000, GID: 60}, ipc.Operator, `"vpn"`},
		{"group that is not there", Policy{Group: "none"}, Credential{UID: 1000, GID: 0}, ipc.Observer, `there is no group "none"`},
		{"LocalSystem", Policy{}, Credential{SID: "S-1-5-18", User: "SYSTEM", System: true}, ipc.Administrator, "rights of an administrator"},
		{"Windows member", Policy{}, Credential{SID: "S-1-5-21-1", User: `PC\ann`, InGroup: true}, ipc.Operator, `PC\ann is a member`},
		{"not elevated", Policy{}, Credential{SID: "S-1-5-21-1", User: `PC\ann`, Administrators: true}, ipc.Operator, "not elevated"},
		{"Windows user", Policy{}, Credential{SID: "S-1-5-21-1", User: `PC\ann`, GID: 50}, ipc.Observer, "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.policy.Accounts = db
			got := c.policy.Caller(c.cred)
			if got.Role != c.role || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s because %q, want %s because %q", got.Role, got.Why, c.role, c.why)
			}
			if got.User == "" || got.ID() == "" {
				t.Errorf("no name: %+v", got)
			}
		})
	}
}

// TestNoCredentials: what is no local socket has no caller.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := (Policy{}).Identify(a); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("%v", err)
	}
}
