// Package tray shows the model's tray icon and menu through Fyne. It decides
// nothing, and draws only what has changed: some panels close an open menu when
// it is set again.
package tray

import (
	"slices"

	"fyne.io/fyne/v2"

	"orrery/assets"
	"orrery/ui/model"
)

// Host is the part of a desktop that has a tray; Fyne's desktop.App is one.
type Host interface {
	SetSystemTrayMenu(*fyne.Menu)
	SetSystemTrayIcon(fyne.Resource)
}

// Tray is the application's icon in the tray.
type Tray struct {
	host Host
	do   func(model.Action)
	icon model.TrayIcon
	menu []model.MenuItem
	// shown is one object for good: when the tray gets ready, Fyne draws the
	// first menu that it was given once more.
	shown *fyne.Menu
}

// New returns a tray that shows nothing yet; do carries out what is clicked.
func New(host Host, do func(model.Action)) *Tray {
	return &Tray{host: host, do: do, shown: fyne.NewMenu("")}
}

// Show shows an icon and a menu.
func (t *Tray) Show(icon model.TrayIcon, menu []model.MenuItem) {
	if t.icon != icon {
		t.icon = icon
		t.host.SetSystemTrayIcon(fyne.NewStaticResource("orrery-"+string(icon)+".svg", assets.TrayIcon(string(icon))))
	}
	if t.menu == nil || !slices.EqualFunc(t.menu, menu, model.MenuItem.Equal) {
		t.menu = menu
		t.shown.Items = t.items(menu)
		t.host.SetSystemTrayMenu(t.shown)
	}
}

func (t *Tray) items(list []model.MenuItem) []*fyne.MenuItem {
	out := make([]*fyne.MenuItem, 0, len(list))
	for _, m := range list {
		if m.Separator {
			out = append(out, fyne.NewMenuItemSeparator())
			continue
		}
		item := fyne.NewMenuItem(m.Label, func() { t.do(m.Action) })
		item.Checked, item.Disabled = m.Checked, m.Disabled
		item.IsQuit = m.Action.Do == model.Quit
		if len(m.Items) > 0 {
			item.Action = nil
			item.ChildMenu = fyne.NewMenu("", t.items(m.Items)...)
		}
		out = append(out, item)
	}
	return out
}
