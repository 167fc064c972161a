package widget

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/uitest"
)

func TestCopy(t *testing.T) {
	uitest.App(t)
	var got []model.Action
	c := NewCopy(model.Copyable{Text: "10.0.0.1/24", Copy: "10.0.0.1"}, func(a model.Action) { got = append(got, a) })
	w := test.NewTempWindow(t, c)
	test.Tap(c)
	w.Canvas().Focus(c)
	c.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	c.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	c.TypedKey(&fyne.KeyEvent{Name: fyne.KeyA})
	c.TypedRune('x')
	if len(got) != 3 || got[0] != (model.Action{Do: model.Copy, Target: "10.0.0.1"}) {
		t.Errorf("%+v", got)
	}
	if !c.copied {
		t.Error("no sign that it was copied")
	}
	c.MouseIn(&desktop.MouseEvent{})
	c.MouseMoved(&desktop.MouseEvent{})
	c.MouseOut()
	if c.copied || c.Cursor() != desktop.PointerCursor {
		t.Error("the sign stays")
	}
	c.Set(model.Copyable{Text: "unknown"})
	test.Tap(c)
	if len(got) != 3 {
		t.Error("nothing was copied as something")
	}
	w.Canvas().Unfocus()
	if c.focused {
		t.Error("still has the focus")
	}
}

func TestButton(t *testing.T) {
	uitest.App(t)
	var got []model.Action
	do := func(a model.Action) { got = append(got, a) }
	b := Button(model.Button{Label: "Leave…", Enabled: true, Action: model.Action{Do: model.Leave, Target: "a"}}, do)
	test.Tap(b)
	SetButton(b, model.Button{Label: "Join", Action: model.Action{Do: model.Join, Target: "b"}}, do)
	test.Tap(b)
	SetButton(b, model.Button{Label: "Join", Enabled: true, Action: model.Action{Do: model.Join, Target: "b"}}, do)
	test.Tap(b)
	if len(got) != 2 || got[0].Do != model.Leave || got[1].Do != model.Join {
		t.Errorf("%+v", got)
	}
	SetButton(b, model.Button{}, do)
	if b.Visible() {
		t.Error("a button without a label shows")
	}
	if d := Button(model.Button{Label: "x"}, do); !d.Disabled() {
		t.Error("the button is enabled")
	}
}

func TestTextChanges(t *testing.T) {
	uitest.App(t)
	l := Line("a")
	l.SetText("b")
	if l.Content() != "b" {
		t.Error(l.Content())
	}
	b := NewBadge(model.Badge{Mark: model.MarkOK, Text: "x"})
	b.Set(model.Badge{Mark: model.MarkError, Tone: model.Bad, Text: "y"})
	if b.word.Content() != "y" || b.mark.shown.Mark != model.MarkError {
		t.Error("the badge has not changed")
	}
	if m := NewMark(model.Badge{Mark: "no such"}); m.Resource != nil {
		t.Error("a mark that does not exist has a picture")
	}
}

func TestFieldsSkipHiddenRows(t *testing.T) {
	uitest.App(t)
	a, b, c, d := Short("a"), Short("b"), Short("long label"), Short("d")
	box := container.New(Fields{}, a, b, c, d)
	two := box.MinSize().Height
	c.Hide()
	d.Hide()
	if one := box.MinSize().Height; one*2 != two {
		t.Errorf("heights %v and %v", one, two)
	}
}

// Everything that has a shape and a colour, in one picture.
func TestPictures(t *testing.T) {
	tones := []model.Tone{model.Neutral, model.Good, model.Busy, model.Warning, model.Bad}
	marks := []model.Mark{
		model.MarkOK, model.MarkBusy, model.MarkOff, model.MarkWarning, model.MarkError, model.MarkVerified, model.MarkUnverified, model.MarkConflict,
		model.MarkBlocked, model.MarkDirect, model.MarkRelayed, model.MarkRole, model.MarkNetwork,
	}
	none := func(model.Action) {}
	uitest.Variants(t, "widgets", func(t *testing.T, _ fyne.App, picture string) {
		badges := container.NewGridWithColumns(4)
		for i, m := range marks {
			badges.Add(NewBadge(model.Badge{Mark: m, Tone: tones[i%len(tones)], Text: string(m)}))
		}
		copied := NewCopy(model.Copyable{Text: "89e92ceee5", Copy: "x"}, none)
		copied.copied = true
		focused := NewCopy(model.Copyable{Text: "89e92ceee5", Copy: "x"}, none)
		focused.focused = true
		off := fw.NewButton("Disabled", nil)
		off.Disable()
		all := container.NewVBox(
			Heading("Heading"), Body("Running text that is long enough to need more than one line in this window, so that it wraps."), badges,
			container.NewHBox(NewCopy(model.Copyable{Text: "89e92ceee5", Copy: "x"}, none), copied, focused, fw.NewButton("Enabled", nil), off),
			Banner(model.Banner{Badge: model.Badge{Mark: model.MarkWarning, Tone: model.Warning}, Title: "Title", Text: "What happened, and what to do.", Command: "sudo orreryd start"}, none),
			Banner(model.Banner{Badge: model.Badge{Mark: model.MarkConflict, Tone: model.Bad}, Title: "Title", Text: "Text.", Buttons: []model.Button{{Label: "One", Enabled: true}, {Label: "Two"}, {}}}, none),
			NewSurface(Problem(model.Problem{Text: "Text.", Advice: "Advice.", Command: "command"}, none)),
		)
		uitest.Picture(t, picture, all, fyne.NewSize(620, 640))
	})
}
