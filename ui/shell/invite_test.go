package shell

import (
	"bytes"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/service/ipc/invite"
	"orrery/service/ipc/qr"
	"orrery/ui/model"
	"orrery/ui/uitest"
)

var gardenInvite = "orrery://join/" + garden + "?c=" + uitest.Identity("8056c2e21c") + "&n=Garden"

// TestInvite shows an invite, copies it, and gives way to the verification of the
// controller where there is none.
func TestInvite(t *testing.T) {
	f := start(t, uitest.Snapshot())
	uitest.Press(t, f.canvas(), "Invite…")
	if !f.open() || uitest.Button(f.canvas(), "Copy link") != nil {
		t.Error("something can be copied before the invite is there")
	}
	f.run()
	f.called(t, "invite "+uitest.Home)
	if !f.says("nobody can pose as its controller") || !f.says("22 November 2026") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	uitest.Press(t, f.canvas(), "Copy link")
	if got := f.cfg.App.Clipboard().Content(); got != "orrery://join/"+uitest.Home+"?c="+uitest.Identity(uitest.Home[:10])+"&n=home" {
		t.Errorf("copied %q", got)
	}
	uitest.Press(t, f.canvas(), "Close")
	if f.open() {
		t.Error("the dialog is still open")
	}

	f = start(t, uitest.WithTrouble())
	f.service.Fail(&ipc.Error{Code: ipc.CodeConflict, Message: "the controller is not verified"})
	f.Do(model.Action{Do: model.OpenInvite, Target: uitest.Home})
	f.run()
	if !f.says("is not verified") || uitest.Button(f.canvas(), "Save picture…") != nil {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.service.Fail(nil)
	uitest.Press(t, f.canvas(), "Verify…")
	f.run()
	f.called(t, "invite "+uitest.Home, "verification "+uitest.Home[:10])
}

// TestInviteFile: a file with a link, or a picture of one, opens the dialog that
// it is for; others say what is wrong.
func TestInviteFile(t *testing.T) {
	picture, err := qr.PNG(gardenInvite)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := invite.Parse(gardenInvite)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content string
		says    string
	}{
		"text": {string(parsed.File()), "Invite to Garden"}, "picture": {string(picture), "Invite to Garden"},
		"contact": {"orrery://contact/" + uitest.Identity("ca401ca401") + "?n=Carol", "Carol"},
		"nothing": {"", "No link was found in file"}, "no code": {"\x89PNG\r\n\x1a\n", "No link was found in file"},
	} {
		f := start(t, uitest.Snapshot())
		f.read("file", io.NopCloser(strings.NewReader(c.content)))
		f.run()
		if !f.open() || !f.says(c.says) {
			t.Errorf("%s: %q", name, uitest.Texts(f.canvas()))
		}
		f.called(t)
	}
	f := start(t, uitest.Snapshot())
	f.read("file", io.NopCloser(failing{}))
	f.run()
	if !f.says("torn out") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.dropped(fyne.Position{}, nil)
	if i, err := png.Decode(bytes.NewReader(picture)); err != nil || i.Bounds().Dx() < 200 {
		t.Errorf("the picture to save: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("torn out") }

// TestRouteChoice: a choice beside a route is sent for that route alone; one that
// takes over all traffic is asked about first.
func TestRouteChoice(t *testing.T) {
	f := start(t, uitest.WithTrouble())
	f.Do(model.Action{Do: model.SetRoute, Target: uitest.Home, Route: "192.168.1.0/24", Choice: model.RouteAlways})
	f.run()
	f.called(t, "set "+uitest.Home)
	r, _ := f.State().Network(uitest.Home)
	if r.Routes[2].Choice != model.RouteAlways || r.Routes[1].Choice != model.RouteNever || r.Routes[3].Choice != model.RouteAlways {
		t.Errorf("%+v", r.Routes)
	}
	f.Do(model.Action{Do: model.SetRoute, Target: uitest.Home, Route: "0.0.0.0/0", Choice: model.RouteAlways})
	f.run()
	f.called(t, "set "+uitest.Home)
	if !f.open() {
		t.Error("nobody was asked")
	}
}

// TestTypedSetting: a value that cannot be is not sent, and an empty one takes the
// setting away.
func TestTypedSetting(t *testing.T) {
	f := start(t, uitest.WithTrouble())
	f.Do(model.Action{Do: model.OpenValue, Target: uitest.Home, Setting: model.MTU})
	f.field.entry.SetText("99")
	if b := uitest.Button(f.canvas(), "Save"); !b.Disabled() || !f.says("1280 to 10000") {
		t.Errorf("%q", uitest.Texts(f.canvas()))
	}
	f.field.entry.SetText("")
	uitest.Press(t, f.canvas(), "Save")
	f.run()
	f.called(t, "set "+uitest.Home)
	if v := f.State().Value(uitest.Home, model.MTU); v != "" {
		t.Errorf("still %q", v)
	}
}

// TestFileDialogs: the dialogs for files open over ours.
func TestFileDialogs(t *testing.T) {
	f := start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.OpenJoin})
	uitest.Press(t, f.canvas(), "Open a file…")
	if n := len(f.canvas().Overlays().List()); n != 2 {
		t.Errorf("%d dialogs are open", n)
	}
	f = start(t, uitest.Snapshot())
	f.Do(model.Action{Do: model.OpenInvite, Target: uitest.Home})
	f.run()
	for _, button := range []string{"Save picture…", "Save as file…"} {
		uitest.Press(t, f.canvas(), button)
		if n := len(f.canvas().Overlays().List()); n != 2 {
			t.Errorf("%s: %d dialogs are open", button, n)
		}
		f.canvas().Overlays().Remove(f.canvas().Overlays().Top())
	}
}
