package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/service/portmap"
)

// fakeMapper maps nothing, and notes what is done with it.
type fakeMapper struct {
	config  portmap.Config
	running atomic.Bool
	changes atomic.Int32
}

func (f *fakeMapper) Run(ctx context.Context) {
	f.running.Store(true)
	<-ctx.Done()
	f.running.Store(false)
}

func (f *fakeMapper) Changed() { f.changes.Add(1) }

func (f *fakeMapper) Status() portmap.Status {
	return portmap.Status{Code: portmap.Trying, Port: f.config.Port}
}

// mapper waits until exactly n mappers were made and the last one runs alone, or
// with run false until none runs.
func (r *running) mapper(n int, run bool) *fakeMapper {
	r.t.Helper()
	var last *fakeMapper
	until(r.t, "mapper", func() error {
		r.machine.mu.Lock()
		defer r.machine.mu.Unlock()
		if len(r.machine.mappers) != n {
			return errors.New("another number of mappers")
		}
		for i, m := range r.machine.mappers {
			if last = m; m.running.Load() != (run && i == n-1) {
				return errors.New("another one runs")
			}
		}
		return nil
	})
	return last
}

// TestPortMapping checks that one mapper runs for our port while the setting is
// on, with an owner's number that is the identity's own and not its secret, and
// that where the gateway has mapped us the core tells others.
func TestPortMapping(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	first := r.mapper(1, true)
	s, err := r.client.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &first.config
	if int(c.Port) != s.TertiaryPort || c.Description != "Orrery/"+self.Address.String() {
		t.Errorf("port %d of %d, description %q", c.Port, s.TertiaryPort, c.Description)
	}
	if len(c.Seed) < 16 || strings.Contains(self.Text(), string(c.Seed)) {
		t.Errorf("seed %x", c.Seed)
	}
	outside := netip.MustParseAddrPort("44.9.9.9:31000")
	c.External(outside, true)
	if got := r.local(); len(got) == 0 || got[0] != outside {
		t.Errorf("told to the core: %v", got)
	}
	// Off, and on again, by the file; another setting changes nothing.
	put(t, home, "local.conf", []byte(`{"settings":{"portMappingEnabled":false}}`))
	r.mapper(1, false)
	until(t, "end of what the core was told", func() error {
		if got := r.local(); slices.Contains(got, outside) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	put(t, home, "local.conf", []byte(`{"settings":{"portMappingEnabled":true}}`))
	second := r.mapper(2, true)
	if !bytes.Equal(second.config.Seed, c.Seed) || int(second.config.Port) != r.daemon.ports.get().Tertiary {
		t.Error("the second mapper is another owner")
	}
	put(t, home, "local.conf", []byte(`{"settings":{"portMappingEnabled":true,"tcpFallbackRelay":"192.0.2.1/443"}}`))
	until(t, "configuration", func() error {
		if !strings.Contains(string(r.daemon.conf.get().JSON()), "192.0.2.1") {
			return errors.New("not read")
		}
		return nil
	})
	r.mapper(2, true)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	r.mapper(2, false)
}

// local is what the core was told of our addresses.
func (r *running) local() (at []netip.AddrPort) {
	r.daemon.host.View(func(c *node.Core, _ clock.Instant) { at = c.Local() })
	return at
}
