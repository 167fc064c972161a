package model

import (
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

// outline writes a menu as lines: "x " is checked, "- " disabled.
func outline(menu []MenuItem, indent string) string {
	var b strings.Builder
	for _, m := range menu {
		b.WriteString(indent)
		switch {
		case m.Separator:
			b.WriteString("---")
		default:
			if m.Checked {
				b.WriteString("x ")
			}
			if m.Disabled {
				b.WriteString("- ")
			}
			b.WriteString(m.Label)
		}
		b.WriteString("\n" + outline(m.Items, indent+"  "))
	}
	return b.String()
}

func TestTrayMenu(t *testing.T) {
	t.Parallel()
	left := newState(uitest.Snapshot())
	leave := Action{Do: LeaveNow, Target: uitest.Home}
	left.Begin(leave)
	left.End(leave, nil)
	down := newState(uitest.Snapshot())
	down.Down(ipc.ErrNotRunning)
	for _, c := range []struct {
		name string
		s    *State
		icon TrayIcon
		want string
	}{
		{"connecting", New(Options{}), TrayOffline, `
- Looking for the service
---
Open Orrery
---
Quit
`},
		{"stopped", down, TrayStopped, `
- The service is not running
---
Open Orrery
---
Quit
`},
		{"online", newState(uitest.Snapshot()), TrayOnline, `
- Online
My address: 89e92ceee5
---
x home: Connected
  x Joined
  ---
  Copy 10.147.20.5
  Copy fd80:56c2:e21c:0:199:9389:e92c:eee5
  ---
  Copy ID 8056c2e21c000001
x Workshop: Waiting for permission
  x Joined
  ---
  Copy ID d3a1f0c2b7beef01
Join network…
---
Open Orrery
---
Quit
`},
		{"a network left here", left, TrayOnline, `
- Online
My address: 89e92ceee5
---
home: Left
  Joined
  ---
  Copy ID 8056c2e21c000001
x Workshop: Waiting for permission
  x Joined
  ---
  Copy ID d3a1f0c2b7beef01
Join network…
---
Open Orrery
---
Quit
`},
		{"an observer with things to settle", newState(func() *ipc.Snapshot {
			all := uitest.WithConflict()
			all.Status.Role, all.Status.Online = ipc.Observer, false
			all.Networks = []ipc.Network{{ID: uitest.ClosedNet, Name: "lab", Status: ipc.PortError}}
			return all
		}()), TrayAttention, `
- Offline: no root answers
3 things need your attention…
My address: 89e92ceee5
---
x lab: No device
  x - Joined
  ---
  Copy ID 1c0ffee111c0ffee
- Join network…
---
Open Orrery
---
Quit
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.s.TrayIcon(); got != c.icon {
				t.Errorf("icon %s, want %s", got, c.icon)
			}
			if got := "\n" + outline(c.s.TrayMenu(), ""); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTrayActions(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	find := func(labels ...string) Action {
		t.Helper()
		items := s.TrayMenu()
		for i, l := range labels {
			for _, m := range items {
				if m.Label != l {
					continue
				}
				if i == len(labels)-1 {
					return m.Action
				}
				items = m.Items
				break
			}
		}
		t.Errorf("no item %q", labels)
		return Action{}
	}
	for _, c := range []struct {
		path []string
		want Action
	}{
		{[]string{"My address: 89e92ceee5"}, Action{Do: Copy, Target: uitest.Self}},
		{[]string{"home: Connected", "Joined"}, Action{Do: LeaveNow, Target: uitest.Home}},
		{[]string{"home: Connected", "Copy 10.147.20.5"}, Action{Do: Copy, Target: "10.147.20.5"}},
		{[]string{"Join network…"}, Action{Do: OpenJoin}},
		{[]string{"Open Orrery"}, Action{Do: OpenWindow}},
		{[]string{"Quit"}, Action{Do: Quit}},
	} {
		if got := find(c.path...); got != c.want {
			t.Errorf("%q: %+v", c.path, got)
		}
	}
	leave := Action{Do: LeaveNow, Target: uitest.Home}
	s.Begin(leave)
	s.End(leave, nil)
	if got := find("home: Left", "Joined"); got != (Action{Do: Join, Target: uitest.Home}) {
		t.Errorf("%+v", got)
	}
}

func TestAttention(t *testing.T) {
	t.Parallel()
	for status, want := range map[ipc.NetworkStatus]TrayIcon{
		ipc.OK: TrayOnline, ipc.Requesting: TrayOnline, ipc.AccessDenied: TrayOnline,
		ipc.NotFound: TrayAttention, ipc.PortError: TrayAttention, ipc.TooOld: TrayAttention, ipc.AuthRequired: TrayAttention,
	} {
		s := newState(&ipc.Snapshot{Status: ipc.Status{Online: true, Role: ipc.Operator}, Networks: []ipc.Network{{ID: uitest.Home, Status: status}}})
		if got := s.TrayIcon(); got != want {
			t.Errorf("%s: %s", status, got)
		}
	}
	s := newState(&ipc.Snapshot{Alerts: []ipc.Alert{{ID: "offline", Severity: "warning"}}})
	if got := s.TrayIcon(); got != TrayOffline || len(s.Banners()) != 1 {
		t.Errorf("offline: %s, %+v", got, s.Banners())
	}
	s = newState(&ipc.Snapshot{
		Networks: []ipc.Network{{ID: uitest.Home, Status: ipc.PortError}}, Alerts: []ipc.Alert{{ID: "network.port." + uitest.Home, Severity: "error"}},
	})
	if n := s.attention(); n != 1 {
		t.Errorf("a network without a device counts %d times", n)
	}
	for severity, want := range map[string]TrayIcon{"info": TrayOnline, "warning": TrayAttention, "error": TrayAttention} {
		s := newState(&ipc.Snapshot{Status: ipc.Status{Online: true, Role: ipc.Observer}, Alerts: []ipc.Alert{{ID: "x", Severity: severity}}})
		if got := s.TrayIcon(); got != want {
			t.Errorf("%s: %s", severity, got)
		}
	}
}

func TestMenuItemEqual(t *testing.T) {
	t.Parallel()
	m := MenuItem{Label: "a", Items: []MenuItem{{Label: "b", Action: Action{Do: Copy, Target: "x"}}}}
	same := MenuItem{Label: "a", Items: []MenuItem{{Label: "b", Action: Action{Do: Copy, Target: "x"}}}}
	if !m.Equal(same) {
		t.Error("equal items differ")
	}
	for _, o := range []MenuItem{
		{Label: "c"},
		{Label: "a"},
		{Label: "a", Checked: true, Items: m.Items},
		{Label: "a", Disabled: true, Items: m.Items},
		{Label: "a", Separator: true, Items: m.Items},
		{Label: "a", Action: Action{Do: Quit}, Items: m.Items},
		{Label: "a", Items: []MenuItem{{Label: "b", Action: Action{Do: Copy, Target: "y"}}}},
	} {
		if m.Equal(o) {
			t.Errorf("%+v is equal", o)
		}
	}
}
