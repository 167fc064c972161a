package shell

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	fw "fyne.io/fyne/v2/widget"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

// fixture is an application over a service without a network.
type fixture struct {
	*Shell
	service     *uitest.Service
	jobs        []func() // requests that have not run yet
	reconnected int
}

// run lets all requests run that wait.
func (f *fixture) run() {
	for len(f.jobs) > 0 {
		job := f.jobs[0]
		f.jobs = f.jobs[1:]
		job()
	}
}

func newFixture(t *testing.T, app fyne.App, all *ipc.Snapshot) *fixture {
	t.Helper()
	f := &fixture{service: uitest.NewService(all)}
	f.Shell = New(Config{
		App: app, Service: f.service, Options: model.Options{OS: "linux", User: "alice"},
		Reconnect: func() { f.reconnected++ },
		Run:       func(work func(context.Context)) { f.jobs = append(f.jobs, func() { work(t.Context()) }) },
	})
	f.service.Emit = func(e ipc.Event) { f.jobs = append(f.jobs, func() { f.Event(e) }) }
	f.Event(f.service.Snapshot())
	return f
}

func start(t *testing.T, all *ipc.Snapshot) *fixture {
	t.Helper()
	f := newFixture(t, uitest.App(t), all)
	f.Show()
	f.Window().Resize(fyne.NewSize(960, 640))
	t.Cleanup(f.Window().Close)
	return f
}

func (f *fixture) canvas() fyne.Canvas { return f.Window().Canvas() }

// open reports whether a dialog is open.
func (f *fixture) open() bool { return f.canvas().Overlays().Top() != nil }

// says reports whether a text that shows contains words.
func (f *fixture) says(words string) bool {
	return slices.ContainsFunc(uitest.Texts(f.canvas()), func(s string) bool { return strings.Contains(s, words) })
}

// called checks the calls that the service got.
func (f *fixture) called(t *testing.T, want ...string) {
	t.Helper()
	if got := f.service.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

const garden = "8056c2e21c00beef"

func TestJoin(t *testing.T) {
	f := start(t, uitest.Snapshot())
	uitest.Press(t, f.canvas(), "Join network…")
	if f.canvas().Focused() != fyne.Focusable(f.field.entry) {
		t.Fatal("the field has no focus")
	}
	if b := uitest.Button(f.canvas(), "Join"); !b.Disabled() {
		t.Error("nothing can be joined yet")
	}
	test.Type(f.canvas().Focused(), "8056 c2e2 1c00 bee")
	if b := uitest.Button(f.canvas(), "Join"); !b.Disabled() || !f.says("1 digit is missing") {
		t.Errorf("half an ID: %q", uitest.Texts(f.canvas()))
	}
	test.Type(f.canvas().Focused(), "f")
	uitest.Press(t, f.canvas(), "Join")
	if f.open() {
		t.Error("the dialog is still open")
	}
	f.run()
	f.called(t, "join "+garden)
	if !f.says("Connecting") || !f.says(garden) {
		t.Errorf("the new network does not show: %q", uitest.Texts(f.canvas()))
	}
}

func TestJoinWithReturnAndEscape(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.OpenJoin})
	f.canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if !f.open() {
		t.Error("Return closes the dialog although nothing can be joined")
	}
	f.canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if f.open() || f.field != nil {
		t.Error("Escape does not close the dialog")
	}
	f.Do(model.Action{Do: model.OpenJoin, Target: garden})
	f.Do(model.Action{Do: model.OpenJoin, Target: garden}) // replaces the first
	f.canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if f.open() {
		t.Error("Return does not join")
	}
	f.run()
	f.called(t, "join "+garden)
}

