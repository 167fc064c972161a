package daemon

import (
	"net/netip"
	"reflect"
	"testing"

	"orrery/engine/vl1"
	"orrery/service/store"
)

// Every key of local.conf that the core follows reaches it.
func TestPathSettings(t *testing.T) {
	t.Parallel()
	conf, err := store.ParseLocalConf([]byte(`{
		"physical": {"10.1.2.3/8": {"trustedPathId": 7, "mtu": 1450}, "192.0.2.1": {"blacklist": true}, "2001:db8::1/32": {"mtu": 1400}},
		"virtual": {"feedbeef12": {"try": ["10.0.0.1/9993", "2001:db8::5/1"], "blacklist": ["10.9.0.0/16"]}},
		"settings": {"lowBandwidthMode": true}
	}`))
	if err != nil || len(conf.Warnings) > 0 {
		t.Fatal(err, conf.Warnings)
	}
	want := vl1.Settings{
		LowBandwidth: true,
		Physical: []vl1.Physical{
			{Prefix: netip.MustParsePrefix("10.0.0.0/8"), TrustedPathID: 7, MTU: 1450},
			{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Blacklist: true},
			{Prefix: netip.MustParsePrefix("2001:db8::/32"), MTU: 1400},
		},
		Peers: []vl1.Advice{{
			Address: 0xfeedbeef12, Try: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:9993"), netip.MustParseAddrPort("[2001:db8::5]:1")},
			Avoid: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")},
		}},
	}
	if got := pathSettings(conf); !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}
