//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	itemPath    = "/StatusNotifierItem"
	menuPath    = "/StatusNotifierItem/menu"
	menuIface   = "com.canonical.dbusmenu"
	itemIface   = "org.kde.StatusNotifierItem"
)

// panel plays the part of a desktop that shows tray icons.
type panel struct {
	t       *testing.T
	bus     *dbus.Conn
	items   chan string // names that register
	signals chan *dbus.Signal
	item    string
}

// watcher is the interface that tray icons register with.
type watcher struct{ p *panel }

// RegisterStatusNotifierItem is called by the application over the bus.
func (w watcher) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	w.p.items <- string(sender)
	return nil
}

func newPanel(d *desktop) *panel {
	d.t.Helper()
	bus, err := dbus.Connect(d.bus)
	if err != nil {
		d.t.Fatal(err)
	}
	p := &panel{t: d.t, bus: bus, items: make(chan string, 8), signals: make(chan *dbus.Signal, 256)}
	d.t.Cleanup(func() { _ = bus.Close() })
	p.must(bus.Export(watcher{p}, "/StatusNotifierWatcher", watcherName))
	reply, err := bus.RequestName(watcherName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		d.t.Fatalf("become the panel: %v %v", reply, err)
	}
	p.must(bus.AddMatchSignal(dbus.WithMatchInterface(menuIface)))
	p.must(bus.AddMatchSignal(dbus.WithMatchInterface(itemIface)))
	bus.Signal(p.signals)
	return p
}

func (p *panel) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// waitItem waits for the application's icon.
func (p *panel) waitItem() {
	p.t.Helper()
	select {
	case p.item = <-p.items:
	case <-time.After(patience):
		p.t.Fatal("no tray icon registers")
	}
}

// layout is an item of a menu, as dbusmenu sends it.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// entry is an item of the menu.
type entry struct {
	id                           int32
	label                        string
	checked, disabled, separator bool
	submenu                      bool
}

// menu lists the items below one, 0 for the top.
func (p *panel) menu(parent int32) []entry {
	p.t.Helper()
	var revision uint32
	var root layout
	call := p.bus.Object(p.item, menuPath).Call(menuIface+".GetLayout", 0, parent, int32(1), []string{})
	if err := call.Store(&revision, &root); err != nil {
		p.t.Fatalf("read the menu: %v", err)
	}
	list := make([]entry, 0, len(root.Children))
	for _, v := range root.Children {
		var l layout
		if err := dbus.Store([]any{v.Value()}, &l); err != nil {
			p.t.Fatalf("read an item: %v", err)
		}
		e := entry{id: l.ID}
		if v, ok := l.Properties["label"].Value().(string); ok {
			e.label = v
		}
		if v, ok := l.Properties["toggle-state"].Value().(int32); ok {
			e.checked = v == 1
		}
		if v, ok := l.Properties["enabled"].Value().(bool); ok {
			e.disabled = !v
		}
		if v, ok := l.Properties["type"].Value().(string); ok {
			e.separator = v == "separator"
		}
		if v, ok := l.Properties["children-display"].Value().(string); ok {
			e.submenu = v == "submenu"
		}
		list = append(list, e)
	}
	return list
}

// outline writes the menu as lines: "x " is checked, "- " disabled.
func (p *panel) outline() string {
	p.t.Helper()
	var b strings.Builder
	var write func(int32, string)
	write = func(parent int32, indent string) {
		for _, e := range p.menu(parent) {
			switch {
			case e.separator:
				fmt.Fprintf(&b, "%s---\n", indent)
			default:
				mark := ""
				if e.checked {
					mark += "x "
				}
				if e.disabled {
					mark += "- "
				}
				fmt.Fprintf(&b, "%s%s%s\n", indent, mark, e.label)
			}
			if e.submenu {
				write(e.id, indent+"  ")
			}
		}
	}
	write(0, "")
	return b.String()
}

// waitMenu waits until the menu is as wanted. The application says on the bus
// when it changes.
func (p *panel) waitMenu(want string) {
	p.t.Helper()
	want = strings.TrimPrefix(want, "\n")
	deadline := time.After(patience)
	for {
		got := p.outline()
		if got == want {
			return
		}
		select {
		case <-p.signals:
		case <-deadline:
			p.t.Fatalf("the menu is\n%s\nwant\n%s", got, want)
		}
	}
}

// click chooses an item by its labels. The IDs of items change with every
// refresh, so they are looked up right before.
func (p *panel) click(labels ...string) {
	p.t.Helper()
	id := int32(0)
	for _, l := range labels {
		found := false
		for _, e := range p.menu(id) {
			if e.label == l {
				id, found = e.id, true
				break
			}
		}
		if !found {
			p.t.Fatalf("no item %q in\n%s", labels, p.outline())
		}
	}
	call := p.bus.Object(p.item, menuPath).Call(menuIface+".Event", 0, id, "clicked", dbus.MakeVariant(int32(0)), uint32(0))
	if call.Err != nil {
		p.t.Fatalf("click %q: %v", labels, call.Err)
	}
}

// icon is the picture that shows, as text to compare.
func (p *panel) icon() string {
	p.t.Helper()
	v, err := p.bus.Object(p.item, itemPath).GetProperty(itemIface + ".IconPixmap")
	if err != nil {
		p.t.Fatalf("read the icon: %v", err)
	}
	return fmt.Sprint(v.Value())
}

// waitIcon waits until the icon is another than before, and returns it.
func (p *panel) waitIcon(before string) string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		if now := p.icon(); now != before {
			return now
		}
		select {
		case <-p.signals:
		case <-deadline:
			p.t.Fatal("the icon does not change")
		}
	}
}
