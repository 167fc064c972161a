package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"orrery/engine/wire"
	"orrery/service/ipc"
)

// ways puts the settings into force that open another way to us than UDP: the
// TCP relay. The mapped port follows the sockets.
func (d *Daemon) ways() {
	s := &d.conf.get().Settings
	d.carrier.configure(relaySettings{allowed: s.AllowTCPFallbackRelay, forced: s.ForceTCPRelay, relay: s.TCPFallbackRelay})
}

// dial connects to a TCP relay. One on the Internet is reached by the interface
// that leads there, whatever route our own networks have taken over.
func (d *Daemon) dial(ctx context.Context, network, address string) (net.Conn, error) {
	index := 0
	if to, err := netip.ParseAddrPort(address); err == nil && wire.ScopeOf(to.Addr().Unmap()) == wire.ScopeGlobal {
		d.addressing.Lock()
		for _, u := range d.connection.uplinks {
			if u.addr.Is4() == to.Addr().Unmap().Is4() {
				index = u.index
				break
			}
		}
		d.addressing.Unlock()
	}
	return d.system.dial(ctx, network, address, index)
}

// PortMapping is the state of the mapped port.
func (d *Daemon) PortMapping() *ipc.PortMapping {
	s, on := d.mapping.status()
	if !on {
		text := "Port mapping is off in the settings."
		if d.conf.get().Settings.ForceTCPRelay {
			text = "No port is mapped, since all traffic goes through the TCP relay."
		}
		return &ipc.PortMapping{State: "off", Text: text}
	}
	v := &ipc.PortMapping{
		State: string(s.Code), Text: s.Text, Port: int(s.Port), LeftSeconds: seconds(s.Left), Permanent: s.Permanent, NextSeconds: seconds(s.Next),
	}
	if s.Method != 0 {
		v.Method = s.Method.String()
	}
	if s.Gateway.IsValid() {
		v.Gateway = s.Gateway.String()
	}
	if s.External.IsValid() {
		v.External = s.External.String()
	}
	for _, a := range s.Attempts {
		v.Attempts = append(v.Attempts, ipc.MappingAttempt{Method: a.Method.String(), Problem: a.Problem})
	}
	return v
}

// TCPRelay is the state of the way through a TCP relay.
func (d *Daemon) TCPRelay() *ipc.TCPRelay {
	set := d.carrier.settings()
	client := d.carrier.client.Load()
	v := &ipc.TCPRelay{State: "off", Forced: set.forced, Text: "TCP relays are switched off in the settings."}
	if set.forced {
		v.Text = "The settings say that all traffic goes through a TCP relay, and that none may be used: there is no traffic."
	}
	if client == nil || !set.allowed {
		return v
	}
	s := client.Status()
	v.Relay, v.Seconds, v.RetrySeconds, v.Problem = s.Relay.String(), seconds(s.Age), seconds(s.Pause), s.Problem
	v.Sessions, v.Sent, v.SentBytes, v.Received, v.ReceivedBytes, v.Dropped = s.Sessions, s.Sent, s.SentBytes, s.Received, s.ReceivedBytes, s.Dropped
	why := "No answer has come by UDP for a minute"
	if set.forced {
		why = "The settings say so"
	}
	switch {
	case s.Active:
		v.State, v.Text = "connected", fmt.Sprintf("%s: traffic goes through the TCP relay %v.", why, s.Relay)
	case !d.carrier.engaged():
		v.State, v.Text = "idle", "The TCP relay is not needed: UDP works, or has not been silent for long."
		v.Problem = ""
	case s.Problem != "":
		v.State, v.Text = "needed", fmt.Sprintf("%s, but the TCP relay %v cannot be used: %s.", why, s.Relay, strings.TrimSuffix(s.Problem, "."))
	default:
		v.State, v.Text = "needed", fmt.Sprintf("%s: the TCP relay %v is connected to when something is sent.", why, s.Relay)
	}
	return v
}

// seconds rounds up, so that what is not over is not 0.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// relayAlert is what the user should know while traffic goes through a TCP
// relay that he did not ask for.
func relayAlert(relay fmt.Stringer, port int) ipc.Alert {
	return ipc.Alert{
		ID: alertRelay, Severity: severityWarning, Title: "UDP is blocked where this computer is",
		Text:   fmt.Sprintf("No answer has come by UDP for a minute, so traffic goes through the TCP relay %v, which is slower.", relay),
		Advice: fmt.Sprintf("Let UDP through in the firewall or router, from port %d to everywhere. The relay is left by itself when UDP works.", port),
	}
}

// alertRelay is the ID of relayAlert.
const alertRelay = "tcprelay.connected"

// relayed is told when a TCP relay is connected, or is not any more.
func (d *Daemon) relayed(active bool) {
	s := d.carrier.settings()
	if active && !s.forced {
		d.alerts.set(relayAlert(s.relay, d.sockets.Port()))
	} else {
		d.alerts.clear(alertRelay)
	}
	d.server.Changed()
}

// waysReport is the part of the diagnostics about the mapped port and the relay.
func (d *Daemon) waysReport() string {
	m, r := d.PortMapping(), d.TCPRelay()
	var b strings.Builder
	fmt.Fprintf(&b, "\nport mapping %s: port %d, %s, external %s, %d s left, gateway %s. %s\n", m.State, m.Port, m.Method, m.External, m.LeftSeconds, m.Gateway, m.Text)
	for _, a := range m.Attempts {
		fmt.Fprintf(&b, "  %s: %s\n", a.Method, a.Problem)
	}
	fmt.Fprintf(&b, "tcp relay %s: sent %d (%d bytes), received %d (%d bytes), dropped %d, connections %d. %s\n", r.State, r.Sent, r.SentBytes,
		r.Received, r.ReceivedBytes, r.Dropped, r.Sessions, r.Text)
	return b.String()
}
