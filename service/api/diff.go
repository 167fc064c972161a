package api

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"orrery/service/ipc"
)

// Diff returns the events, still without sequence numbers, that turn old into
// the returned state, and that state. With everything set, the state is next.
// Without, things in which only measurements changed (counters, times of last
// packets, latencies) are left as they were and make no event: they change all
// the time and nobody waits for them.
//
// Both snapshots must be as [normal] leaves them; neither is changed. Order of
// events: status, networks, peers, trust, alerts; in each, changes by key and
// then removals by key.
func Diff(old, next *ipc.Snapshot, everything bool) (events []ipc.Event, state *ipc.Snapshot) {
	state = &ipc.Snapshot{Seq: old.Seq, Status: next.Status}
	if sameStatus(&old.Status, &next.Status, everything) {
		state.Status = old.Status
	} else {
		events = append(events, ipc.Event{Kind: ipc.EventStatus, Status: &state.Status})
	}
	state.Networks = diffList(old.Networks, next.Networks, networkKey,
		func(a, b *ipc.Network) bool { return sameNetwork(a, b, everything) },
		func(n *ipc.Network) { events = append(events, ipc.Event{Kind: ipc.EventNetwork, Network: n}) },
		func(k string) { events = append(events, ipc.Event{Kind: ipc.EventNetworkGone, Gone: k}) })
	state.Peers = diffList(old.Peers, next.Peers, peerKey,
		func(a, b *ipc.Peer) bool { return samePeer(a, b, everything) },
		func(p *ipc.Peer) { events = append(events, ipc.Event{Kind: ipc.EventPeer, Peer: p}) },
		func(k string) { events = append(events, ipc.Event{Kind: ipc.EventPeerGone, Gone: k}) })
	state.Trust = diffList(old.Trust, next.Trust, trustKey, same[ipc.TrustRecord],
		func(t *ipc.TrustRecord) { events = append(events, ipc.Event{Kind: ipc.EventTrust, Trust: t}) },
		func(k string) { events = append(events, ipc.Event{Kind: ipc.EventTrustGone, Gone: k}) })
	state.Alerts = diffList(old.Alerts, next.Alerts, alertKey, same[ipc.Alert],
		func(a *ipc.Alert) { events = append(events, ipc.Event{Kind: ipc.EventAlert, Alert: a}) },
		func(k string) { events = append(events, ipc.Event{Kind: ipc.EventAlertGone, Gone: k}) })
	return events, state
}

// diffList walks two lists sorted by key and returns the new list, in which
// elements that are the same are the old ones.
func diffList[T any](old, next []T, key func(*T) string, equal func(a, b *T) bool, changed func(*T), gone func(string)) []T {
	out := make([]T, len(next))
	var removed []string
	i := 0
	for j := range next {
		k := key(&next[j])
		for i < len(old) && key(&old[i]) < k {
			removed = append(removed, key(&old[i]))
			i++
		}
		if i < len(old) && key(&old[i]) == k {
			i++
			if equal(&old[i-1], &next[j]) {
				out[j] = old[i-1]
				continue
			}
		}
		out[j] = next[j]
		changed(&out[j])
	}
	for ; i < len(old); i++ {
		removed = append(removed, key(&old[i]))
	}
	for _, k := range removed {
		gone(k)
	}
	return out
}

func networkKey(n *ipc.Network) string   { return n.ID }
func peerKey(p *ipc.Peer) string         { return p.Address }
func trustKey(t *ipc.TrustRecord) string { return t.Address }
func alertKey(a *ipc.Alert) string       { return a.ID }

func same[T any](a, b *T) bool { return reflect.DeepEqual(a, b) }

func sameStatus(a, b *ipc.Status, everything bool) bool {
	if everything {
		return same(a, b)
	}
	x, y := *a, *b
	x.Counters, y.Counters = nil, nil
	return same(&x, &y)
}

// sameNetwork compares networks. Who is turned away is news, how often is a
// measurement.
func sameNetwork(a, b *ipc.Network, everything bool) bool {
	if everything {
		return same(a, b)
	}
	x, y := steadyNetwork(a), steadyNetwork(b)
	return same(&x, &y)
}

// steadyNetwork returns a copy of a network without measurements.
func steadyNetwork(n *ipc.Network) ipc.Network {
	c := *n
	if n.Bridging != nil {
		b := *n.Bridging
		b.Remote, b.Local, b.Refused, b.Looped = 0, 0, 0, 0
		c.Bridging = &b
	}
	c.DroppedUnverified = 0
	c.RefreshedAt = time.Time{}
	c.Refused = slices.Clone(n.Refused)
	for i := range c.Refused {
		c.Refused[i].Count, c.Refused[i].Last = 0, time.Time{}
	}
	c.Unverified = slices.Clone(n.Unverified)
	for i := range c.Unverified {
		u := &c.Unverified[i]
		u.From, u.To, u.Last = 0, 0, time.Time{}
	}
	return c
}

func samePeer(a, b *ipc.Peer, everything bool) bool {
	if everything {
		return same(a, b)
	}
	x, y := steady(a), steady(b)
	return same(&x, &y)
}

// steady returns a copy of a peer without measurements.
func steady(p *ipc.Peer) ipc.Peer {
	c := *p
	c.LatencyMs, c.LastReceive = 0, time.Time{}
	c.Paths = slices.Clone(p.Paths)
	for i := range c.Paths {
		c.Paths[i].LatencyMs = 0
		c.Paths[i].LastSend, c.Paths[i].LastReceive = time.Time{}, time.Time{}
	}
	return c
}

// normal makes snapshots comparable: lists sorted by key without duplicates and
// never nil, times in UTC without a monotonic part. It changes s.
func normal(s *ipc.Snapshot) *ipc.Snapshot {
	utc(&s.Status.PlanetTime, &s.Status.StartedAt)
	list(&s.Status.Surface)
	s.Networks = sorted(s.Networks, networkKey)
	for i := range s.Networks {
		normalNetwork(&s.Networks[i])
	}
	s.Peers = sorted(s.Peers, peerKey)
	for i := range s.Peers {
		p := &s.Peers[i]
		utc(&p.LastReceive)
		list(&p.Paths)
		for j := range p.Paths {
			utc(&p.Paths[j].LastSend, &p.Paths[j].LastReceive)
		}
	}
	s.Trust = sorted(s.Trust, trustKey)
	for i := range s.Trust {
		utc(&s.Trust[i].FirstSeen, &s.Trust[i].Changed, &s.Trust[i].ConflictAt)
	}
	s.Alerts = sorted(s.Alerts, alertKey)
	for i := range s.Alerts {
		utc(&s.Alerts[i].Since)
	}
	return s
}

// normalNetwork is [normal] for one network.
func normalNetwork(n *ipc.Network) *ipc.Network {
	utc(&n.JoinedAt)
	list(&n.Addresses)
	list(&n.Routes)
	list(&n.Multicast)
	for i := range n.Unverified {
		utc(&n.Unverified[i].Last)
	}
	return n
}

// sorted sorts by key and keeps the first of equals.
func sorted[T any](l []T, key func(*T) string) []T {
	slices.SortStableFunc(l, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	l = slices.CompactFunc(l, func(a, b T) bool { return key(&a) == key(&b) })
	list(&l)
	return l
}

// list makes an empty list of a nil one, so that JSON says [] and not null.
func list[T any](l *[]T) {
	if *l == nil {
		*l = []T{}
	}
}

func utc(times ...*time.Time) {
	for _, t := range times {
		*t = t.Round(0).UTC()
	}
}
