//go:build linux

package demo

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
)

// report prints what is to be seen now.
func (d *demo) report(ctx context.Context) error {
	d.tell.note("\nnetwork %s, joined and admitted in %.1f s", d.network, d.result.joined.Seconds())
	t := tabwriter.NewWriter(d.cfg.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  \taddress\tat\tin the network")
	for _, r := range roles {
		h := d.lab.hosts[r]
		inside := "-"
		if h.ip != "" {
			n, err := h.client.Network(ctx, d.network)
			if err != nil {
				return h.wrap("%w", err)
			}
			inside = strings.Join(n.Addresses, ", ") + " on " + n.Device
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", r, h.address, h.place, inside)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := d.reportPeers(ctx); err != nil {
		return err
	}
	d.tell.note("\nAda to Ben: ping %.2f ms, TCP %s", d.result.ping.average, bits(d.result.traffic))
	d.tell.note("safety number of Ada and Ben, the same on both screens:")
	for i := 0; i < len(d.result.groups); i += 6 {
		d.tell.note("  %s", strings.Join(d.result.groups[i:i+6], " "))
	}
	d.tell.note("  %s\n", strings.Join(d.result.words, " "))
	return nil
}

// reportPeers prints how Ada reaches the others.
func (d *demo) reportPeers(ctx context.Context) error {
	a := d.lab.hosts[memberA]
	peers, err := a.client.Peers(ctx)
	if err != nil {
		return a.wrap("%w", err)
	}
	d.tell.note("\nwhom Ada knows")
	t := tabwriter.NewWriter(d.cfg.Out, 0, 0, 2, ' ', 0)
	for _, p := range peers {
		way := "through the root"
		if path := pathOf(&p); p.Direct && path != "" {
			way = "directly at " + path
		}
		latency := ""
		if p.LatencyMs >= 0 {
			latency = fmt.Sprintf("%d ms", p.LatencyMs)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", p.Name, p.Address, way, latency, p.Trust)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