func TestJoinByInvitePinsTheControllerFirst(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Open("orrery://join/" + garden + "?c=" + uitest.Identity("8056c2e21c"))
	uitest.Press(t, f.canvas(), "Join")
	f.run()
	f.called(t, "trust 8056c2e21c verified", "join "+garden)

	// If the controller's key is not the recorded one, nothing can be joined; and if
	// only the service knows that, nothing is.
	other := uitest.Snapshot()
	other.Trust = append(other.Trust, ipc.TrustRecord{Address: "8056c2e21c", Identity: "another", State: ipc.Seen})
	f = start(t, other)
	f.Open("orrery://join/" + garden + "?c=" + uitest.Identity("8056c2e21c"))
	if b := uitest.Button(f.canvas(), "Join"); !b.Disabled() || !f.says("not genuine") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f = start(t, uitest.Snapshot())
	f.service.Fail(&ipc.Error{Code: ipc.CodeConflict, Message: "another key is recorded"})
	f.Open("orrery://join/" + garden + "?c=" + uitest.Identity("8056c2e21c"))
	uitest.Press(t, f.canvas(), "Join")
	f.run()
	f.called(t, "trust 8056c2e21c verified")
	if !f.says("This does not fit what is known") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
}

// TestJoinBeforeAnythingIsKnown: a link that starts the application is judged
// again when the service has told what it knows.
func TestJoinBeforeAnythingIsKnown(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Failed(ipc.ErrNotRunning)
	f.Open("orrery://join/" + uitest.Home)
	if b := uitest.Button(f.canvas(), "Join"); b.Disabled() {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.Event(f.service.Snapshot())
	if b := uitest.Button(f.canvas(), "Join"); !b.Disabled() || !f.says("already") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
}

func TestLeaveAndJoinAgain(t *testing.T) {
	f := start(t, uitest.Snapshot())
	uitest.Press(t, f.canvas(), "Leave…")
	uitest.Press(t, f.canvas(), "Cancel")
	f.run()
	f.called(t)
	uitest.Press(t, f.canvas(), "Leave…")
	uitest.Press(t, f.canvas(), "Leave")
	if b := uitest.Button(f.canvas(), "Leave…"); !b.Disabled() {
		t.Error("it can be left twice")
	}
	f.run()
	if !f.says("You left this network") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	uitest.Press(t, f.canvas(), "Join again")
	f.run()
	f.called(t, "leave "+uitest.Home, "join "+uitest.Home)
	if uitest.Button(f.canvas(), "Leave…") == nil || !f.says("The network is up") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
}

func TestTheTrayDoesNotAsk(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.LeaveNow, Target: uitest.Home})
	if f.open() {
		t.Error("a question")
	}
	f.run()
	f.called(t, "leave "+uitest.Home)
}

func TestSettings(t *testing.T) {
	f := start(t, uitest.Snapshot())
	c := uitest.Check(t, f.canvas(), "Use public addresses too")
	test.Tap(c)
	if c.Checked || !c.Disabled() {
		t.Error("the box shows what was asked for, not what is")
	}
	f.run()
	if !c.Checked || c.Disabled() {
		t.Error("the box does not show what the service has done")
	}
	d := uitest.Check(t, f.canvas(), "Send all Internet traffic through it")
	test.Tap(d)
	uitest.Press(t, f.canvas(), "Cancel")
	if d.Checked {
		t.Error("the box is checked although the user said no")
	}
	test.Tap(d)
	uitest.Press(t, f.canvas(), "Turn on")
	f.run()
	if !d.Checked {
		t.Error("the box is not checked")
	}
	f.called(t, "set "+uitest.Home, "set "+uitest.Home)
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct{ press, says, call string }{
		"match":    {"They match", "is verified", "trust " + uitest.Bob + " verified"},
		"mismatch": {"They do not match", "is blocked", "trust " + uitest.Bob + " blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, uitest.Snapshot())
			f.Do(model.Action{Do: model.ShowPeers, Target: uitest.Bob})
			uitest.Press(t, f.canvas(), "Verify…")
			if !f.says("Fetching") || uitest.Button(f.canvas(), c.press) != nil {
				t.Errorf("loading: %q", uitest.Texts(f.canvas()))
			}
			f.run()
			if !f.says("04829") || !f.says("lantern") {
				t.Errorf("%q", uitest.Texts(f.canvas()))
			}
			uitest.Press(t, f.canvas(), c.press)
			f.run()
			if !f.says(c.says) {
				t.Errorf("%q", uitest.Texts(f.canvas()))
			}
			f.called(t, "verification "+uitest.Bob, c.call)
			uitest.Press(t, f.canvas(), "Close")
			if f.open() || f.verify != nil {
				t.Error("the dialog is still open")
			}
		})
	}
}

