package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// example is the example of spec 06 §4.4 with more in it.
const example = `{
	"physical": {
		"10.10.10.0/24": { "trustedPathId": 101010024, "mtu": 9000 },
		"10.0.0.0/8":    { "blacklist": true, "note": "kept" },
		"fd00:1::/64":   { "mtu": 1500 }
	},
	"virtual": {
		"feedbeef12": { "try": ["10.10.20.1/9993"], "blacklist": ["192.168.0.0/24"], "role": "LEAF" }
	},
	"settings": {
		"primaryPort": "9994",
		"secondaryPort": 1.9,
		"allowTcpFallbackRelay": "t",
		"portMappingEnabled": 0,
		"interfacePrefixBlacklist": ["docker", "br-", "wg"],
		"allowManagementFrom": ["192.168.77.0/24"],
		"bind": ["192.0.2.1", "::"],
		"tcpFallbackRelay": "192.0.2.9/443",
		"controllerDbPath": "/srv/db",
		"policies": {"mine": {"basePolicy": "balance-xor"}},
		"defaultBondingPolicy": "mine",
		"peerSpecificBonds": {"feedbeef12": "broadcast"},
		"compatApi": true,
		"customKey": 42
	},
	"other": [1.50]
}`

func TestParseLocalConf(t *testing.T) {
	t.Parallel()
	c, err := ParseLocalConf([]byte(example))
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "customKey") {
		t.Fatal(err, c.Warnings)
	}
	p := netip.MustParsePrefix
	wantPhysical := []PhysicalNetwork{
		{Prefix: p("10.0.0.0/8"), Blacklist: true},
		{Prefix: p("10.10.10.0/24"), TrustedPathID: 101010024, MTU: 9000},
		{Prefix: p("fd00:1::/64"), MTU: 1500},
	}
	if !reflect.DeepEqual(c.Physical, wantPhysical) {
		t.Errorf("physical: %+v", c.Physical)
	}
	wantVirtual := []VirtualPeer{{
		Address: 0xfeedbeef12, Try: []netip.AddrPort{netip.MustParseAddrPort("10.10.20.1:9993")},
		Blacklist: []netip.Prefix{p("192.168.0.0/24")},
	}}
	if !reflect.DeepEqual(c.Virtual, wantVirtual) {
		t.Errorf("virtual: %+v", c.Virtual)
	}
	want := Settings{
		PrimaryPort: 9994, SecondaryPort: 1, AllowSecondaryPort: true, AllowTCPFallbackRelay: true,
		InterfacePrefixBlacklist: []string{"docker", "br-", "wg"}, AllowManagementFrom: []netip.Prefix{p("192.168.77.0/24")},
		Bind:             []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::")},
		TCPFallbackRelay: netip.MustParseAddrPort("192.0.2.9:443"), ControllerDBPath: "/srv/db",
		Policies: json.RawMessage(`{"mine":{"basePolicy":"balance-xor"}}`), DefaultBondingPolicy: "mine",
		PeerSpecificBonds: []PeerBond{{0xfeedbeef12, "broadcast"}}, CompatAPI: true,
	}
	if !reflect.DeepEqual(c.Settings, want) {
		t.Errorf("settings:\n got %+v\nwant %+v", c.Settings, want)
	}
	again, err := ParseLocalConf(c.File())
	if err != nil || !reflect.DeepEqual(c, again) {
		t.Errorf("written and read again: %v\n%s", err, c.File())
	}
	for _, keep := range []string{`"customKey": 42`, `1.50`, `"note": "kept"`, `"role": "LEAF"`} {
		if !strings.Contains(string(c.File()), keep) {
			t.Errorf("%s is lost", keep)
		}
	}
}

