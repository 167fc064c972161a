package api_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"orrery/service/api"
	"orrery/service/ipc"
)

// kinds are the kinds and keys of events in short.
func kinds(events []ipc.Event) []string {
	out := []string{}
	for _, e := range events {
		key := e.Gone
		switch {
		case e.Network != nil:
			key = e.Network.ID
		case e.Peer != nil:
			key = e.Peer.Address
		case e.Trust != nil:
			key = e.Trust.Address
		case e.Alert != nil:
			key = e.Alert.ID
		}
		out = append(out, string(e.Kind)+" "+key)
	}
	return out
}

func TestDiff(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1000).UTC()
	base := func() *ipc.Snapshot {
		return &ipc.Snapshot{
			Status:   ipc.Status{Address: "aaaaaaaaaa", Counters: map[string]uint64{"in": 1}},
			Networks: []ipc.Network{{ID: "1"}, {ID: "3"}},
			Peers:    []ipc.Peer{{Address: "b", LatencyMs: 5, LastReceive: at, Paths: []ipc.Path{{Address: "1.2.3.4:5", LastSend: at}}}},
			Trust:    []ipc.TrustRecord{{Address: "b", State: ipc.Seen}},
			Alerts:   []ipc.Alert{{ID: "x"}},
		}
	}
	measured := func(s *ipc.Snapshot) {
		s.Status.Counters = map[string]uint64{"in": 2}
		s.Peers[0].LatencyMs, s.Peers[0].LastReceive = 6, at.Add(time.Second)
		s.Peers[0].Paths = []ipc.Path{{Address: "1.2.3.4:5", LastSend: at.Add(time.Second), LatencyMs: 9}}
	}
	for _, c := range []struct {
		name       string
		change     func(*ipc.Snapshot)
		everything bool
		want       []string
	}{
		{"nothing", func(*ipc.Snapshot) {}, true, []string{}},
		{"measurements, not asked for", measured, false, []string{}},
		{"measurements, asked for", measured, true, []string{"status ", "peer b"}},
		{"status", func(s *ipc.Snapshot) { s.Status.Online = true }, false, []string{"status "}},
		{"network before, between and after", func(s *ipc.Snapshot) {
			s.Networks = []ipc.Network{{ID: "0"}, {ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}}
		}, false, []string{"network 0", "network 2", "network 4"}},
		{"network changed and gone", func(s *ipc.Snapshot) { s.Networks = []ipc.Network{{ID: "3", Name: "n"}} }, false, []string{"network 3", "network-gone 1"}},
		{"all gone", func(s *ipc.Snapshot) { s.Networks, s.Peers, s.Trust, s.Alerts = nil, nil, nil, nil }, false,
			[]string{"network-gone 1", "network-gone 3", "peer-gone b", "trust-gone b", "alert-gone x"}},
		{"path came", func(s *ipc.Snapshot) { s.Peers[0].Paths = append(s.Peers[0].Paths, ipc.Path{Address: "n"}) }, false, []string{"peer b"}},
		{"trust and alert", func(s *ipc.Snapshot) { s.Trust[0].State = ipc.Blocked; s.Alerts[0].Title = "t" }, false, []string{"trust b", "alert x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			old, next := base(), base()
			old.Seq = 7
			c.change(next)
			before, _ := json.Marshal(old)
			events, state := api.Diff(old, next, c.everything)
			if got := kinds(events); !reflect.DeepEqual(got, c.want) {
				t.Errorf("events %q, want %q", got, c.want)
			}
			if after, _ := json.Marshal(old); string(after) != string(before) {
				t.Error("the old snapshot was changed")
			}
			told := base()
			told.Seq = 7
			replay(told, events)
			if a, b := text(told), text(state); a != b {
				t.Errorf("a client that follows has\n%s\nthe service has\n%s", a, b)
			}
		})
	}
}

