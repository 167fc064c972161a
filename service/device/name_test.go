package device

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"orrery/engine/identity"
)

func TestLinuxName(t *testing.T) {
	t.Parallel()
	var v struct {
		DeviceNames []struct {
			NWID   identity.NetworkID `json:"nwid"`
			Linux  string             `json:"linux"`
			Trial1 string             `json:"linux_trial1"`
		} `json:"device_names"`
	}
	b, err := os.ReadFile("testdata/device_names.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.DeviceNames) == 0 {
		t.Fatal("no vectors")
	}
	for _, n := range v.DeviceNames {
		if got := LinuxName(n.NWID, 0); got != n.Linux {
			t.Errorf("%v: %s, want %s", n.NWID, got, n.Linux)
		}
		if got := LinuxName(n.NWID, 1); got != n.Trial1 {
			t.Errorf("%v, trial 1: %s, want %s", n.NWID, got, n.Trial1)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"zt0", "ztmjfmfyq5", "a-b_c.d", "123456789012345"} {
		if err := checkName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "a b", "zt%d", "eth0:1", "1234567890123456", "a\x00"} {
		if err := checkName(bad); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{MinMTU - 1, MaxMTU + 1, -1} {
		if _, err := Open(Config{MTU: mtu, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, ErrMTU) {
			t.Errorf("MTU %d: %v", mtu, err)
		}
	}
	if _, err := Open(Config{Kind: 7, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("kind 7: %v", err)
	}
}

func TestAdapterIdentity(t *testing.T) {
	t.Parallel()
	a, b := adapterGUID(1), adapterGUID(2)
	if a == b || a != adapterGUID(1) {
		t.Error("the GUID must follow from the network")
	}
	if a[7]>>4 != 8 || a[8]>>6 != 2 {
		t.Errorf("GUID % x has the wrong version or variant", a)
	}
	if n := WindowsName(0x8056c2e21c000001); !strings.Contains(n, "8056c2e21c000001") {
		t.Error(n)
	}
}
