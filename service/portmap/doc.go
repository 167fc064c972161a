// Package portmap asks the gateway of the local network to pass one UDP port
// on to this machine, and keeps that mapping while it is wanted: by PCP (RFC
// 6887), NAT-PMP (RFC 6886) or UPnP's Internet gateway devices, whichever the
// gateway answers (spec 03 §9.3).
//
// It never trusts the gateway: what it reads is bounded, only the gateway's own
// address is listened to, and an address that cannot be reached from the
// Internet is reported and not offered. It is polite to the gateway: one
// mapping for the port, with a finite lease that is renewed at half of its
// life, longer and longer pauses when nothing answers, and the mapping is
// deleted when it is not needed any more.
//
// It says where this port can be reached; what is done with that is the
// caller's affair. Only IPv4 is mapped.
package portmap
