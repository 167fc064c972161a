package tour

import (
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/shell"
	"orrery/ui/uitest"
)

// walk makes the tour on a window without a screen and returns the names of the
// pictures.
func walk(t *testing.T, ctx context.Context, all *ipc.Snapshot, wait time.Duration, variants ...string) ([]string, error) {
	t.Helper()
	app := uitest.App(t)
	service := uitest.NewService(all)
	changed := make(chan struct{}, 1)
	s := shell.New(shell.Config{
		App: app, Service: service, Run: func(work func(context.Context)) { work(t.Context()) }, Options: model.Options{OS: "linux"},
		Changed: func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		},
	})
	s.Show()
	s.Window().Resize(fyne.NewSize(960, 640))
	defer s.Window().Close()
	if all != nil {
		s.Event(service.Snapshot())
	} else {
		s.Failed(ipc.ErrNotRunning)
	}
	var names []string
	err := Walk(ctx, Config{App: app, Shell: s, Dir: filepath.Join(t.TempDir(), "new"), Variants: variants, Changed: changed, Wait: wait, Saved: func(path string) {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 960 {
			t.Errorf("%s: %v", path, err)
		}
		names = append(names, filepath.Base(path))
	}})
	return names, err
}

func TestWalk(t *testing.T) {
	names, err := walk(t, t.Context(), uitest.Snapshot(), time.Minute, "dark")
	want := []string{"networks-dark.png", "join-dark.png", "invite-dark.png", "leave-dark.png", "peers-dark.png", "contact-dark.png", "name-dark.png", "verify-dark.png"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestWalkWithLittleToSee(t *testing.T) {
	names, err := walk(t, t.Context(), &ipc.Snapshot{}, time.Millisecond, "light")
	if want := []string{"networks-light.png", "join-light.png", "peers-light.png", "contact-light.png"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestWalkWithoutService(t *testing.T) {
	names, err := walk(t, t.Context(), nil, time.Millisecond, "light", "dark")
	if want := []string{"not-running-light.png", "not-running-dark.png"}; !errors.Is(err, ErrNoService) || !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, err)
	}
}

// What has changed by the end of the time counts.
func TestAwait(t *testing.T) {
	c := Config{Shell: shell.New(shell.Config{App: uitest.App(t), Service: uitest.NewService(&ipc.Snapshot{})})}
	asked := 0
	second := func(*model.State) bool { asked++; return asked == 2 }
	if !c.await(t.Context(), second) || asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	if c.await(t.Context(), second) || asked != 4 {
		t.Errorf("asked %d times", asked)
	}
}

func TestWalkThatIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := walk(t, ctx, uitest.Snapshot(), time.Minute, "light"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
