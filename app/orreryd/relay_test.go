package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"orrery/service/tcprelay"
)

// listening is a log that collects where something listens.
type listening struct {
	slog.Handler
	mu sync.Mutex
	at []string
}

func (l *listening) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "listen" {
			l.at = append(l.at, strings.TrimPrefix(r.Message, "serving ")+" at "+a.Value.String())
		}
		return true
	})
	return nil
}

func (*listening) Enabled(context.Context, slog.Level) bool { return true }

// TestRelayListens has a relay on both address families, with its counters.
func TestRelayListens(t *testing.T) {
	t.Parallel()
	r := relay{listen: []string{"127.0.0.1:0", "[::1]:0"}, metrics: "127.0.0.1:0", clients: 8, perAddress: 8}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log := &listening{}
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx, slog.New(log)) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var v4, v6, metrics string
	eventually(t, "listeners", func() error {
		select {
		case err := <-ended:
			ended <- nil
			t.Skip("this machine lacks an address family: ", err)
		default:
		}
		log.mu.Lock()
		defer log.mu.Unlock()
		if len(log.at) != 3 {
			return errors.New("some are missing")
		}
		for _, at := range log.at {
			switch what, at, _ := strings.Cut(at, " at "); {
			case what == "counters":
				metrics = at
			case strings.HasPrefix(at, "["):
				v6 = at
			default:
				v4 = at
			}
		}
		return nil
	})
	for _, at := range []string{v4, v6} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		b := tcprelay.AppendGreeting(nil, tcprelay.Version{Major: 1, Minor: 14})
		// The loopback is nothing that clients may send to.
		b = tcprelay.AppendPacket(b, netip.MustParseAddrPort("127.0.0.1:9993"), make([]byte, 100))
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"orrery_relay_clients 2", "orrery_relay_accepted_total 2", "orrery_relay_dropped_destination_total 2"} {
		eventually(t, want, func() error {
			if !counts(metrics, want) {
				return errors.New("another count")
			}
			return nil
		})
	}
}

// counts reports whether the counters at an address have a line.
func counts(at, line string) bool {
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get("http://" + at + "/metrics")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(body), "\n"+line+"\n")
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(5 * time.Millisecond) // between two looks
	}
}
