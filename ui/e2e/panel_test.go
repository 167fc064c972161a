//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
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
func (p *panel) menu(parent int32) ([]entry, error) {
	var revision uint32
	var root layout
	if err := p.call(menuPath, menuIface+".GetLayout", parent, int32(1), []string{}).Store(&revision, &root); err != nil {
		return nil, fmt.Errorf("read the menu: %w", err)
	}
	list := make([]entry, 0, len(root.Children))
	for _, v := range root.Children {
		var l layout
		if err := dbus.Store([]any{v.Value()}, &l); err != nil {
			return nil, fmt.Errorf("read an item: %w", err)
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
	return list, nil
}

// outline writes the menu as lines: "x " is checked, "- " disabled.
func (p *panel) outline() string {
	p.t.Helper()
	var b strings.Builder
	var write func(int32, string)
	write = func(parent int32, indent string) {
		list, err := p.menu(parent)
		p.must(err)
		for _, e := range list {
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

// click returns what chooses an item by its labels. The IDs of items change with
// every refresh, so they are looked up right before; the click is lost if a
// refresh comes between, or if the application does not listen yet to what it has
// drawn. So whoever clicks waits for what comes of it, and clicks again.
func (p *panel) click(labels ...string) func() error {
	return func() error {
		id := int32(0)
		for _, l := range labels {
			list, err := p.menu(id)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(e entry) bool { return e.label == l })
			if i < 0 {
				return fmt.Errorf("no item %q of %q", l, labels)
			}
			id = list[i].id
		}
		if err := p.call(menuPath, menuIface+".Event", id, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err; err != nil {
			return fmt.Errorf("click %q: %w", labels, err)
		}
		return nil
	}
}

// quit clicks Quit and returns the application's exit code. The click may go
// without an answer: the application leaves the bus at once.
func (p *panel) quit(d *desktop, a *app) int {
	p.t.Helper()
	for range patience / again {
		if err := p.click("Quit")(); err != nil {
			break
		}
		select {
		case <-a.done:
			return a.ProcessState.ExitCode()
		case <-time.After(again):
		}
	}
	return d.ends(a)
}

// call calls a method of the application.
func (p *panel) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	return p.bus.Object(p.item, path).CallWithContext(ctx, method, 0, args...)
}

// icon is the picture that shows, as text to compare. An answer may be half of one
// picture and half of the next, but two that are the same are not.
func (p *panel) icon() string {
	p.t.Helper()
	for before := p.readIcon(); ; {
		now := p.readIcon()
		if now == before {
			return now
		}
		before = now
	}
}

func (p *panel) readIcon() string {
	p.t.Helper()
	var v dbus.Variant
	if err := p.call(itemPath, "org.freedesktop.DBus.Properties.Get", itemIface, "IconPixmap").Store(&v); err != nil {
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
