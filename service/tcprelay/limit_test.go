package tcprelay

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
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

// TestSlowLoris is a client that says something all the time and never finishes
// it: a byte every few seconds does not keep it alive.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{})
		crawl := func(c interface{ Write([]byte) (int, error) }, b []byte, every time.Duration) (lasted time.Duration) {
			for i := range b {
				if _, err := c.Write(b[i : i+1]); err != nil {
					return lasted
				}
				pass(every)
				lasted += every
			}
			return lasted
		}
		c, _ := m.dial("5.6.7.8:1")
		if d := crawl(c, hello, 2*time.Second); d < greetingPatience || d > greetingPatience+2*time.Second || s.Stats().Clients != 0 {
			t.Errorf("a slow greeting lasted %v", d)
		}
		c, _ = m.dial("5.6.7.8:2")
		send(t, c, hello)
		long := AppendPacket(nil, root, bytes.Repeat(datagram(1), 50))
		if d := crawl(c, long, 10*time.Second); d < idleLimit || d > idleLimit+10*time.Second || s.Stats().Clients != 0 || s.Stats().Idle != 2 {
			t.Errorf("a slow message lasted %v: %+v", d, s.Stats())
		}
	})
}

// TestRates has one client beyond its rate, and two beyond that of all.
func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{Rate: 150_000, ClientRate: 100_000})
		one, _ := m.dial("5.6.7.8:1")
		two, _ := m.dial("5.6.7.9:1")
		kilobyte := AppendPacket(nil, root, make([]byte, 1000))
		send(t, one, hello)
		send(t, two, hello)
		for range 120 {
			send(t, one, kilobyte)
		}
		synctest.Wait()
		if st := s.Stats(); st.ToUDP != 100 || st.DroppedRate != 20 {
			t.Errorf("one client: %+v", st)
		}
		for range 100 {
			send(t, two, kilobyte)
		}
		synctest.Wait()
		if st := s.Stats(); st.ToUDP != 150 || st.DroppedRate != 70 {
			t.Errorf("two clients: %+v", st)
		}
		pass(100 * time.Millisecond)
		for range 20 {
			send(t, one, kilobyte)
		}
		synctest.Wait()
		if st := s.Stats(); st.ToUDP != 160 || st.DroppedRate != 80 {
			t.Errorf("after a while: %+v", st)
		}
	})
}