func TestLocalConfDefaults(t *testing.T) {
	t.Parallel()
	want := Settings{
		PrimaryPort: -1, AllowSecondaryPort: true, PortMapping: true, AllowTCPFallbackRelay: true,
		TCPFallbackRelay: netip.MustParseAddrPort("204.80.128.1:443"), Policies: json.RawMessage("{}"),
	}
	for _, in := range []string{"", " \n", "{}", `{"settings":{}}`, `{"settings":null,"physical":null}`} {
		c, err := ParseLocalConf([]byte(in))
		if err != nil || !reflect.DeepEqual(c.Settings, want) || c.Physical != nil || c.Virtual != nil || c.Warnings != nil {
			t.Errorf("%q: %+v, %v", in, c, err)
		}
	}
	for _, in := range []string{"[]", "5", `"x"`, "null", "{", "{} x", "\xff", `{"a":1,}`} {
		if _, err := ParseLocalConf([]byte(in)); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}

// Every value that cannot be used leaves a warning that names it, and its
// default.
func TestLocalConfWarnings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"settings":[]}`:                                         "settings: want an object",
		`{"settings":{"primaryPort":65536}}`:                      "settings.primaryPort: want a number from 0 to 65535",
		`{"settings":{"primaryPort":-1}}`:                         "settings.primaryPort: want a number from 0 to 65535",
		`{"settings":{"primaryPort":"x"}}`:                        `settings.primaryPort: want a number, not "x"`,
		`{"settings":{"primaryPort":[]}}`:                         "settings.primaryPort: want a number",
		`{"settings":{"bind":"1.2.3.4"}}`:                         "settings.bind: want an array",
		`{"settings":{"bind":["1.2.3.4","eth0"]}}`:                "settings.bind[1]: want an IP address, not \"eth0\"",
		`{"settings":{"interfacePrefixBlacklist":[""]}}`:          "settings.interfacePrefixBlacklist[0]: want text, not \"\"",
		`{"settings":{"portMappingEnabled":{}}}`:                  "settings.portMappingEnabled: want true or false",
		`{"settings":{"ssoRedirectURL":[]}}`:                      "settings.ssoRedirectURL: want text",
		`{"settings":{"tcpFallbackRelay":"192.0.2.1"}}`:           `settings.tcpFallbackRelay: want text such as "192.0.2.1/9993"`,
		`{"settings":{"policies":5}}`:                             "settings.policies: want an object",
		`{"settings":{"peerSpecificBonds":{"x":"y"}}}`:            `settings.peerSpecificBonds: want a policy's name for an address, not "x"`,
		`{"physical":{"10.0.0.256":{}}}`:                          `physical: want networks text such as "10.0.0.0/8", not "10.0.0.256"`,
		`{"physical":{"10.0.0.0/8":true}}`:                        "physical.10.0.0.0/8: want an object",
		`{"physical":{"0.0.0.0/0":{"blacklist":true}}}`:           "physical.0.0.0.0/0.blacklist: a whole address family cannot be blacklisted",
		`{"physical":{"10.0.0.0/8":{"mtu":100}}}`:                 "physical.10.0.0.0/8.mtu: want 1400 to 10324",
		`{"physical":{"10.0.0.0/8":{},"10.1.0.0/8":{}}}`:          "physical.10.1.0.0/8: the same network as another entry",
		`{"physical":{"10.0.0.0/8":{"trustedPathId":"x"}}}`:       `physical.10.0.0.0/8.trustedPathId: want a number, not "x"`,
		`{"physical":{"10.0.0.0/8":{"trustedPathId":1e30}}}`:      "physical.10.0.0.0/8.trustedPathId: want a number from 0 to 9223372036854775807",
		`{"settings":{"primryPort":5}}`:                           "settings.primryPort: there is no such setting here",
		`{"settings":{"compatApi":"yes"}}`:                        `settings.compatApi: want true or false: "yes" counts as false`,
		`{"physical":{"10.0.0.0/8":{"trustedPathId":0}}}`:         "physical.10.0.0.0/8.trustedPathId: 0 is no trusted path: want the number, from 1, that both ends have",
		`{"virtual":{"feedbeef1":{}}}`:                            `virtual: want addresses of 10 hex digits, not "feedbeef1"`,
		`{"virtual":{"feedbeef12":{"try":["1.2.3.4/0"]}}}`:        `virtual.feedbeef12.try[0]: want text such as "192.0.2.1/9993", not "1.2.3.4/0"`,
		`{"virtual":{"feedbeef12":{"blacklist":["10.0.0.0"]}}}`:   `virtual.feedbeef12.blacklist[0]: want text such as "10.0.0.0/8", not "10.0.0.0"`,
		`{"settings":{"allowManagementFrom":["::ffff:0:0/100"]}}`: `settings.allowManagementFrom[0]: want text such as "10.0.0.0/8", not "::ffff:0:0/100"`,
	} {
		c, err := ParseLocalConf([]byte(in))
		if err != nil || len(c.Warnings) != 1 || c.Warnings[0] != want {
			t.Errorf("%s\n got %q, %v\nwant %q", in, c.Warnings, err, want)
		}
	}
	for _, in := range []string{"\ufeff{}", `{"settings":{"softwareUpdate":"disable","forceTcpRelay":"off","lowBandwidthMode":"true"}}`} {
		if c, err := ParseLocalConf([]byte(in)); err != nil || len(c.Warnings) != 0 {
			t.Errorf("%q: %v, %q", in, err, c.Warnings)
		}
	}
	// Tools may leave settings of their own there.
	if c, err := (&LocalConf{doc: map[string]any{}}).With(map[string]json.RawMessage{"theirs": []byte("5")}); err != nil || len(c.Warnings) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	many := map[string]any{}
	for i := range 40 {
		many[fmt.Sprintf("10.%d.0.0/16", i)] = map[string]any{}
	}
	c, err := ParseLocalConf(encodeJSON(map[string]any{"physical": many}, ""))
	if err != nil || len(c.Physical) != 32 || len(c.Warnings) != 1 {
		t.Errorf("%d physical networks, %v, %v", len(c.Physical), c.Warnings, err)
	}
}

