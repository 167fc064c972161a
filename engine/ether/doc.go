// Package ether reads and writes what travels on an Ethernet: frame headers,
// IPv4 and IPv6 headers, ARP, neighbour discovery, multicast group management,
// ICMP errors and Internet checksums.
//
// Parsers check lengths before they look, return views into what they were
// given and never allocate; writers append. The package keeps no state, decides
// nothing and knows nothing of virtual networks.
package ether
