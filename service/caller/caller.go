package caller

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"orrery/service/ipc"
)

// DefaultGroup is the group whose members are operators.
const DefaultGroup = "orrery"

// ErrNoCredentials is returned by [Identify] for a connection whose peer the
// operating system does not name, such as TCP. Refuse it.
var ErrNoCredentials = errors.New("the operating system does not name the peer of this connection")

// Credential is what the operating system says of the peer of a connection.
type Credential struct {
	// UID and GID are those of the process when it connected (Unix).
	UID, GID uint32
	// Groups has the supplementary groups of the process (Unix).
	Groups []uint32
	// SID is the user's security identifier (Windows), else empty.
	SID string
	// User is the account's name, or "uid N" or the SID if it has none.
	User string
	// System is true for root, LocalSystem and elevated Administrators.
	System bool
	// Administrators is true for a member of Administrators whose token is not
	// elevated (Windows): the user could elevate, the program is not.
	Administrators bool
	// InGroup is true if the token has the operators' group enabled (Windows).
	InGroup bool
}

// ID names the account for limits and logs: "uid 1000" or a SID.
func (c Credential) ID() string {
	if c.SID != "" {
		return c.SID
	}
	return fmt.Sprintf("uid %d", c.UID)
}

// Caller is a peer with its role.
type Caller struct {
	Credential
	Role ipc.Role
	// Why says in a sentence what led to Role.
	Why string
}

// Policy maps credentials to roles. The zero value is usable.
type Policy struct {
	// Group is the group whose members are operators; "" is [DefaultGroup].
	Group string
	// Accounts answers questions about users and groups; nil asks the system.
	Accounts Accounts
}

// Accounts is the system's user database.
type Accounts interface {
	// GroupID returns the numeric ID of a group, false if there is none.
	GroupID(name string) (gid uint32, ok bool)
	// UserName returns the name of a user, "" if there is none.
	UserName(uid uint32) string
	// UserGroups returns the groups that the database lists for a user.
	UserGroups(uid uint32) []uint32
}

// Identify returns the caller at the other end of conn, which must be an
// accepted Unix socket or named pipe connection.
func (p Policy) Identify(conn net.Conn) (Caller, error) {
	c, err := peer(conn, p.group())
	if err != nil {
		return Caller{}, err
	}
	return p.Caller(c), nil
}

// Caller gives a credential its role and, on Unix, its name.
func (p Policy) Caller(c Credential) Caller {
	a := p.Accounts
	if a == nil {
		a = systemAccounts{}
	}
	if c.User == "" {
		if c.User = a.UserName(c.UID); c.User == "" {
			c.User = c.ID()
		}
	}
	role, why := p.role(c, a)
	return Caller{Credential: c, Role: role, Why: why}
}

// role decides. Observer is what remains: everyone on the machine may read.
func (p Policy) role(c Credential, a Accounts) (ipc.Role, string) {
	group := p.group()
	switch {
	case c.System && c.SID != "":
		return ipc.Administrator, c.User + " runs with the rights of an administrator"
	case c.System:
		return ipc.Administrator, c.User + " is the superuser"
	case c.InGroup:
		return ipc.Operator, fmt.Sprintf("%s is a member of group %q", c.User, group)
	case c.Administrators:
		return ipc.Operator, c.User + " is an administrator, but this program is not elevated"
	case c.SID != "":
		return ipc.Observer, fmt.Sprintf("%s is neither an administrator nor a member of group %q", c.User, group)
	}
	gid, ok := a.GroupID(group)
	if !ok {
		return ipc.Observer, fmt.Sprintf("%s is not the superuser, and there is no group %q", c.User, group)
	}
	// The kernel's list is that of the process when it started. The database is
	// asked too, so that being added to the group works without logging in again.
	if c.GID == gid || slices.Contains(c.Groups, gid) || slices.Contains(a.UserGroups(c.UID), gid) {
		return ipc.Operator, fmt.Sprintf("%s is a member of group %q", c.User, group)
	}
	return ipc.Observer, fmt.Sprintf("%s is not a member of group %q", c.User, group)
}

func (p Policy) group() string {
	if p.Group == "" {
		return DefaultGroup
	}
	return p.Group
}
