package tcprelay

import (
	"fmt"
	"io"
)

// WriteMetrics writes the counters in the text form of Prometheus.
func (s ServerStats) WriteMetrics(w io.Writer) error {
	for _, m := range []struct {
		name, kind, help string
		value            uint64
	}{
		{"orrery_relay_clients", "gauge", "Connected clients.", uint64(s.Clients)},
		{"orrery_relay_accepted_total", "counter", "Connections accepted.", s.Accepted},
		{"orrery_relay_refused_total", "counter", "Connections refused because there were too many.", s.RefusedTotal},
		{"orrery_relay_refused_address_total", "counter", "Connections refused because one address had too many.", s.RefusedAddress},
		{"orrery_relay_violations_total", "counter", "Connections ended because of what they sent.", s.Violations},
		{"orrery_relay_idle_total", "counter", "Connections ended because they were idle.", s.Idle},
		{"orrery_relay_udp_datagrams_total", "counter", "Datagrams sent for clients.", s.ToUDP},
		{"orrery_relay_udp_bytes_total", "counter", "Bytes of datagrams sent for clients.", s.ToUDPBytes},
		{"orrery_relay_tcp_datagrams_total", "counter", "Datagrams returned to clients.", s.ToTCP},
		{"orrery_relay_tcp_bytes_total", "counter", "Bytes of datagrams returned to clients.", s.ToTCPBytes},
		{"orrery_relay_dropped_destination_total", "counter", "Datagrams dropped because their destination is not served.", s.DroppedDestination},
		{"orrery_relay_dropped_size_total", "counter", "Datagrams dropped because of their size.", s.DroppedSize},
		{"orrery_relay_dropped_rate_total", "counter", "Datagrams dropped because of the limits of bandwidth.", s.DroppedRate},
		{"orrery_relay_dropped_error_total", "counter", "Datagrams that could not be sent or received.", s.DroppedError},
	} {
		if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", m.name, m.help, m.name, m.kind, m.name, m.value); err != nil {
			return err
		}
	}
	return nil
}
