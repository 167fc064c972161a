package tcprelay

import (
	"strings"
	"testing"
	"time"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	if l := newLimit(0, now); l != nil || !l.take(1<<30, now) {
		t.Error("no limit limits")
	}
	l := newLimit(100_000, now)
	if !l.take(100_000, now) || l.take(1, now) {
		t.Error("the first second")
	}
	now = now.Add(10 * time.Millisecond)
	if !l.take(1000, now) || l.take(1, now) {
		t.Error("after 10 ms")
	}
	if l.take(1, now.Add(-time.Hour)) {
		t.Error("a clock that goes back gives")
	}
	now = now.Add(time.Hour)
	if !l.take(100_000, now) || l.take(1, now) {
		t.Error("more than a second's is kept")
	}
	// However low the rate, the longest datagram passes some time.
	l = newLimit(10, now)
	if !l.take(MaxDatagram, now) || l.take(MaxDatagram, now.Add(time.Minute)) {
		t.Error("a low rate")
	}
	if !l.take(MaxDatagram, now.Add(MaxDatagram/10*time.Second+time.Second)) {
		t.Error("a low rate, after long")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := (ServerStats{Clients: 3, ToUDPBytes: 77, DroppedRate: 5}).WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE orrery_relay_clients gauge\norrery_relay_clients 3\n", "\norrery_relay_udp_bytes_total 77\n", "\norrery_relay_dropped_rate_total 5\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
