// Package udp owns the service's UDP sockets: a wildcard pair (IPv4, IPv6) for
// the primary port and another for the optional second port. It moves batches
// of datagrams between them and the engine, with recvmmsg, sendmmsg and the
// kernel's segmentation offloads where there are any.
//
// It decides nothing: which address may be used for what is the engine's
// affair. It does not log per packet; losses are counted.
//
// Sockets are bound to no address, so that a change of the machine's addresses
// needs no new sockets. What keeps our own packets out of a virtual network
// that has taken the default route is [Config.Mark] (Linux), together with the
// mark of package netcfg.
package udp
