// Package shell is the application around the views: the window, the dialogs,
// the tray, and the way from an action of the user to a request and from an
// event of the service to what is shown. It starts no goroutines of its own:
// requests run where Config.Run puts them.
package shell

import (
	"context"
	"net/url"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"orrery/assets"
	"orrery/service/ipc"
	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/tray"
	"orrery/ui/view/networks"
	"orrery/ui/view/peers"
	"orrery/ui/view/status"
)

// Service is what the application asks of the service. *ipc.Client is one.
type Service interface {
	Join(ctx context.Context, network string, s ipc.NetworkSettings) (*ipc.Network, error)
	JoinInvite(ctx context.Context, network string, j ipc.Join) (*ipc.Network, error)
	Invite(ctx context.Context, network, name string) (*ipc.Invite, error)
	Leave(ctx context.Context, network string) error
	SetNetwork(ctx context.Context, network string, s ipc.NetworkSettings) (*ipc.Network, error)
	UpdateTrust(ctx context.Context, address string, u ipc.TrustUpdate) (*ipc.TrustRecord, error)
	ForgetTrust(ctx context.Context, address string) error
	Verification(ctx context.Context, address string) (*ipc.Verification, error)
}

// Config is what a Shell is made of.
type Config struct {
	App     fyne.App
	Service Service
	Options model.Options
	// Run runs work on another goroutine and returns at once. The context ends
	// with the application.
	Run func(work func(ctx context.Context))
	// Reconnect looks for the service now instead of after a pause.
	Reconnect func()
	// Changed, if not nil, is called on the interface's goroutine whenever what
	// is shown has changed.
	Changed func()
	// KeepRunning is true if the application goes on when its window is closed,
	// because there is a tray to open it again.
	KeepRunning bool
}

// Shell is the application. All methods but Event, Failed and Open belong to
// the interface's goroutine.
type Shell struct {
	cfg   Config
	state *model.State
	tray  *tray.Tray

	window   fyne.Window
	visible  bool
	header   *header
	banners  *fyne.Container
	tabs     *container.AppTabs
	screen   *status.View
	pages    *fyne.Container
	networks *networks.View
	peers    *peers.View
	modals   []*modal      // open ones, the topmost last
	verify   *verifyDialog // open, or nil
	field    *fieldDialog  // open, or nil
	shown    []model.Banner
	noted    map[string]bool // banners there that the user was told about

	gate   sync.RWMutex // held by whoever hands something to Fyne
	closed bool         // guarded by gate
	mu     sync.Mutex
	queue  inbox // guarded by mu
	queued bool  // guarded by mu: a drain is under way
}

// onUI runs f on the interface's goroutine. It is the only way from another
// goroutine to Fyne.
func (s *Shell) onUI(f func()) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if !s.closed {
		fyne.Do(f)
	}
}