func TestVerifyLater(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.Verify, Target: uitest.Bob})
	uitest.Press(t, f.canvas(), "Later")
	f.run() // the answer arrives when the dialog is closed
	f.Do(model.Action{Do: model.Verify, Target: uitest.Alice})
	f.Do(model.Action{Do: model.Verify, Target: uitest.Bob}) // replaces the first
	f.run()
	f.service.Fail(errors.New("disk full"))
	uitest.Press(t, f.canvas(), "They match")
	f.run()
	if !f.says("Disk full") || uitest.Button(f.canvas(), "They match") == nil {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.typed(&fyne.KeyEvent{Name: fyne.KeyA})
	f.typed(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if f.open() {
		t.Error("Escape does not close the dialog")
	}
	f.typed(&fyne.KeyEvent{Name: fyne.KeyEscape})
}

func TestNameAndContact(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.ShowPeers, Target: uitest.Bob})
	uitest.Press(t, f.canvas(), "Name…")
	test.Type(f.canvas().Focused(), "Bob")
	uitest.Press(t, f.canvas(), "Save")
	f.run()
	if !f.says("Bob") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	uitest.Press(t, f.canvas(), "Add contact…")
	test.Type(f.canvas().Focused(), "orrery://contact/"+uitest.Identity("ca401ca401")+"?n=Carol")
	uitest.Press(t, f.canvas(), "Add")
	f.run()
	if !f.says("Carol") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.called(t, "trust "+uitest.Bob+" ", "trust ca401ca401 verified")
	f.Do(model.Action{Do: model.Rename, Target: "ffffffffff"})
	if f.open() {
		t.Error("a dialog to name nobody")
	}
}

func TestConflict(t *testing.T) {
	app := uitest.App(t)
	var f *fixture
	test.AssertNotificationSent(t, fyne.NewNotification("Somebody may be posing as Printer",
		"A different key turned up for "+uitest.Printer+" (OK(WHOIS)). It was refused, and the key known so far stays in force. "+
			"Ask its owner whether they made a new identity, and compare the safety number."), func() {
		f = newFixture(t, app, uitest.WithConflict())
	})
	test.AssertNotificationSent(t, nil, func() {
		f.Event(f.service.Snapshot())
		f.Failed(ipc.ErrNotRunning)
		f.Event(f.service.Snapshot())
	})
	f.Show()
	f.Window().Resize(fyne.NewSize(960, 640))
	uitest.Press(t, f.canvas(), "Keep the known key")
	f.run()
	if f.says("posing") {
		t.Error("the banner is still there")
	}
	f.Do(model.Action{Do: model.Block, Target: uitest.Printer})
	uitest.Press(t, f.canvas(), "Block")
	f.run()
	f.called(t, "trust "+uitest.Printer+" ", "trust "+uitest.Printer+" blocked")
	f.Window().Close()
}

func TestForget(t *testing.T) {
	f := start(t, uitest.WithConflict())
	f.Do(model.Action{Do: model.ShowPeers, Target: uitest.Printer})
	uitest.Press(t, f.canvas(), "Forget the key…")
	uitest.Press(t, f.canvas(), "Forget")
	f.run()
	f.called(t, "forget "+uitest.Printer)
	if f.says("A different key") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
}

func TestRefusal(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.service.Fail(&ipc.Error{Code: ipc.CodeForbidden, Need: ipc.Operator, Command: "sudo orreryctl leave x"})
	f.Do(model.Action{Do: model.LeaveNow, Target: uitest.Home})
	f.run()
	if !f.says("You are not allowed to do this") || !f.says("operator") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	uitest.Press(t, f.canvas(), "OK")
	if f.open() {
		t.Error("the dialog is still open")
	}
}

