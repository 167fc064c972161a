// Package vl2 is the virtual Ethernet layer above authenticated packets: joined
// networks and their configuration, memberships and credentials, frames,
// bridging and multicast (spec 04). It decides what each packet of these verbs
// means and what is sent in answer.
//
// It must not touch sockets, files, clocks, keys or paths: packets leave through
// [Link], frames and state through [Sink], and time comes in with every call.
// One owner calls it; there are no locks, goroutines or callbacks into it. Its
// tables are bounded by [Limits], and no decision depends on map order.
package vl2
