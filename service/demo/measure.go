//go:build linux

package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// pingResult is what ping found.
type pingResult struct {
	sent, received int
	average        float64 // ms
}

var (
	pingCounts = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)
	pingTimes  = regexp.MustCompile(`= [\d.]+/([\d.]+)/`)
)

// parsePing reads what ping says at its end.
func parsePing(said string) (r pingResult, err error) {
	m := pingCounts.FindStringSubmatch(said)
	if m == nil {
		return r, errors.New("ping said nothing of packets")
	}
	if r.sent, err = strconv.Atoi(m[1]); err != nil {
		return r, err
	}
	if r.received, err = strconv.Atoi(m[2]); err != nil {
		return r, err
	}
	if m := pingTimes.FindStringSubmatch(said); m != nil {
		r.average, err = strconv.ParseFloat(m[1], 64)
	}
	return r, err
}

// ping pings Ben from Ada's computer. That nothing comes back is no error here.
func (d *demo) ping(ctx context.Context, count int) (pingResult, error) {
	said, err := d.lab.output(ctx, d.lab.hosts[memberA].net, "ping", "-n", "-c", strconv.Itoa(count), "-i", "0.2", "-W", "1", d.lab.hosts[memberB].ip)
	var code *exec.ExitError
	if err != nil && (!errors.As(err, &code) || code.ExitCode() != 1) {
		return pingResult{}, err
	}
	return parsePing(said)
}

func (d *demo) firstPing(ctx context.Context) (string, error) {
	a := d.lab.hosts[memberA]
	err := until(ctx, patience, func(ctx context.Context) (bool, error) {
		r, err := d.ping(ctx, 1)
		return r.received > 0, err
	})
	if err != nil {
		return "", a.wrap("no answer from %s: %w", d.lab.hosts[memberB].ip, err)
	}
	return "an answer", nil
}

func (d *demo) pings(ctx context.Context) (string, error) {
	const count = 10
	var r pingResult
	err := until(ctx, patience, func(ctx context.Context) (_ bool, err error) { // a machine that does much else may be late with some
		r, err = d.ping(ctx, count)
		return r.received >= count-1, err
	})
	if err != nil {
		return "", d.lab.hosts[memberA].wrap("only %d of %d pings were answered: %w", r.received, r.sent, err)
	}
	d.result.ping = r
	return fmt.Sprintf("%d answers, %.2f ms on average", r.received, r.average), nil
}

// parseIperf reads the bits per second out of iperf3's JSON.
func parseIperf(said string) (float64, error) {
	var r struct {
		Error string
		End   struct {
			SumReceived struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	if err := json.Unmarshal([]byte(said), &r); err != nil {
		return 0, fmt.Errorf("iperf3's answer: %w", err)
	}
	if r.Error != "" {
		return 0, errors.New("iperf3: " + r.Error)
	}
	if r.End.SumReceived.BitsPerSecond <= 0 {
		return 0, errors.New("iperf3 moved nothing")
	}
	return r.End.SumReceived.BitsPerSecond, nil
}

func (d *demo) throughput(ctx context.Context) (string, error) {
	a, b := d.lab.hosts[memberA], d.lab.hosts[memberB]
	server, err := d.lab.start(exec.Command("iperf3", "-s", "-B", b.ip), b.net)
	if err != nil {
		return "", err
	}
	defer server.stop(time.Second)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("iperf3 does not end"))
	defer cancel()
	var trouble error
	err = until(ctx, patience, func(ctx context.Context) (bool, error) {
		// The server takes a moment to listen; until then the client is refused.
		said, failed := d.lab.output(ctx, a.net, "iperf3", "-c", b.ip, "-t", "3", "-J")
		var err error
		if d.result.traffic, err = parseIperf(said); err == nil {
			return true, nil
		}
		if failed == nil {
			failed = err
		}
		trouble = failed
		return false, ctx.Err()
	})
	if err != nil {
		return "", fmt.Errorf("%w (%w)", err, cmp.Or(trouble, errors.New("no answer")))
	}
	return bits(d.result.traffic), nil
}

// bits prints a rate.
func bits(perSecond float64) string {
	if perSecond >= 1e9 {
		return fmt.Sprintf("%.2f Gbit/s", perSecond/1e9)
	}
	return fmt.Sprintf("%.0f Mbit/s", perSecond/1e6)
}
