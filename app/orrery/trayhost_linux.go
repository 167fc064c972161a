package main

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

// busWait bounds how long the session's bus may take to answer, which is a while
// when everything starts at once.
const busWait = 10 * time.Second

// trayHost reports whether something shows tray icons: some desktops have
// nothing that does, and then a closed window could not be opened again.
func trayHost() bool {
	ctx, cancel := context.WithTimeout(context.Background(), busWait)
	defer cancel()
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer bus.Close()
	var owned bool
	err = bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&owned)
	return err == nil && owned
}
