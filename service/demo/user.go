//go:build linux

package demo

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// User is the person at the machine, who may not be root.
type User struct {
	UID, GID uint32
	Groups   []uint32
	Name     string
	// Group is the name of the user's primary group: its members may steer the
	// members' nodes. Empty for root.
	Group string
	Home  string
	// Env is what the desktop told the user's programs: see [Desktop].
	Env map[string]string
}

// desktopVariables are what a program needs to open a window, as "NAME".
var desktopVariables = []string{
	"DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_CONFIG_HOME",
	"XDG_CURRENT_DESKTOP", "XDG_DATA_DIRS", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE",
}

// Desktop picks what a program needs to open a window out of an environment of
// "NAME=VALUE".
func Desktop(environ []string) (picked []string) {
	for _, e := range environ {
		if name, _, ok := strings.Cut(e, "="); ok && slices.Contains(desktopVariables, name) {
			picked = append(picked, e)
		}
	}
	return picked
}

// Somebody finds the user: who called sudo, else who runs this. The desktop is
// what [Desktop] picked before sudo cleaned the environment.
func Somebody(desktop []string) (User, error) {
	id := strconv.Itoa(os.Getuid())
	if s := os.Getenv("SUDO_UID"); s != "" && id == "0" {
		id = s
	}
	account, err := user.LookupId(id)
	if err != nil {
		return User{}, fmt.Errorf("find the user's account: %w", err)
	}
	u := User{Name: account.Username, Home: account.HomeDir, Env: make(map[string]string)}
	if u.UID, err = number(account.Uid); err != nil {
		return User{}, err
	}
	if u.GID, err = number(account.Gid); err != nil {
		return User{}, err
	}
	groups, err := account.GroupIds()
	if err != nil {
		groups = []string{account.Gid} // a user of a directory that this program cannot ask
	}
	for _, g := range groups {
		n, err := number(g)
		if err != nil {
			return User{}, err
		}
		u.Groups = append(u.Groups, n)
	}
	if u.UID != 0 {
		group, err := user.LookupGroupId(account.Gid)
		if err != nil {
			return User{}, fmt.Errorf("find the user's group: %w", err)
		}
		u.Group = group.Name
	}
	for _, e := range Desktop(desktop) {
		name, value, _ := strings.Cut(e, "=")
		u.Env[name] = value
	}
	return u, nil
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("a user or group ID: %w", err)
	}
	return uint32(n), nil
}

// hasDisplay reports whether the user has a desktop.
func (u *User) hasDisplay() bool { return u.Env["DISPLAY"] != "" || u.Env["WAYLAND_DISPLAY"] != "" }

// environ is the environment for programs of the user, with the desktop's
// variables and more ("NAME", "VALUE", …), which win.
func (u *User) environ(desktop bool, more ...string) []string {
	env := map[string]string{"HOME": u.Home, "USER": u.Name, "LOGNAME": u.Name, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"}
	if desktop {
		for k, v := range u.Env {
			env[k] = v
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	var out []string
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// credential makes a child process run as the user.
func (u *User) credential() *syscall.Credential {
	if u.UID == 0 {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}

// give makes the user the owner of a file or folder.
func (u *User) give(path string) error {
	if err := os.Chown(path, int(u.UID), int(u.GID)); err != nil {
		return fmt.Errorf("give a file to its user: %w", err)
	}
	return nil
}
