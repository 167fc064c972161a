// Package model decides everything that the interface shows and offers. It
// turns the service's snapshot and events into a [State], and a State into
// pages, the tray menu, dialogs and error screens: plain data in words, which
// views only draw. What a user wants comes back as an [Action].
//
// It must not import Fyne, start goroutines, read the clock or touch the system.
// A State has one owner, the goroutine of the interface.
package model
