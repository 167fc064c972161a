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
	// showing is true while the menu is drawn because Show asked for it.
	showing bool
}

// New returns a tray that shows nothing yet; do carries out what is clicked.
func New(host Host, do func(model.Action)) *Tray {
	return &Tray{host: host, do: do, shown: fyne.NewMenu("")}
}

// Show shows an icon and a menu.
func (t *Tray) Show(icon model.TrayIcon, menu []model.MenuItem) {
	if t.icon != icon {
		t.icon = icon
		t.setIcon()
	}
	if t.menu == nil || !slices.EqualFunc(t.menu, menu, model.MenuItem.Equal) {
		t.menu = menu
		t.shown.Items = t.items(menu)
		if len(t.shown.Items) > 0 {
			t.shown.Items[0].Shortcut = redrawn(t.redrawn)
		}
		t.showing = true
		t.host.SetSystemTrayMenu(t.shown)
		t.showing = false
	}
}

func (t *Tray) setIcon() {
	t.host.SetSystemTrayIcon(fyne.NewStaticResource("orrery-"+string(t.icon)+".svg", assets.TrayIcon(string(t.icon))))
}

// redrawn is called when the menu's first item is drawn. If that was not for
// Show, then the tray has just become ready: Fyne paints the first icon in the
// background, which may end after a later one was set and hide that for good, and
// draws the menu once more when it has. So the icon is set again.
func (t *Tray) redrawn() {
	if !t.showing {
		t.setIcon()
	}
}

// redrawn is the shortcut of no key: it calls a function when Fyne asks for the
// key, which it does when it draws the item, on its main thread.
type redrawn func()

func (redrawn) ShortcutName() string { return "" }

func (redrawn) Mod() fyne.KeyModifier { return 0 }

func (f redrawn) Key() fyne.KeyName {
	f()
	return ""
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
