package shell

import (
	"runtime"
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

// TestTakeEnd: nothing is left that Fyne would queue when its main loop ends.
func TestTakeEnd(t *testing.T) {
	l := uitest.App(t).Lifecycle()
	all, ok := l.(lifecycle)
	if !ok {
		t.Fatal("Fyne's lifecycle is another one now")
	}
	saved, told := 0, 0
	all.SetOnStoppedHookExecuted(func() { saved++ })
	l.SetOnStopped(func() { told++ })
	end := TakeEnd(l)
	if all.OnStopped() != nil {
		t.Error("Fyne still has something to do at the end")
	}
	if end(); saved != 1 || told != 1 {
		t.Errorf("done %d and %d times", saved, told)
	}
	TakeEnd(l)()
	if saved != 1 || told != 1 {
		t.Errorf("done %d and %d times", saved, told)
	}
}

// slowApp is an application whose driver takes its time to take over what is to
// be drawn.
type slowApp struct {
	fyne.App
	driver slowDriver
}

func (a slowApp) Driver() fyne.Driver { return a.driver }

type slowDriver struct {
	fyne.Driver
	take func()
}

func (d slowDriver) DoFromGoroutine(func(), bool) { d.take() }

// TestClosedWaits: when Closed returns, nobody is about to hand something to Fyne,
// and nobody does any more.
func TestClosedWaits(t *testing.T) {
	f := start(t, uitest.Snapshot())
	app := fyne.CurrentApp()
	entered, leave := make(chan struct{}), make(chan struct{})
	order := make(chan string, 3)
	fyne.SetCurrentApp(slowApp{app, slowDriver{app.Driver(), func() {
		close(entered)
		<-leave
		order <- "taken"
	}}})
	defer fyne.SetCurrentApp(app)
	go f.Event(f.service.Snapshot())
	<-entered
	go func() {
		f.Closed()
		order <- "closed"
	}()
	for range 1000 {
		runtime.Gosched()
	}
	close(leave)
	if first, second := <-order, <-order; first != "taken" || second != "closed" {
		t.Errorf("%s, then %s", first, second)
	}
	f.Failed(ipc.ErrNotRunning) // closes entered twice if it comes through
	f.Open("")
}

// TestOrderOfFailures: a failure that is drawn late does not undo what came after
// it, and ends what came before.
func TestOrderOfFailures(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.queued = true // a drain is under way
	f.Event(ipc.Event{Kind: ipc.EventNetworkGone, Gone: uitest.Home})
	f.Failed(ipc.ErrNotRunning)
	f.Event(f.service.Snapshot())
	f.drain()
	if !f.State().Up() {
		t.Error("the service answers, but it shows that it does not")
	}
	f.queued = true
	f.Event(f.service.Snapshot())
	f.Failed(ipc.ErrNotRunning)
	f.drain()
	if f.State().Up() {
		t.Error("the service does not answer, but it shows that it does")
	}
}
