package ctl

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
)

// DumpFile is the name of the file that [Tool.Dump] writes unless told otherwise.
const DumpFile = "orrery_dump.txt"

// systems are the reference's names of operating systems.
var systems = map[string]string{"linux": "Linux", "darwin": "macOS", "windows": "Windows"}

// Dump writes what a supporter wants to know to a file, "-" for Out: status,
// networks, peers, local.conf, interfaces, and the service's own report. It holds
// no key or token. The layout is the reference's.
func (t *Tool) Dump(ctx context.Context, path, version string) error {
	system := systems[runtime.GOOS]
	if system == "" {
		system = runtime.GOOS
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "platform: %s\norrery version: %s\n\n", system, version)
	for _, part := range []struct{ title, path string }{{"status", "/status"}, {"networks", "/network"}, {"peers", "/peer"}, {"local.conf", "/config"}} {
		raw, err := t.ask(ctx, "dump", http.MethodGet, part.path, nil)
		if err != nil {
			return err
		}
		if part.title == "local.conf" && string(raw) == "{}" {
			raw = []byte("None Present")
		}
		section(&b, part.title)
		fmt.Fprintf(&b, "%s\n\n", escaped(raw))
	}
	section(&b, "Network Interfaces")
	if err := interfaces(&b); err != nil {
		fmt.Fprintf(&b, "not available: %v\n", err)
	}
	if t.Service != nil {
		report, err := t.Service.Diagnostics(ctx)
		if err != nil {
			return explain(err)
		}
		b.WriteByte('\n')
		section(&b, "diagnostics")
		for line := range strings.SplitSeq(strings.TrimRight(report, "\n"), "\n") {
			b.WriteString(printable(line) + "\n")
		}
	}
	if path == "-" {
		_, _ = t.Out.Write(b.Bytes())
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return failf("dump: %w", err)
	}
	t.printf("Writing dump to: %s\n", path)
	if err := writeFile(path, b.Bytes(), 0o600); err != nil {
		return failf("dump: %w\nName another file, or - to print it", err)
	}
	return nil
}

func section(b *bytes.Buffer, title string) {
	fmt.Fprintf(b, "%s\n%s\n", title, strings.Repeat("-", len(title)))
}

// interfaces lists the machine's interfaces except the loopback.
func interfaces(b *bytes.Buffer) error {
	all, err := net.Interfaces()
	if err != nil {
		return err
	}
	n := 0
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		fmt.Fprintln(b)
		section(b, fmt.Sprintf("Interface %d", n))
		fmt.Fprintf(b, "Name: %s\nMTU: %d\nMAC: %s\nAddresses: \n", i.Name, i.MTU, i.HardwareAddr)
		addresses, err := i.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addresses {
			ip, _, _ := strings.Cut(a.String(), "/")
			fmt.Fprintln(b, ip)
		}
		n++
	}
	return nil
}