// replay does what a client does with events.
func replay(s *ipc.Snapshot, events []ipc.Event) {
	for _, e := range events {
		switch e.Kind {
		case ipc.EventSnapshot:
			*s = *e.All
		case ipc.EventStatus:
			s.Status = *e.Status
		case ipc.EventNetwork, ipc.EventNetworkGone:
			s.Networks = put(s.Networks, e.Network, e.Gone, func(n ipc.Network) string { return n.ID })
		case ipc.EventPeer, ipc.EventPeerGone:
			s.Peers = put(s.Peers, e.Peer, e.Gone, func(p ipc.Peer) string { return p.Address })
		case ipc.EventTrust, ipc.EventTrustGone:
			s.Trust = put(s.Trust, e.Trust, e.Gone, func(r ipc.TrustRecord) string { return r.Address })
		case ipc.EventAlert, ipc.EventAlertGone:
			s.Alerts = put(s.Alerts, e.Alert, e.Gone, func(a ipc.Alert) string { return a.ID })
		}
	}
}

// put replaces, inserts in order, or removes.
func put[T any](l []T, v *T, gone string, key func(T) string) []T {
	out := []T{}
	done := v == nil
	for _, e := range l {
		switch {
		case v == nil && key(e) == gone:
		case v != nil && key(e) == key(*v):
			out, done = append(out, *v), true
		case !done && key(e) > key(*v):
			out, done = append(out, *v, e), true
		default:
			out = append(out, e)
		}
	}
	if !done {
		out = append(out, *v)
	}
	return out
}

func text(s *ipc.Snapshot) string {
	c := *s
	if len(c.Networks) == 0 {
		c.Networks = nil
	}
	if len(c.Peers) == 0 {
		c.Peers = nil
	}
	if len(c.Trust) == 0 {
		c.Trust = nil
	}
	if len(c.Alerts) == 0 {
		c.Alerts = nil
	}
	b, _ := json.Marshal(c)
	return string(b)
}

// FuzzDiff: whoever applies the events has the state, for any two snapshots.
func FuzzDiff(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{2, 3, 4}, true)
	f.Add([]byte{}, []byte{9, 9, 1}, false)
	f.Add([]byte{200, 100, 7, 7}, []byte{}, true)
	f.Fuzz(func(t *testing.T, a, b []byte, everything bool) {
		var h api.Hub
		h.Publish(made(a), true)
		sub, ok := h.Subscribe()
		if !ok {
			t.Fatal("no subscription")
		}
		h.Publish(made(b), everything)
		sub.Cancel()
		var client ipc.Snapshot
		last := uint64(0)
		for e := range sub.Events() {
			if last != 0 && e.Seq != last+1 {
				t.Fatalf("sequence %d after %d", e.Seq, last)
			}
			last = e.Seq
			replay(&client, []ipc.Event{e})
		}
		client.Seq = last
		if x, y := text(&client), text(h.State()); x != y {
			t.Fatalf("client\n%s\nservice\n%s", x, y)
		}
	})
}

// made makes a small snapshot of bytes: keys and contents, out of order and
// with duplicates.
func made(b []byte) *ipc.Snapshot {
	s := &ipc.Snapshot{}
	for i, v := range b[:min(len(b), 40)] {
		key := string(rune('a' + v%7))
		switch i % 4 {
		case 0:
			s.Networks = append(s.Networks, ipc.Network{ID: key, Name: string(rune('a' + v/64))})
		case 1:
			s.Peers = append(s.Peers, ipc.Peer{Address: key, LatencyMs: int(v / 7), Direct: v > 128})
		case 2:
			s.Trust = append(s.Trust, ipc.TrustRecord{Address: key, Name: string(rune('a' + v/64))})
		case 3:
			s.Alerts = append(s.Alerts, ipc.Alert{ID: key, Title: string(rune('a' + v/64))})
		}
		s.Status.Port = int(v)
	}
	return s
}
