package shell

import "fyne.io/fyne/v2"

// lifecycle is what Fyne's lifecycle can beyond its interface.
type lifecycle interface {
	OnStopped() func()
	SetOnStoppedHookExecuted(func())
}

// TakeEnd takes over what Fyne does when the application has ended, and returns
// it for the caller to do when Run has returned. Fyne's main loop hands it to
// another goroutine, which hands it back to the loop, and the loop ends
// meanwhile: if it comes back at the wrong moment nobody does it, and Run waits
// for it for good, with an application that shows nothing and never ends.
func TakeEnd(l fyne.Lifecycle) func() {
	all, ok := l.(lifecycle)
	if !ok {
		return func() {}
	}
	end := all.OnStopped()
	if end == nil {
		return func() {}
	}
	all.SetOnStoppedHookExecuted(nil)
	l.SetOnStopped(nil)
	return end
}
