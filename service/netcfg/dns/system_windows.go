package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// windowsSystem is Windows, whose resolver is always the same.
type windowsSystem struct{ table *policyTable }

func newSystem(log *slog.Logger) system {
	return &windowsSystem{&policyTable{registry: windowsRegistry{log}, configured: make(map[int]string)}}
}

func (s *windowsSystem) find(context.Context) (resolver, error) { return s.table, nil }

func (s *windowsSystem) named(name string) resolver {
	if name == s.table.name() {
		return s.table
	}
	return nil
}

// notices implements system: the tables outlast the resolver.
func (*windowsSystem) notices() <-chan struct{} { return nil }
func (*windowsSystem) close()                   {}

// windowsRegistry is the machine's registry.
type windowsRegistry struct{ log *slog.Logger }

var (
	flushCache    = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache")
	refreshPolicy = windows.NewLazySystemDLL("userenv.dll").NewProc("RefreshPolicyEx")
)

// Values of a rule: its version, and that it is about servers to ask.
const (
	ruleVersion = 2
	ruleServers = 8
)

// rpForce has the policy applied although it has not changed.
const rpForce = 1

func (windowsRegistry) rules(table string) ([]string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, table, registry.ENUMERATE_SUB_KEYS|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = k.Close() }()
	return k.ReadSubKeyNames(-1)
}

func (windowsRegistry) read(table, key string) (*rule, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, table+`\`+key, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = k.Close() }()
	// What a rule lacks, or has in another form, is empty and so not ours.
	r := &rule{}
	r.names, _, _ = k.GetStringsValue("Name")
	r.servers, _, _ = k.GetStringValue("GenericDNSServers")
	r.comment, _, _ = k.GetStringValue("Comment")
	return r, nil
}

func (windowsRegistry) write(table, key string, r *rule) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, table+`\`+key, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return err
	}
	// The comment is first: by it the rule is found again.
	return errors.Join(
		k.SetStringValue("Comment", r.comment),
		k.SetDWordValue("Version", ruleVersion),
		k.SetStringValue("DisplayName", ""),
		k.SetStringValue("IPSECCARestriction", ""),
		k.SetStringsValue("Name", r.names),
		k.SetStringValue("GenericDNSServers", r.servers),
		k.SetDWordValue("ConfigOptions", ruleServers),
		k.Close(),
	)
}

func (windowsRegistry) remove(table, key string) error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, table+`\`+key)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}

// refresh implements policyStore. The resolver reads the local table when it is
// told that its parameters have changed.
func (w windowsRegistry) refresh(_ context.Context, policy bool) error {
	if err := tellResolver(); err != nil {
		w.log.Debug("tell the DNS client of a change", "err", err) // it looks by itself, later
	}
	if policy {
		if ok, _, err := refreshPolicy.Call(1, rpForce); ok == 0 {
			return fmt.Errorf("refresh the group policy: %w", err)
		}
	}
	if err := flushCache.Find(); err == nil {
		_, _, _ = flushCache.Call() // names age, too
	}
	return nil
}

// tellResolver has the DNS client read its parameters again.
func tellResolver() error {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseServiceHandle(m) }()
	name, err := windows.UTF16PtrFromString("Dnscache")
	if err != nil {
		return err
	}
	s, err := windows.OpenService(m, name, windows.SERVICE_PAUSE_CONTINUE)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseServiceHandle(s) }()
	var status windows.SERVICE_STATUS
	return windows.ControlService(s, windows.SERVICE_CONTROL_PARAMCHANGE, &status)
}

func (windowsRegistry) configure(_ context.Context, index int, name string, servers []string, domain string) error {
	switch i, err := net.InterfaceByIndex(index); {
	case err != nil:
		return fmt.Errorf("interface %d: %w", index, err)
	case i.Name != name:
		return fmt.Errorf("interface %d is %s now, not %s", index, i.Name, name)
	}
	luid, err := winipcfg.LUIDFromIndex(uint32(index))
	if err != nil {
		return err
	}
	var addrs []netip.Addr
	for _, s := range servers {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return err
		}
		addrs = append(addrs, a)
	}
	var domains []string
	if domain != "" {
		domains = []string{domain}
	}
	var errs []error
	for _, family := range []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6} {
		err := luid.SetDNS(family, addrs, domains)
		if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) { // the family is switched off
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
