package daemon

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/service/ipc"
	"orrery/service/netcfg/dns"
	"orrery/service/netcfg/verdict"
)

// Only what is in force of a network, or is behind this computer, has servers
// that can be asked.
func TestInside(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix
	n := &node.NetworkState{
		Addresses: []netip.Prefix{p("10.1.1.7/24"), p("fd00::7/64")},
		Routes: []netconf.Route{
			{Target: p("192.168.5.0/24"), Via: netip.MustParseAddr("10.1.1.7")}, {Target: p("192.168.6.0/24"), Via: netip.MustParseAddr("10.1.1.9")},
		},
	}
	r := &verdict.Ruling{
		Addresses: []verdict.Verdict{
			{Target: p("10.1.1.7/24"), State: verdict.Applied, Install: []netip.Prefix{p("10.1.1.7/24")}},
			{Target: p("fd00::7/64"), State: verdict.Narrowed, Install: []netip.Prefix{p("fd00::7/128")}},
			{Target: p("10.2.2.7/24"), State: verdict.Refused},
		},
		Routes: []verdict.Verdict{
			{Target: p("192.168.5.0/24"), State: verdict.Ignored},
			{Target: p("192.168.6.0/24"), State: verdict.Applied, Install: []netip.Prefix{p("192.168.6.0/24")}},
			{Target: p("192.168.7.0/24"), State: verdict.Pending, Install: []netip.Prefix{p("192.168.7.0/24")}},
			{Target: p("192.168.8.0/24"), State: verdict.Refused},
		},
	}
	const want = "[10.1.1.0/24 fd00::7/128 192.168.6.0/24 192.168.5.0/24]"
	if got := fmt.Sprint(inside(n, r)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What was allowed and is not so is an alert, and only that.
func TestNamesShown(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	n := &node.NetworkState{ID: 0x8056c2e21c000001}
	for state, alert := range map[dns.State]bool{
		"": false, dns.Pending: false, dns.Applied: false, dns.Ignored: false, dns.Refused: true, dns.Unsupported: true, dns.Failed: true,
	} {
		s := dns.Status{State: state, By: "openresolv", All: true, Reason: "Why.", Advice: "What.", Since: since}
		a, ok := dnsAlert(n, s)
		if ok != alert || ok && (a.ID != "network.dns.8056c2e21c000001" || a.Title == "" || a.Text != "Why." || a.Advice != "What." || a.Since != since) {
			t.Errorf("%s: %v, %+v", state, ok, a)
		}
		v := ipc.DNS{Domain: "corp.internal", Servers: []string{"10.1.1.1"}}
		dnsView(&v, s)
		want := ipc.DNS{Domain: "corp.internal", Servers: []string{"10.1.1.1"}, State: string(state), By: "openresolv", All: state == dns.Applied, Reason: "Why.", Advice: "What."}
		if fmt.Sprint(v) != fmt.Sprint(want) {
			t.Errorf("%s: %+v", state, v)
		}
		if (dnsLine(&v) == "") != (state == "") {
			t.Errorf("%s: %q", state, dnsLine(&v))
		}
	}
}
