//go:build !linux

package main

// trayHost reports whether something shows tray icons, which is always so here.
func trayHost() bool { return true }
