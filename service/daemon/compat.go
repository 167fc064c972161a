package daemon

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"orrery/service/api"
	"orrery/service/store"
)

// compatRetry is when a compatible API that could not listen tries again.
const compatRetry = 10 * time.Second

// compat runs the reference's JSON API on loopback while the configuration
// wants it, anew when what it depends on has changed.
type compat struct {
	changed   chan struct{}
	serving   atomic.Bool
	listeners []net.Listener // not yet served
}

// prepare listens, if the API is wanted from the start: then it is an error if
// it cannot be had.
func (c *compat) prepare(d *Daemon) error {
	c.changed = make(chan struct{}, 1)
	conf := d.conf.get()
	if !d.wantsCompat(conf) {
		return nil
	}
	if _, err := d.home.AuthToken(); err != nil {
		return fmt.Errorf("authtoken.secret: %w", err)
	}
	allow := conf.Settings.AllowManagementFrom
	var err error
	c.listeners, err = api.ListenCompat(d.ports.get().Primary, len(allow) > 0)
	return err
}

// close closes listeners that nobody came to serve.
func (c *compat) close() {
	for _, l := range c.listeners {
		_ = l.Close()
	}
}

// notice tells that the configuration has changed.
func (c *compat) notice() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (d *Daemon) wantsCompat(conf *store.LocalConf) bool {
	return d.cfg.CompatAPI || conf.Settings.CompatAPI
}

// run serves until ctx ends.
func (c *compat) run(ctx context.Context, d *Daemon) {
	for ctx.Err() == nil {
		conf := d.conf.get()
		var retry <-chan time.Time
		if !d.wantsCompat(conf) {
			d.alerts.clear(alertCompat)
		} else if err := c.serve(ctx, d, conf); err != nil {
			d.log.Error("the compatible API does not run", "err", err)
			d.alerts.set(compatAlert(d.ports.get().Primary, err))
			retry = time.After(compatRetry)
		} else {
			continue
		}
		d.server.Changed()
		select {
		case <-ctx.Done():
		case <-c.changed:
		case <-retry:
		}
	}
}

// serve serves with one configuration, until that is not valid any more.
func (c *compat) serve(ctx context.Context, d *Daemon, conf *store.LocalConf) error {
	token, err := d.home.AuthToken()
	if err != nil {
		return fmt.Errorf("authtoken.secret: %w", err)
	}
	measures, err := d.home.MetricsToken()
	if err != nil {
		return fmt.Errorf("metricstoken.secret: %w", err)
	}
	allow, port := conf.Settings.AllowManagementFrom, d.ports.get().Primary
	listeners := c.listeners
	c.listeners = nil
	if len(listeners) == 0 {
		if listeners, err = api.ListenCompat(port, len(allow) > 0); err != nil {
			return err
		}
	}
	d.alerts.clear(alertCompat)
	c.serving.Store(true)
	d.server.Changed()
	defer c.serving.Store(false)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	s := api.NewCompat(api.CompatConfig{Backend: d, Token: token, MetricsToken: measures, AllowFrom: allow, Log: d.log})
	go func() { ended <- s.Serve(inner, listeners...) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return <-ended
		case <-c.changed:
			now := d.conf.get()
			if !d.wantsCompat(now) || d.ports.get().Primary != port || !slices.Equal(allow, now.Settings.AllowManagementFrom) {
				cancel()
				return <-ended
			}
		}
	}
}
