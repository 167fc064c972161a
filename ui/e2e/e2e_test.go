//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"orrery/service/ipc/qr"
	"orrery/ui/uitest"
)

const online = `
- Online
My address: 89e92ceee5
---
x home: Connected
  x Joined
  ---
  Copy 10.147.20.5
  Copy fd80:56c2:e21c:0:199:9389:e92c:eee5
  ---
  Copy ID 8056c2e21c000001
x Workshop: Waiting for permission
  x Joined
  ---
  Copy ID d3a1f0c2b7beef01
Join network…
---
Open Orrery
---
Quit
`

const left = `
- Online
My address: 89e92ceee5
---
home: Left
  Joined
  ---
  Copy ID 8056c2e21c000001
x Workshop: Waiting for permission
  x Joined
  ---
  Copy ID d3a1f0c2b7beef01
Join network…
---
Open Orrery
---
Quit
`

const stopped = `
- The service is not running
---
Open Orrery
---
Quit
`

// The whole life of the tray: states, the toggle, copying, the window, the end.
func TestTray(t *testing.T) {
	d := newDesktop(t, uitest.Snapshot())
	p := newPanel(d)
	a := d.open("--background")
	p.waitItem()
	p.waitMenu(online)

	d.called("leave "+uitest.Home, p.click("home: Connected", "Joined"))
	p.waitMenu(left)
	// Not before: the first icon is painted in the background, and may have hidden
	// this one for a moment. The click was handled after that.
	icons := map[string]string{"online": p.icon()}
	d.called("join "+uitest.Home, p.click("home: Left", "Joined"))
	p.waitMenu(online)

	conflict := uitest.WithConflict()
	d.server.Set(conflict)
	icons["attention"] = p.waitIcon(icons["online"])
	offline := uitest.Snapshot()
	offline.Status.Online = false
	d.server.Set(offline)
	icons["offline"] = p.waitIcon(icons["attention"])
	if err := d.server.Close(); err != nil {
		t.Fatal(err)
	}
	icons["stopped"] = p.waitIcon(icons["offline"])
	p.waitMenu(stopped)
	seen := map[string]string{}
	for name, icon := range icons {
		if other, ok := seen[icon]; ok {
			t.Errorf("the icons %s and %s are the same", name, other)
		}
		seen[icon] = name
	}
	d.service = uitest.NewService(uitest.Snapshot())
	d.service.Called = func(call string) { d.calls <- call }
	d.serve()
	p.waitMenu(online)

	// What the tray copies can be pasted: into the join dialog, whose field has
	// the focus.
	d.called("leave "+uitest.Work, p.click("Workshop: Waiting for permission", "Joined"))
	p.waitMenu(strings.NewReplacer("x Workshop: Waiting for permission\n  x Joined", "Workshop: Left\n  Joined").Replace(online))
	d.called("join "+uitest.Work, func() error {
		if err := p.click("Workshop: Left", "Copy ID "+uitest.Work)(); err != nil {
			return err
		}
		d.picture("tray-join", nil, p.click("Join network…"))
		return d.keys("key", "ctrl+v", "Return")()
	})
	p.waitMenu(online)

	d.until("the window is not opened", p.click("Open Orrery"))
	d.window()
	if code := p.quit(d, a); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The window as a person sees and uses it.
func TestWindow(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		t.Run(theme, func(t *testing.T) {
			d := newDesktop(t, uitest.Snapshot())
			p := newPanel(d)
			a := d.open("--theme", theme)
			p.waitItem()
			p.waitMenu(online)
			d.window()
			pic := d.picture("window-"+theme, nil, nil)
			join := d.picture("window-join-"+theme, pic, p.click("Join network…"))
			d.called("join 8056c2e21c00beef", func() error {
				return errors.Join(d.keys("key", "ctrl+a")(), d.keys("type", "8056 c2e2 1c00 beef")(), d.keys("key", "Return")())
			})
			pic = d.picture("window-joined-"+theme, join, nil)
			d.server.Set(uitest.WithConflict())
			pic = d.picture("window-conflict-"+theme, pic, nil)
			if err := d.server.Close(); err != nil {
				t.Fatal(err)
			}
			p.waitMenu(stopped)
			d.picture("window-stopped-"+theme, pic, nil)
			if code := p.quit(d, a); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// A second start hands its link to the first.
func TestSecondStart(t *testing.T) {
	d := newDesktop(t, uitest.Snapshot())
	p := newPanel(d)
	d.open("--background")
	p.waitItem()
	p.waitMenu(online)
	second := d.open("orrery://join/8056c2e21c00beef?c=" + uitest.Identity("8056c2e21c") + "&n=Garden")
	if code := d.ends(second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.window()
	pic := d.picture("second-start", nil, nil)
	d.called("trust 8056c2e21c verified", d.keys("key", "Return"))
	d.called("join 8056c2e21c00beef", nil)
	pic = d.picture("second-start-joined", pic, nil)

	// So does one with a picture of a link, as the desktop starts it for a file.
	content, err := qr.PNG("orrery://join/8056c2e21c00cafe?c=" + uitest.Identity("8056c2e21c"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.dir, "invite.png")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := d.ends(d.open(file)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.picture("file", pic, nil)
	d.called("trust 8056c2e21c verified", d.keys("key", "Return"))
	d.called("join 8056c2e21c00cafe", nil)
}

func TestTour(t *testing.T) {
	d := newDesktop(t, uitest.Snapshot())
	dir := filepath.Join(d.dir, "tour")
	if *pictures != "" {
		dir = *pictures
	}
	if code := d.ends(d.open("--tour", dir)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, place := range []string{"networks", "join", "invite", "leave", "peers", "contact", "name", "verify"} {
		for _, theme := range []string{"light", "dark"} {
			b, err := os.ReadFile(filepath.Join(dir, place+"-"+theme+".png"))
			if err != nil {
				t.Error(err)
				continue
			}
			img, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Error(err)
			} else if n := colours(img); n < 60 {
				t.Errorf("%s-%s has %d colours", place, theme, n)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	need(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "usage: orrery"},
		{[]string{"--version"}, 0, "orrery "},
		{[]string{"--theme", "pink"}, 2, "light or dark"},
		{[]string{"--no-such-flag"}, 2, "usage: orrery"},
		{[]string{"https://example.org/"}, 2, "not an orrery:// link"},
		{[]string{"orrery://join/1", "orrery://join/2"}, 2, "one link"},
		{[]string{"--tour", "x", "--background"}, 2, "--background"},
	} {
		out, err := exec.Command(path, c.args...).CombinedOutput()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%q: code %d, %s", c.args, code, out)
		}
	}
}