func TestServiceGoesAndComes(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Failed(ipc.ErrNotRunning)
	if !f.says("The service is not running") || f.says("10.147.20.5/24") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	uitest.Press(t, f.canvas(), "Try again now")
	if f.reconnected != 1 {
		t.Error("nobody tries again")
	}
	f.Event(f.service.Snapshot())
	if f.says("The service is not running") || uitest.Button(f.canvas(), "Join network…") == nil {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
}

func TestCopyAndSearch(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.Copy, Target: uitest.Self})
	if got := f.cfg.App.Clipboard().Content(); got != uitest.Self {
		t.Errorf("copied %q", got)
	}
	f.Do(model.Action{Do: model.ShowPeers})
	f.cfg.Changed = func() {}
	uitest.Walk(f.canvas().Content(), func(o fyne.CanvasObject) {
		if e, ok := o.(*fw.Entry); ok {
			test.Type(e, "nobody")
		}
	})
	if !f.says("No match") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.Do(model.Action{Do: model.ShowNetworks})
	f.Do(model.Action{Do: model.Nothing})
	f.Do(model.Action{Do: model.OpenURL, Target: "https://example.org/"})
	f.Do(model.Action{Do: model.OpenURL, Target: ":"})
	if !f.says("That did not work") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.CloseDialogs()
	f.Do(model.Action{Do: model.OpenWindow})
	f.Do(model.Action{Do: model.Quit})
}

// trayApp is an application on a desktop with a tray.
type trayApp struct {
	fyne.App
	icons []string
	menus int
}

func (a *trayApp) SetSystemTrayMenu(*fyne.Menu)      { a.menus++ }
func (a *trayApp) SetSystemTrayIcon(r fyne.Resource) { a.icons = append(a.icons, r.Name()) }

func TestTray(t *testing.T) {
	app := &trayApp{App: uitest.App(t)}
	f := newFixture(t, app, uitest.Snapshot())
	f.Failed(ipc.ErrNotRunning)
	if want := []string{"orrery-offline.svg", "orrery-online.svg", "orrery-stopped.svg"}; !slices.Equal(app.icons, want) || app.menus != 3 {
		t.Errorf("%v, %d menus", app.icons, app.menus)
	}
	f.Closed()
	f.Event(f.service.Snapshot())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f.Wait(ended, func() { t.Error("it runs after the end") })
	if len(app.icons) != 3 {
		t.Error("something is drawn after the end")
	}
}

func TestWait(t *testing.T) {
	f := start(t, uitest.Snapshot())
	ran := false
	f.Wait(t.Context(), func() { ran = true })
	if !ran || !f.State().Up() {
		t.Error("it has not run")
	}
}

func TestInbox(t *testing.T) {
	t.Parallel()
	peer := func(a string, ms int) ipc.Event {
		return ipc.Event{Kind: ipc.EventPeer, Peer: &ipc.Peer{Address: a, LatencyMs: ms}}
	}
	var q inbox
	for i := range 1000 {
		q.add(peer("a", i))
		q.add(ipc.Event{Kind: ipc.EventNetwork, Network: &ipc.Network{ID: "n"}})
		q.add(ipc.Event{Kind: ipc.EventTrust, Trust: &ipc.TrustRecord{Address: "a"}})
		q.add(ipc.Event{Kind: ipc.EventAlert, Alert: &ipc.Alert{ID: "x"}})
		q.add(ipc.Event{Kind: ipc.EventStatus, Status: &ipc.Status{Port: i}})
	}
	_, got := q.take()
	if len(got) != 5 || got[0].Peer.LatencyMs != 999 || got[4].Status.Port != 999 {
		t.Errorf("%+v", got)
	}
	if _, again := q.take(); len(again) != 0 {
		t.Error("taken twice")
	}
	for _, kind := range []ipc.EventKind{ipc.EventPeerGone, ipc.EventNetworkGone, ipc.EventTrustGone, ipc.EventAlertGone} {
		q.add(ipc.Event{Kind: kind, Gone: "a"})
		q.add(ipc.Event{Kind: kind, Gone: "a"})
	}
	q.add(peer("a", 1)) // came back: only the last counts
	if _, got = q.take(); len(got) != 4 || got[0].Kind != ipc.EventPeer {
		t.Errorf("%+v", got)
	}
	q.add(peer("a", 1))
	q.add(ipc.Event{Kind: ipc.EventSnapshot, All: &ipc.Snapshot{}})
	q.add(peer("b", 1))
	if _, got = q.take(); len(got) != 2 || got[0].Kind != ipc.EventSnapshot {
		t.Errorf("%+v", got)
	}
}