func TestLocalConfWith(t *testing.T) {
	t.Parallel()
	// As recorded from the reference.
	c, err := ParseLocalConf([]byte(`{"settings":{"allowManagementFrom":["10.199.0.0/24"],"allowTcpFallbackRelay":false,"portMappingEnabled":false}}`))
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.With(map[string]json.RawMessage{"lowBandwidthMode": json.RawMessage("false"), "customKey": json.RawMessage("42")})
	if err != nil {
		t.Fatal(err)
	}
	const want = "{\n    \"settings\": {\n        \"allowManagementFrom\": [\n            \"10.199.0.0/24\"\n        ],\n" +
		"        \"allowTcpFallbackRelay\": false,\n        \"customKey\": 42,\n        \"lowBandwidthMode\": false,\n" +
		"        \"portMappingEnabled\": false\n    }\n}"
	if got := string(next.File()); got != want {
		t.Errorf("file:\n%s\nwant\n%s", got, want)
	}
	if got := string(next.JSON()); got != `{"settings":{"allowManagementFrom":["10.199.0.0/24"],"allowTcpFallbackRelay":false,"customKey":42,"lowBandwidthMode":false,"portMappingEnabled":false}}` {
		t.Errorf("object: %s", got)
	}
	if string(c.JSON()) == string(next.JSON()) {
		t.Error("the old configuration was changed")
	}
	if n, err := c.With(map[string]json.RawMessage{"primaryPort": json.RawMessage("null")}); err != nil || n.Settings.PrimaryPort != -1 {
		t.Errorf("null: %v", err)
	}
	for key, v := range map[string]string{"primaryPort": `"x"`, "bind": `["x"]`, "policies": `5`, "x": `{`} {
		var bad *SettingError
		if _, err := c.With(map[string]json.RawMessage{key: json.RawMessage(v)}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "settings."+key) {
			t.Errorf("%s=%s: %v", key, v, err)
		}
	}
}

func TestLocalConfFile(t *testing.T) {
	t.Parallel()
	h, now := openHome(t), time.Unix(1_700_000_000, 0)
	c, notices, err := h.LoadLocalConf(now)
	if err != nil || notices != nil || string(c.JSON()) != "{}" {
		t.Fatalf("no file: %v, %v", notices, err)
	}
	put(t, "{ not json", h.LocalConfPath())
	if _, err := h.ReloadLocalConf(); err == nil {
		t.Error("damaged file reloaded")
	}
	if _, err := os.Stat(h.LocalConfPath()); err != nil {
		t.Error("a reload moved the file away")
	}
	c, notices, err = h.LoadLocalConf(now)
	if err != nil || len(notices) != 1 || notices[0].MovedTo != "local.conf.damaged-1700000000" || string(c.JSON()) != "{}" {
		t.Errorf("damaged file: %v, %v", notices, err)
	}
	c, _ = c.With(map[string]json.RawMessage{"primaryPort": json.RawMessage("1")})
	if err := h.SaveLocalConf(c); err != nil {
		t.Fatal(err)
	}
	if again, err := h.ReloadLocalConf(); err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("saved and loaded: %v", err)
	}
}

func FuzzParseLocalConf(f *testing.F) {
	for _, s := range []string{
		example, "{}", "", `{"physical":{"::/0":{"blacklist":1,"mtu":"9e9"}},"virtual":{"FEEDBEEF12":{"try":[null]}}}`,
		`{"settings":{"bind":[1,true],"primaryPort":1e99,"peerSpecificBonds":{"feedbeef12":1}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseLocalConf(b)
		if err != nil {
			return
		}
		again, err := ParseLocalConf(c.File())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("written and read again: %v\n%s", err, c.File())
		}
		_, _ = c.With(map[string]json.RawMessage{"x": b})
	})
}
