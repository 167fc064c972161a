// Package hostport is the Ethernet host behind a device that carries bare IP
// packets (spec 04 §15). A [Port] stands between such a device and one virtual
// network: it finds next hops, resolves and answers ARP and neighbour
// discovery, maps multicast, watches which groups the host joins, and keeps what
// does not belong on a host from it. To the other members it looks like any
// host with a real Ethernet interface.
//
// It performs no I/O and reads no clock. Packets pass through it by reference;
// nothing is allocated for a packet whose next hop is known. Frames that do not
// fit the device's queue are the device's to drop.
package hostport
