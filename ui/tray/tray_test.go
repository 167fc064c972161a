package tray

import (
	"testing"

	"fyne.io/fyne/v2"

	"orrery/ui/model"
)

// host notes what is set.
type host struct {
	menus []*fyne.Menu
	icons []string
}

func (h *host) SetSystemTrayMenu(m *fyne.Menu) {
	h.menus = append(h.menus, m)
	h.draw(m)
}

// draw asks for shortcuts, as Fyne does.
func (h *host) draw(m *fyne.Menu) {
	for _, i := range m.Items {
		if s, ok := i.Shortcut.(fyne.KeyboardShortcut); ok {
			s.Mod()
			s.Key()
		}
	}
}

func (h *host) SetSystemTrayIcon(r fyne.Resource) { h.icons = append(h.icons, r.Name()) }

func TestShow(t *testing.T) {
	t.Parallel()
	var h host
	var done []model.Action
	tr := New(&h, func(a model.Action) { done = append(done, a) })
	leave := model.Action{Do: model.LeaveNow, Target: "n"}
	menu := func(state string) []model.MenuItem {
		return []model.MenuItem{
			{Label: state, Disabled: true},
			{Separator: true},
			{Label: "home", Checked: true, Items: []model.MenuItem{{Label: "Joined", Checked: true, Action: leave}}},
			{Label: "Quit", Action: model.Action{Do: model.Quit}},
		}
	}
	tr.Show(model.TrayOnline, menu("Online"))
	tr.Show(model.TrayOnline, menu("Online"))
	if len(h.menus) != 1 || len(h.icons) != 1 || h.icons[0] != "orrery-online.svg" {
		t.Fatalf("%d menus, icons %v", len(h.menus), h.icons)
	}
	items := h.menus[0].Items
	if len(items) != 4 || !items[0].Disabled || !items[1].IsSeparator || !items[2].Checked || !items[3].IsQuit {
		t.Errorf("%+v", items)
	}
	items[2].ChildMenu.Items[0].Action()
	items[3].Action()
	if len(done) != 2 || done[0] != leave || done[1].Do != model.Quit {
		t.Errorf("%+v", done)
	}
	tr.Show(model.TrayOffline, menu("Offline"))
	if len(h.menus) != 2 || len(h.icons) != 2 {
		t.Errorf("%d menus, icons %v", len(h.menus), h.icons)
	}
}

// When the tray gets ready, Fyne sets the first icon, perhaps late, and draws the
// menu again.
func TestLateFirstIcon(t *testing.T) {
	t.Parallel()
	var h host
	tr := New(&h, func(model.Action) {})
	menu := []model.MenuItem{{Label: "Online", Disabled: true}}
	tr.Show(model.TrayStopped, menu)
	tr.Show(model.TrayOnline, menu)
	h.icons = append(h.icons, "orrery-stopped.svg")
	h.draw(h.menus[0])
	if last := h.icons[len(h.icons)-1]; last != "orrery-online.svg" {
		t.Errorf("%q shows for good", last)
	}
}
