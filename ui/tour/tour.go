// Package tour walks through the application's windows and saves a picture of
// each, as a person would see it. make run uses it where nobody is there to
// look, and tests do.
package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/theme"

	"orrery/ui/model"
	"orrery/ui/shell"
	own "orrery/ui/theme"
)

// Config says how to walk.
type Config struct {
	App   fyne.App
	Shell *shell.Shell
	// Dir is where the pictures go.
	Dir string
	// Variants are the themes to show: "light", "dark", or both.
	Variants []string
	// Changed gets a value when what is shown has changed.
	Changed <-chan struct{}
	// Wait bounds how long to wait for the service, and then again for a
	// network and a peer to show.
	Wait time.Duration
	// Pause is the time that the window gets to draw.
	Pause time.Duration
	// Saved is called with the path of each picture.
	Saved func(path string)
}

// ErrNoService is returned when the service did not answer in time. The picture
// of that is saved all the same.
var ErrNoService = errors.New("the service did not answer")

// stop is a place of the walk.
type stop struct {
	name string
	do   model.Action
}

// Walk makes the tour and returns when it is over. It must not run on the
// interface's goroutine.
func Walk(ctx context.Context, c Config) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for pictures: %w", err)
	}
	c.Shell.Wait(ctx, func() {}) // until the window draws, which is no time of the service's
	up := c.await(ctx, func(s *model.State) bool { return s.Up() })
	var stops []stop
	if up {
		c.await(ctx, settled)
		c.Shell.Wait(ctx, func() { stops = route(c.Shell.State()) })
	} else {
		stops = []stop{{name: "not-running"}}
	}
	for _, v := range c.Variants {
		c.Shell.Wait(ctx, func() { c.App.Settings().SetTheme(variant(v)) })
		for _, s := range stops {
			if err := c.visit(ctx, s, v); err != nil {
				return err
			}
		}
	}
	if !up {
		return ErrNoService
	}
	return ctx.Err()
}

func variant(name string) fyne.Theme {
	if name == "dark" {
		return own.Fixed(theme.VariantDark)
	}
	return own.Fixed(theme.VariantLight)
}

// route is the walk for what there is to see.
func route(s *model.State) []stop {
	stops := []stop{{"networks", model.Action{Do: model.ShowNetworks}}, {"join", model.Action{Do: model.OpenJoin}}}
	if n := s.Networks(); n.Selected >= 0 {
		if row := n.Rows[n.Selected]; row.Invite.Label != "" {
			stops = append(stops, stop{"invite", row.Invite.Action})
		}
		stops = append(stops, stop{"leave", model.Action{Do: model.Leave, Target: n.Rows[n.Selected].ID}})
	}
	stops = append(stops, stop{"peers", model.Action{Do: model.ShowPeers}}, stop{"contact", model.Action{Do: model.OpenContact}})
	if p := s.Peers(); p.Selected >= 0 {
		a := p.Rows[p.Selected].Address
		stops = append(stops, stop{"name", model.Action{Do: model.Rename, Target: a}}, stop{"verify", model.Action{Do: model.Verify, Target: a}})
	}
	return stops
}

// settled reports whether there is something worth a picture: no network is
// still on its way, and a peer is known.
func settled(s *model.State) bool {
	rows := s.Networks().Rows
	for _, r := range rows {
		if r.Badge.Mark == model.MarkBusy {
			return false
		}
	}
	return len(rows) > 0 && len(s.Peers().Rows) > 1
}

// await waits until the state is as it should be, or for Config.Wait, and
// reports whether it is.
func (c *Config) await(ctx context.Context, good func(*model.State) bool) bool {
	timer := time.NewTimer(c.Wait)
	defer timer.Stop()
	for late := false; ; {
		ok := false
		c.Shell.Wait(ctx, func() { ok = good(c.Shell.State()) })
		if ok || late {
			return ok
		}
		select {
		case <-c.Changed:
		case <-timer.C:
			late = true // but it may have changed at the same time
		case <-ctx.Done():
			return false
		}
	}
}

// draw draws all that a window shows, with Fyne's software painter: what OpenGL
// has on the screen cannot be read back with every driver.
func draw(window fyne.Canvas) image.Image {
	all := container.NewWithoutLayout(window.Content())
	for _, o := range window.Overlays().List() {
		all.Add(o)
	}
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(all)
	c.Resize(window.Size())
	return c.Capture()
}

// visit goes to a place and saves its picture.
func (c *Config) visit(ctx context.Context, s stop, variant string) error {
	c.Shell.Wait(ctx, func() {
		c.Shell.CloseDialogs()
		c.Shell.Do(s.do)
	})
	timer := time.NewTimer(c.Pause) // the window draws in its own time
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	var img image.Image
	c.Shell.Wait(ctx, func() { img = draw(c.Shell.Window().Canvas()) })
	if img == nil {
		return fmt.Errorf("take the picture %s: %w", s.name, ctx.Err())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("make the picture %s: %w", s.name, err)
	}
	path := filepath.Join(c.Dir, s.name+"-"+variant+".png")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("save a picture: %w", err)
	}
	if c.Saved != nil {
		c.Saved(path)
	}
	return nil
}
