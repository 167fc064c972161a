package model

import (
	"slices"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// TrayIcon names the picture of assets.TrayIcon.
type TrayIcon string

// The states of the tray icon.
const (
	TrayStopped   TrayIcon = "stopped"
	TrayOffline   TrayIcon = "offline"
	TrayOnline    TrayIcon = "online"
	TrayAttention TrayIcon = "attention"
)

// MenuItem is an entry of the tray menu.
type MenuItem struct {
	Label     string
	Separator bool
	Checked   bool
	Disabled  bool
	Action    Action
	Items     []MenuItem
}

// Equal reports whether two entries look and do the same.
func (m MenuItem) Equal(o MenuItem) bool {
	return m.Label == o.Label && m.Separator == o.Separator && m.Checked == o.Checked && m.Disabled == o.Disabled &&
		m.Action == o.Action && slices.EqualFunc(m.Items, o.Items, MenuItem.Equal)
}

// TrayIcon returns the state that the tray icon shows.
func (s *State) TrayIcon() TrayIcon {
	switch {
	case s.link == down:
		return TrayStopped
	case s.link == starting:
		return TrayOffline
	case s.attention() > 0:
		return TrayAttention
	case !s.status.Online:
		return TrayOffline
	}
	return TrayOnline
}

// attention counts the things that somebody has to settle.
func (s *State) attention() int {
	n := 0
	for _, b := range s.Banners() {
		if b.Badge.Tone >= Warning && b.ID != offlineAlert {
			n++
		}
	}
	for id, nw := range s.networks {
		switch nw.Status {
		case ipc.OK, ipc.Requesting, ipc.AccessDenied:
		case ipc.NotFound, ipc.TooOld, ipc.AuthRequired:
			n++
		case ipc.PortError:
			if _, told := s.alerts[portAlert+id]; !told {
				n++
			}
		}
	}
	return n
}

// IDs of the service's alerts about what shows in another way too: being
// offline has an icon of its own, a network without a device is in its list.
const (
	offlineAlert = "offline"
	portAlert    = "network.port."
)

// TrayMenu returns the tray's menu. Its first line says in words what the icon
// shows; its last one is Quit.
func (s *State) TrayMenu() []MenuItem {
	head := []MenuItem{{Label: s.trayLine(), Disabled: true}}
	if n := s.attention(); n > 0 {
		head = append(head, MenuItem{Label: text.Plural("tray.attention", n), Action: Action{Do: OpenWindow}})
	}
	if s.Up() && s.status.Address != "" {
		head = append(head, MenuItem{Label: text.Get("tray.address", "address", s.status.Address), Action: Action{Do: Copy, Target: s.status.Address}})
	}
	menu := append(head, MenuItem{Separator: true})
	if s.Up() {
		for _, r := range s.Networks().Rows {
			menu = append(menu, s.trayNetwork(r))
		}
		join := s.Networks().Join
		menu = append(menu, MenuItem{Label: join.Label, Disabled: !join.Enabled, Action: join.Action}, MenuItem{Separator: true})
	}
	return append(menu,
		MenuItem{Label: text.Get("tray.open"), Action: Action{Do: OpenWindow}},
		MenuItem{Separator: true},
		MenuItem{Label: text.Get("tray.quit"), Action: Action{Do: Quit}})
}

// trayLine is the state in words.
func (s *State) trayLine() string {
	switch s.link {
	case starting:
		return text.Get("tray.connecting")
	case down:
		return s.Problem(s.linkErr).Title
	}
	if !s.status.Online {
		return text.Get("tray.offline")
	}
	return text.Get("tray.online")
}

// trayNetwork is a network's entry: its state, a switch that joins or leaves,
// and its addresses to copy.
func (s *State) trayNetwork(r NetworkRow) MenuItem {
	toggle := r.Toggle.Action
	if toggle.Do == Leave {
		toggle.Do = LeaveNow
	}
	items := []MenuItem{{Label: text.Get("tray.network.joined"), Checked: r.Joined, Disabled: !r.Toggle.Enabled, Action: toggle}}
	if len(r.Addresses) > 0 {
		items = append(items, MenuItem{Separator: true})
	}
	for _, a := range r.Addresses {
		items = append(items, MenuItem{Label: text.Get("tray.copy", "text", a.Copy), Action: Action{Do: Copy, Target: a.Copy}})
	}
	items = append(items, MenuItem{Separator: true}, MenuItem{Label: text.Get("tray.network.id", "id", r.ID), Action: Action{Do: Copy, Target: r.ID}})
	return MenuItem{Label: text.Get("tray.network", "name", r.Title, "state", r.Badge.Text), Checked: r.Joined, Items: items}
}
