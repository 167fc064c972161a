package netcfg

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var (
	onLinux   = platform{implied: true, generates: true, policy: true, gateways: true, sources: true}
	onWindows = platform{implied: true, gateways: true}
	onMac     = platform{}
)

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i := range s {
		out[i] = netip.MustParsePrefix(s[i])
	}
	return out
}

func routeTo(target, via string) Route {
	r := Route{Target: netip.MustParsePrefix(target)}
	if via != "" {
		r.Via = netip.MustParseAddr(via)
	}
	return r
}

// brief is an item in a few words.
func brief(it Item) string {
	switch it.Kind {
	case KindAddress:
		return "addr " + it.Prefix.String()
	case KindRoute:
		s := fmt.Sprintf("route %v metric %d", Route{Target: it.Prefix, Via: it.Via}, it.Metric)
		if it.Table != 0 {
			s += fmt.Sprintf(" table %d", it.Table)
		}
		if it.Source.IsValid() {
			s += " src " + it.Source.String()
		}
		if it.OnLink {
			s += " onlink"
		}
		return s
	case KindRule:
		return fmt.Sprintf("rule %d table %d mark %d v6 %v", it.Rank, it.Table, it.Mark, it.Prefix.Addr().Is6())
	default:
		return fmt.Sprintf("%s %d", it.Kind, it.Value)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    platform
		want State
		out  []string
		err  error
	}{
		{"nothing", onLinux, State{}, nil, nil},
		{
			"linux", onLinux,
			State{
				Up: true, MTU: 2800, LinkLocal: netip.MustParseAddr("fe80::1:2"),
				Addresses: prefixes("10.147.17.5/24", "fd00::5/88", "10.147.17.5/24", "10.147.17.5/16"),
				Routes: []Route{
					routeTo("10.9.0.0/16", "10.147.17.9"), routeTo("10.147.17.0/24", ""), routeTo("10.77.1.2/16", ""),
					routeTo("10.99.0.0/16", "10.147.17.5"), routeTo("fd00:9::/64", "fd00::9"), routeTo("10.8.0.0/16", "172.16.0.1"),
				},
			},
			[]string{
				"mtu 2800", "linklocal 1", "up 1", "addr fe80::1:2/64", "addr 10.147.17.5/24", "addr fd00::5/88",
				"route 10.77.0.0/16 metric 5000", "route 10.9.0.0/16 via 10.147.17.9 metric 5000",
				"route fd00:9::/64 via fd00::9 metric 5000", "route 10.8.0.0/16 via 172.16.0.1 metric 5000 onlink",
			},
			nil,
		},
		{
			"macOS", onMac,
			State{
				Up: true, LinkLocal: netip.MustParseAddr("fe80::1:2"), Addresses: prefixes("10.147.17.5/24", "10.1.1.1/32"),
				Routes: []Route{routeTo("10.9.0.0/16", "10.147.17.9"), routeTo("10.147.17.0/24", ""), routeTo("0.0.0.0/0", "10.147.17.9")},
			},
			[]string{
				"up 1", "addr fe80::1:2/64", "addr 10.147.17.5/24", "addr 10.1.1.1/32", "route 10.147.17.0/24 metric 0",
				"route 10.9.0.0/16 metric 0", "route 0.0.0.0/1 metric 0", "route 128.0.0.0/1 metric 0",
			},
			nil,
		},
		{
			"second address of a subnet on macOS", onMac, State{Addresses: prefixes("10.147.17.5/24", "10.147.17.6/24", "fd00::5/64", "fd00::6/64")},
			[]string{
				"addr 10.147.17.5/24", "addr 10.147.17.6/32", "addr fd00::5/64", "addr fd00::6/128", "route 10.147.17.0/24 metric 0", "route fd00::/64 metric 0",
			},
			nil,
		},
		{
			"split", onLinux,
			State{Addresses: prefixes("192.168.1.5/24"), Routes: []Route{
				{Target: netip.MustParsePrefix("192.168.1.0/24"), Split: true}, {Target: netip.MustParsePrefix("10.9.9.9/32"), Split: true},
			}},
			[]string{"addr 192.168.1.5/24", "route 192.168.1.0/25 metric 5000", "route 192.168.1.128/25 metric 5000", "route 10.9.9.9/32 metric 5000"},
			nil,
		},
		{
			"windows", onWindows,
			State{
				MTU: 1400, Mark: 7, Addresses: prefixes("fd00::5/88"),
				Routes: []Route{{Target: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("fd00::1"), Source: netip.MustParseAddr("fd00::5"), Metric: 30}},
			},
			[]string{"mtu 1400", "addr fd00::5/88", "route ::/1 via fd00::1 metric 30", "route 8000::/1 via fd00::1 metric 30"},
			nil,
		},
		{
			"default in halves", onLinux,
			State{Addresses: prefixes("10.147.17.5/24"), Routes: []Route{routeTo("0.0.0.0/0", "10.147.17.9")}},
			[]string{
				"addr 10.147.17.5/24", "route 0.0.0.0/1 via 10.147.17.9 metric 5000", "route 128.0.0.0/1 via 10.147.17.9 metric 5000",
			},
			nil,
		},
		{
			"default beside a mark", onLinux,
			State{Mark: 9, Addresses: prefixes("10.147.17.5/24"), Routes: []Route{routeTo("0.0.0.0/0", "10.147.17.9")}},
			[]string{
				"addr 10.147.17.5/24", "route 0.0.0.0/0 via 10.147.17.9 metric 5000 table 28530",
				"rule 31000 table 254 mark 0 v6 false", "rule 31001 table 28530 mark 9 v6 false",
			},
			nil,
		},
		{"no address of the family", onLinux, State{Addresses: prefixes("10.1.1.1/24"), Routes: []Route{routeTo("fd01::/64", "")}}, []string{"addr 10.1.1.1/24"}, nil},
		{"link-local is no source", onLinux, State{LinkLocal: netip.MustParseAddr("fe80::1"), Routes: []Route{routeTo("fd01::/64", "")}}, []string{"linklocal 1", "addr fe80::1/64"}, nil},
		{
			"families differ", onLinux,
			State{Addresses: prefixes("10.1.1.1/24"), Routes: []Route{routeTo("10.2.0.0/16", "fd00::1"), routeTo("10.3.0.0/16", "")}},
			[]string{"addr 10.1.1.1/24", "route 10.3.0.0/16 metric 5000"},
			errFamily,
		},
		{
			"4-in-6", onLinux,
			State{Addresses: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:10.1.1.1"), 24)}},
			[]string{"addr 10.1.1.1/24"},
			nil,
		},
	} {
		items, err := plan(c.want, c.p)
		var got []string
		for _, it := range items {
			got = append(got, brief(it.Item))
		}
		if !slices.Equal(got, c.out) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.out, "\n     "))
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
	}
	if _, err := plan(State{Addresses: []netip.Prefix{{}}, Routes: []Route{{}}}, onLinux); err == nil {
		t.Error("invalid prefixes are accepted")
	}
}

func TestMacCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		it       Item
		do, undo string
	}{
		{Item{Kind: KindMTU, Value: 2800, Before: 1500}, "/sbin/ifconfig utun5 mtu 2800", "/sbin/ifconfig utun5 mtu 1500"},
		{Item{Kind: KindUp, Value: 1}, "/sbin/ifconfig utun5 up", "/sbin/ifconfig utun5 down"},
		{
			Item{Kind: KindAddress, Prefix: netip.MustParsePrefix("10.1.2.3/24")},
			"/sbin/ifconfig utun5 inet 10.1.2.3/24 10.1.2.3 alias", "/sbin/ifconfig utun5 inet 10.1.2.3 -alias",
		},
		{
			Item{Kind: KindAddress, Prefix: netip.MustParsePrefix("fd00::3/88")},
			"/sbin/ifconfig utun5 inet6 fd00::3 prefixlen 88 alias", "/sbin/ifconfig utun5 inet6 fd00::3 -alias",
		},
		{
			Item{Kind: KindRoute, Prefix: netip.MustParsePrefix("10.9.0.0/16")},
			"/sbin/route -q -n add -inet 10.9.0.0/16 -interface utun5", "/sbin/route -q -n delete -inet 10.9.0.0/16 -interface utun5",
		},
		{
			Item{Kind: KindRoute, Prefix: netip.MustParsePrefix("8000::/1")},
			"/sbin/route -q -n add -inet6 8000::/1 -interface utun5", "/sbin/route -q -n delete -inet6 8000::/1 -interface utun5",
		},
	} {
		c.it.Interface = "utun5"
		for want, f := range map[string]func(Item) (command, error){c.do: macDo, c.undo: macUndo} {
			cmd, err := f(c.it)
			if got := cmd.path + " " + strings.Join(cmd.args, " "); err != nil || got != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
		}
	}
	for _, f := range []func(Item) (command, error){macDo, macUndo} {
		if _, err := f(Item{Kind: KindRule}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("rule: %v", err)
		}
	}
}
