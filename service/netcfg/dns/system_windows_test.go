package dns

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Rules go into the registry and come back, in a table of the test's own.
func TestWindowsRegistry(t *testing.T) {
	table := `SOFTWARE\OrreryTest` + strconv.Itoa(os.Getpid()) + `\DnsPolicyConfig`
	parent, _, _ := strings.Cut(strings.TrimPrefix(table, `SOFTWARE\`), `\`)
	t.Cleanup(func() {
		for _, k := range []string{table, `SOFTWARE\` + parent} {
			if err := registry.DeleteKey(registry.LOCAL_MACHINE, k); err != nil && !errors.Is(err, registry.ErrNotExist) {
				t.Errorf("left in the registry: %s: %v", k, err)
			}
		}
	})
	w := windowsRegistry{quiet()}
	if keys, err := w.rules(table); err != nil || len(keys) != 0 {
		t.Fatalf("no table: %v, %v", keys, err)
	}
	key := ruleKey(netA, "orr0")
	if r, err := w.read(table, key); err != nil || r != nil {
		t.Fatalf("no rule: %+v, %v", r, err)
	}
	want := ruleOf(wishFor(netA, "corp.internal", false))
	err := w.write(table, key, want)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		t.Skip("needs administrator rights")
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.read(table, key); err != nil || got == nil || !got.equal(want) {
		t.Errorf("%+v, %v", got, err)
	}
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, table+`\`+key, registry.QUERY_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]uint64{"Version": 2, "ConfigOptions": 8} {
		if got, kind, err := k.GetIntegerValue(name); err != nil || got != value || kind != registry.DWORD {
			t.Errorf("%s is %d of kind %d, %v", name, got, kind, err)
		}
	}
	if _, kind, err := k.GetStringsValue("Name"); err != nil || kind != registry.MULTI_SZ {
		t.Errorf("Name is of kind %d, %v", kind, err)
	}
	_ = k.Close()
	if keys, err := w.rules(table); err != nil || len(keys) != 1 || keys[0] != key {
		t.Errorf("%v, %v", keys, err)
	}
	for range 2 {
		if err := w.remove(table, key); err != nil {
			t.Error(err)
		}
	}
	if r, err := w.read(table, key); err != nil || r != nil {
		t.Errorf("after removal: %+v, %v", r, err)
	}
	if err := w.refresh(t.Context(), false); err != nil {
		t.Error(err)
	}
	if err := w.configure(t.Context(), 1<<30, "orr0", nil, "corp.internal"); err == nil {
		t.Error("an interface that does not exist was configured")
	}
	others, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range others {
		if err := w.configure(t.Context(), i.Index, i.Name+" of another", nil, ""); err == nil {
			t.Errorf("%s was configured, which has another name", i.Name)
		}
	}
}
