// Package verdict decides which of the addresses and routes that networks want
// fit into the machine: beside the networks that the machine is in, the routes of
// other VPNs, other networks of ours, and the way that our own packets take.
//
// It is pure: what the machine has comes in, what is to be installed comes out,
// with a sentence for people where that is not what the network wants. It makes
// no system calls, and depends on no order but the one it is given.
package verdict
