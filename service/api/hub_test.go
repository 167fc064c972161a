package api_test

import (
	"fmt"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

// TestHubCutsSlow: a subscriber that does not read is cut and hinders nobody.
func TestHubCutsSlow(t *testing.T) {
	t.Parallel()
	var h api.Hub
	if _, ok := h.Subscribe(); ok {
		t.Error("subscribed to nothing")
	}
	publish := func(i int) {
		h.Publish(&ipc.Snapshot{Alerts: []ipc.Alert{{ID: "a", Title: fmt.Sprint(i)}}}, false)
	}
	publish(0)
	slow, _ := h.Subscribe()
	fast, _ := h.Subscribe()
	if e := <-fast.Events(); e.Kind != ipc.EventSnapshot || e.Seq != 1 {
		t.Fatalf("first event %+v", e)
	}
	const many = 1000
	for i := 1; i <= many; i++ {
		publish(i)
		if e := <-fast.Events(); e.Seq != uint64(i+1) || e.Alert.Title != fmt.Sprint(i) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
	if h.Subscribers() != 1 {
		t.Errorf("%d subscribers", h.Subscribers())
	}
	n := 0
	for range slow.Events() { // ends, because it was cut
		n++
	}
	if n == 0 || n > many/2 {
		t.Errorf("the slow one got %d events", n)
	}
	slow.Cancel()
	fast.Cancel()
	fast.Cancel()
	h.Close()
	if _, ok := h.Subscribe(); ok {
		t.Error("subscribed to a closed hub")
	}
}

// TestHubSeq: a snapshot is at the place in the sequence that it says.
func TestHubSeq(t *testing.T) {
	t.Parallel()
	var h api.Hub
	h.Publish(&ipc.Snapshot{}, true)
	h.Publish(&ipc.Snapshot{Networks: []ipc.Network{{ID: "2"}, {ID: "1"}, {ID: "2", Name: "again"}}}, true)
	if s := h.State(); s.Seq != 3 || len(s.Networks) != 2 || s.Networks[0].ID != "1" || s.Networks[1].Name != "" {
		t.Errorf("state %+v", s)
	}
	sub, _ := h.Subscribe()
	if e := <-sub.Events(); e.Seq != 3 || e.All.Seq != 3 {
		t.Errorf("snapshot event %d of snapshot %d", e.Seq, e.All.Seq)
	}
}

func BenchmarkPublish(b *testing.B) {
	var h api.Hub
	for b.Loop() {
		s := &ipc.Snapshot{}
		for i := range 200 {
			s.Peers = append(s.Peers, ipc.Peer{Address: fmt.Sprintf("%010x", i), Paths: make([]ipc.Path, 2)})
		}
		h.Publish(s, false)
	}
	b.ReportAllocs()
}
