package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"orrery/service/lifecycle"
	"orrery/service/tcprelay"
)

// relay is what the flags of the relay say.
type relay struct {
	listen       []string
	bind         string
	metrics      string
	clients      int
	perAddress   int
	rate         float64 // megabits a second
	clientRate   float64
	allowPrivate bool
}

// relayHelp is the long description of the command.
const relayHelp = `Relay UDP datagrams for nodes whose network lets no UDP through: they connect by
TCP and name this relay as "tcpFallbackRelay" in the settings of their
local.conf ("ADDRESS/PORT"). The framing is that of existing TCP relays, so that
nodes of other software can use it too. The relay sees sealed packets only.

Each client gets a UDP port of its own. What it may not do: send to ports up to
1024, to addresses of this machine or its link, and to private addresses (see
--allow-private). A client that does not greet within 10 s, or says nothing for
300 s, is disconnected. Run it on a machine whose address is public, and on port
443, which restrictive networks let pass most often.`

// relayCommand is the command that runs a relay.
func (p *program) relayCommand() *cobra.Command {
	var r relay
	c := &cobra.Command{
		Use: "relay", Short: "Relay by TCP for nodes that have no UDP", Long: relayHelp, Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return lifecycle.Foreground(func(ctx context.Context) error { return r.run(ctx, p.foregroundLog()) })
		},
		PreRunE: func(*cobra.Command, []string) error { return r.check() },
	}
	f := c.Flags()
	f.StringArrayVar(&r.listen, "listen", []string{":443"}, "TCP address and port to listen on, IPv4 and IPv6 if it has no address; may be repeated")
	f.StringVar(&r.bind, "bind", "", "IPv4 address that the clients' datagrams leave from (default: the system's choice)")
	f.IntVar(&r.clients, "clients", 1024, "most clients at a time")
	f.IntVar(&r.perAddress, "per-address", 16, "most clients at a time of one IPv4 address or IPv6 /64")
	f.Float64Var(&r.rate, "rate", 0, "most megabits a second of all clients together, both directions (0: no limit)")
	f.Float64Var(&r.clientRate, "client-rate", 20, "most megabits a second of one client, both directions (0: no limit)")
	f.BoolVar(&r.allowPrivate, "allow-private", false, "let clients send to private addresses, such as those of this machine's own network")
	f.StringVar(&r.metrics, "metrics", "", "address and port to serve counters on, for Prometheus, at /metrics (default: none)")
	return c
}

// check refuses flags that nothing can be done with.
func (r *relay) check() error {
	switch {
	case len(r.listen) == 0:
		return &usageError{errors.New("--listen: want an address")}
	case r.clients < 1 || r.perAddress < 1:
		return &usageError{errors.New("--clients, --per-address: want at least 1")}
	case !(r.rate >= 0 && r.clientRate >= 0 && r.rate <= 1e6 && r.clientRate <= 1e6):
		return &usageError{errors.New("--rate, --client-rate: want 0 to 1000000")}
	}
	for _, a := range append([]string{r.metrics}, r.listen...) {
		if a == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(a); err != nil {
			return &usageError{fmt.Errorf("%q: want ADDRESS:PORT or :PORT", a)}
		}
	}
	if r.bind != "" {
		if a, err := netip.ParseAddr(r.bind); err != nil || !a.Is4() {
			return &usageError{fmt.Errorf("--bind %q: want an IPv4 address", r.bind)}
		}
	}
	return nil
}

// bytesOf turns megabits into bytes.
func bytesOf(megabits float64) int64 { return int64(megabits * 1e6 / 8) }

// run relays until ctx ends.
func (r *relay) run(ctx context.Context, log *slog.Logger) error {
	cfg := tcprelay.ServerConfig{
		Clients: r.clients, PerAddress: r.perAddress, AllowPrivate: r.allowPrivate, Rate: bytesOf(r.rate), ClientRate: bytesOf(r.clientRate), Log: log,
	}
	if r.bind != "" {
		cfg.Bind = netip.MustParseAddr(r.bind) // checked
	}
	s := tcprelay.NewServer(cfg)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	defer parts.Wait()
	// What is open is closed if the rest cannot be opened.
	var open []io.Closer
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	var listeners []net.Listener
	for _, a := range r.listen {
		l, err := listenTCP(ctx, a)
		if err != nil {
			return err
		}
		open, listeners = append(open, l), append(listeners, l)
	}
	if r.metrics != "" {
		l, err := listenTCP(ctx, r.metrics)
		if err != nil {
			return err
		}
		open = append(open, l)
		parts.Go(func() { serveMetrics(ctx, l, s, log) })
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		log.Info("relaying", "listen", l.Addr(), "clients", r.clients, "perAddress", r.perAddress, "private", r.allowPrivate)
		parts.Go(func() {
			if err := s.Serve(ctx, l); err != nil {
				failed <- fmt.Errorf("relay on %v: %w", l.Addr(), err)
				cancel()
			}
		})
	}
	parts.Go(func() { summarize(ctx, s, log) })
	<-ctx.Done()
	parts.Wait()
	select {
	case err := <-failed:
		return err
	default:
		log.Info("stopped")
		return nil
	}
}

// listenTCP listens, and says what to do if it cannot.
func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: run it as root or with the capability CAP_NET_BIND_SERVICE, or choose a port above 1023 with --listen", err)
	}
	return l, err
}

// summaryEvery is how often the log tells what was done, if anything was.
const summaryEvery = 10 * time.Minute

// summarize logs what the relay does, as long as it does something.
func summarize(ctx context.Context, s *tcprelay.Server, log *slog.Logger) {
	t := time.NewTicker(summaryEvery)
	defer t.Stop()
	var before tcprelay.ServerStats
	for {
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		if now := s.Stats(); now != before {
			log.Info("relayed so far", "clients", now.Clients, "accepted", now.Accepted, "refused", now.RefusedTotal+now.RefusedAddress,
				"violations", now.Violations, "idle", now.Idle, "sentBytes", now.ToUDPBytes, "returnedBytes", now.ToTCPBytes,
				"dropped", now.DroppedDestination+now.DroppedSize+now.DroppedRate+now.DroppedError)
			before = now
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// serveMetrics serves the counters until ctx ends.
func serveMetrics(ctx context.Context, l net.Listener, s *tcprelay.Server, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = s.Stats().WriteMetrics(w) // the reader has gone
	})
	h := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { _ = h.Close() })
	defer stop()
	log.Info("serving counters", "listen", l.Addr())
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Warn("counters are not served any more", "err", err)
	}
}