// Wait runs f on the interface's goroutine and returns when it has run, or when
// ctx has ended. Only another goroutine may call it.
func (s *Shell) Wait(ctx context.Context, f func()) {
	done := make(chan struct{})
	s.onUI(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Closed says that the application ends: nothing is drawn any more, and when it
// returns nobody is about to ask Fyne for that. Fyne panics if something comes
// while its main loop ends, and draws it elsewhere if it comes later.
func (s *Shell) Closed() {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closed = true
}

// quit ends the application.
func (s *Shell) quit() {
	s.Closed()
	s.cfg.App.Quit()
}

// New makes the application, without showing anything yet.
func New(cfg Config) *Shell {
	s := &Shell{cfg: cfg, state: model.New(cfg.Options), noted: map[string]bool{}}
	s.window = cfg.App.NewWindow(text.Get("app.name"))
	s.window.SetIcon(fyne.NewStaticResource("orrery.svg", assets.AppIcon()))
	s.build()
	if host, ok := cfg.App.(tray.Host); ok {
		s.tray = tray.New(host, s.Do)
	}
	s.refresh()
	return s
}

// The places of the tabs.
const (
	networksTab = iota
	peersTab
)

// windowSize fits a small laptop's screen.
var windowSize = fyne.NewSize(960, 640)

func (s *Shell) build() {
	s.header, s.banners, s.screen = newHeader(s.Do), container.NewVBox(), status.New(s.Do)
	s.networks = networks.New(s.Do)
	s.peers = peers.New(s.Do, func(filter string) {
		s.state.Filter(filter)
		s.refresh()
	})
	s.tabs = container.NewAppTabs(
		container.NewTabItem(text.Get("networks.tab"), s.networks.Content()),
		container.NewTabItem(text.Get("peers.tab"), s.peers.Content()))
	s.pages = container.NewStack(s.tabs, s.screen.Content())
	s.window.SetContent(container.NewBorder(container.NewVBox(s.header.content, s.banners), nil, nil, nil, s.pages))
	s.window.Resize(windowSize)
	s.window.Canvas().SetOnTypedKey(s.typed)
	s.window.SetOnDropped(s.dropped)
	s.window.SetCloseIntercept(func() {
		s.visible = false
		s.window.Hide()
		if !s.cfg.KeepRunning {
			s.quit()
		}
	})
}

// Window is the application's window.
func (s *Shell) Window() fyne.Window { return s.window }

// Show shows the window.
func (s *Shell) Show() {
	s.visible = true
	s.refresh()
	s.window.Show()
	s.window.RequestFocus()
}

// Event takes over an event of the service. Any goroutine may call it.
func (s *Shell) Event(e ipc.Event) { s.put(func(q *inbox) { q.add(e) }) }

// Failed takes over the reason why the service cannot be reached. Any goroutine
// may call it.
func (s *Shell) Failed(err error) { s.put(func(q *inbox) { q.fail(err) }) }

// put puts something into the inbox, which keeps the order of what arrives, and
// sees to it that it is drawn.
func (s *Shell) put(into func(*inbox)) {
	s.mu.Lock()
	into(&s.queue)
	start := !s.queued
	s.queued = true
	s.mu.Unlock()
	if start {
		s.onUI(s.drain)
	}
}

// Open shows the window and, if link is an orrery:// link, the dialog for it.
// Any goroutine may call it.
func (s *Shell) Open(link string) {
	s.onUI(func() {
		s.Show()
		if link != "" {
			s.Do(s.state.Link(link))
		}
	})
}

// drain applies what has arrived since the last time, and redraws once.
func (s *Shell) drain() {
	s.mu.Lock()
	failure, events := s.queue.take()
	s.queued = false
	s.mu.Unlock()
	if failure != nil {
		s.state.Down(failure)
	}
	for _, e := range events {
		s.state.Apply(e)
	}
	s.refresh()
}

// refresh draws what has changed.
func (s *Shell) refresh() {
	if s.tray != nil {
		s.tray.Show(s.state.TrayIcon(), s.state.TrayMenu())
	}
	s.tell()
	if s.visible {
		s.draw()
	}
	if s.cfg.Changed != nil {
		s.cfg.Changed()
	}
}

func (s *Shell) draw() {
	screen := s.state.Screen()
	s.header.show(s.state.Header())
	s.drawBanners(s.state.Banners())
	if screen.Shown {
		s.tabs.Hide()
		s.screen.Show(screen)
		s.screen.Content().Show()
	} else {
		s.screen.Content().Hide()
		s.networks.Show(s.state.Networks())
		s.peers.Show(s.state.Peers())
		s.tabs.Show()
	}
	if s.verify != nil {
		s.verify.draw()
	}
	if s.field != nil {
		s.field.judge() // what is known may make the text right or wrong
	}
}

// tell sends a notification for every banner that needs attention, once for as
// long as it is there.
func (s *Shell) tell() {
	if !s.state.Up() {
		return
	}
	now := map[string]bool{}
	for _, b := range s.state.Banners() {
		if b.Badge.Tone < model.Bad {
			continue
		}
		now[b.ID] = true
		if !s.noted[b.ID] {
			s.cfg.App.SendNotification(fyne.NewNotification(b.Title, b.Text))
		}
	}
	s.noted = now
}

// State is what the application knows; tests and the tour read it.
func (s *Shell) State() *model.State { return s.state }

func (s *Shell) openURL(u string) {
	p, err := url.Parse(u)
	if err == nil {
		err = s.cfg.App.OpenURL(p)
	}
	if err != nil {
		s.problem(err)
	}
}
