// Package udp owns the service's UDP sockets: one for each local address and
// port, bound to the address's device. It moves batches of datagrams between
// them and the engine, with recvmmsg, sendmmsg and the kernel's segmentation
// offloads where there are any.
//
// It decides nothing: which address may be used for what is the engine's
// affair, which sockets there are its caller's, who learns from [Surveyor] what
// the machine has. It does not log per packet; losses are counted.
//
// Sockets are bound to addresses so that an answer leaves from the address that
// was asked, and to devices so that routes into a virtual network do not get the
// packets that carry that network. On Linux [Config.Mark] does the same for
// default routes, together with the mark of package netcfg.
package udp
