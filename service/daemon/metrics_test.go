package daemon

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

var _ api.Meter = (*Daemon)(nil)

// samples parses a page strictly: each family is declared once before its samples,
// and no series comes twice.
func samples(t *testing.T, page string) map[string]string {
	t.Helper()
	line := regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})? (\S+)$`)
	declared, all, family, kind := map[string]bool{}, map[string]string{}, "", ""
	for l := range strings.Lines(page) {
		l = strings.TrimSuffix(l, "\n")
		if rest, ok := strings.CutPrefix(l, "# TYPE "); ok {
			f := strings.Fields(rest)
			if len(f) != 2 || declared[f[0]] || f[1] != "counter" && f[1] != "gauge" && f[1] != "histogram" {
				t.Errorf("line %q", l)
			}
			family, kind, declared[f[0]] = f[0], f[1], true
			continue
		}
		if strings.HasPrefix(l, "# HELP ") {
			continue
		}
		m := line.FindStringSubmatch(l)
		part := m != nil && kind == "histogram" && slices.Contains([]string{family + "_bucket", family + "_sum", family + "_count"}, m[1])
		if m == nil || m[1] != family && !part || part == (kind != "histogram") {
			t.Errorf("line %q in family %q", l, family)
			continue
		}
		if _, twice := all[m[1]+m[2]]; twice {
			t.Errorf("%q comes twice", m[1]+m[2])
		}
		all[m[1]+m[2]] = m[3]
	}
	return all
}

// TestMetrics reads the page of a daemon that is its own root, by the socket and
// as collectors do.
func TestMetrics(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	r.needsNetwork()
	if _, err := r.client.Join(t.Context(), r.hosted(1), ipc.NetworkSettings{}); err != nil {
		t.Fatal(err)
	}
	page, err := r.client.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := samples(t, page)
	for series, want := range map[string]string{
		`orrery_online`: "1", `zt_num_networks`: "1", `orrery_build_info{version="test"}`: "1", `zt_packet{direction="rx",packet_type="hello"}`: "0",
		`orrery_dropped_packets_total{reason="junk"}`: "0", `orrery_peers{state="relayed"}`: "0", `orrery_indirect_peers{reason="ports-vary"}`: "0",
		`zt_data{direction="tx",protocol="tcp"}`: "0", `orrery_port_mapping{code="trying",method="none"}`: "1", `orrery_tcp_relay_active`: "0",
		`zt_network_packets{accepted="yes",direction="rx",network_id="` + r.hosted(1) + `"}`: "0", `orrery_held{what="peers"}`: "0",
		`orrery_udp_sockets{family="ipv6",role="burst"}`: "0",
		`orrery_round_trip_seconds_bucket{le="0.03"}`:    "0", `orrery_round_trip_seconds_count`: "0",
	} {
		if got := all[series]; got != want {
			t.Errorf("%s is %q, want %q", series, got, want)
		}
	}
	if strings.Contains(page, "127.0.0.1") {
		t.Error("the page has physical addresses")
	}
	status, raw, err := r.client.Reference(t.Context(), "GET", "/metrics", nil)
	if err != nil || status != 200 || !strings.Contains(string(raw), "zt_packet") {
		t.Errorf("as collectors read it: %d, %v", status, err)
	}
}
