package shell

import (
	"slices"

	"orrery/service/ipc"
)

// inbox holds events until they are drawn. It keeps only the last one about
// each thing, so that it cannot grow beyond what there is to show, however slow
// the drawing.
type inbox struct {
	failure error // why the service could not be reached, before the events
	events  []ipc.Event
	place   map[string]int
}

// fail notes that the service cannot be reached, which ends all that was known.
func (q *inbox) fail(err error) { q.failure, q.events, q.place = err, q.events[:0], nil }

func (q *inbox) add(e ipc.Event) {
	if e.Kind == ipc.EventSnapshot || q.place == nil {
		q.events, q.place = q.events[:0], map[string]int{}
	}
	k := subject(e)
	if i, ok := q.place[k]; ok {
		q.events[i] = e
		return
	}
	q.place[k] = len(q.events)
	q.events = append(q.events, e)
}

// take empties the inbox.
func (q *inbox) take() (failure error, events []ipc.Event) {
	failure, events = q.failure, slices.Clone(q.events)
	q.failure, q.events, q.place = nil, q.events[:0], nil
	return failure, events
}

// subject names the thing that an event is about: its coming, its changes and
// its going have the same name.
func subject(e ipc.Event) string {
	switch {
	case e.Network != nil:
		return "network " + e.Network.ID
	case e.Peer != nil:
		return "peer " + e.Peer.Address
	case e.Trust != nil:
		return "trust " + e.Trust.Address
	case e.Alert != nil:
		return "alert " + e.Alert.ID
	}
	switch e.Kind {
	case ipc.EventNetworkGone:
		return "network " + e.Gone
	case ipc.EventPeerGone:
		return "peer " + e.Gone
	case ipc.EventTrustGone:
		return "trust " + e.Gone
	case ipc.EventAlertGone:
		return "alert " + e.Gone
	default:
		return string(e.Kind)
	}
}
