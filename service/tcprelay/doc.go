// Package tcprelay carries datagrams to and from the Internet through a relay
// that is reached by TCP, for networks that let no UDP through (spec 03 §9.7):
// the framing, the client, the rules of when to use it, and a relay server.
//
// It sees sealed packets only and decides nothing about them. When the relay
// takes part is decided by [Engage], which has no clock, socket or goroutine.
package tcprelay
