// Package demo shows Orrery on one machine alone: in network namespaces of its
// own it runs a root, a controller and two members as four orreryd processes,
// lets the members join a network, and tells and shows what they see. It is what
// `make run` runs; no part of the programs that people install.
//
// It must not touch the machine's own network: the namespaces have no way out,
// and have no names, so that the kernel removes them with the last process in
// them, however that ended. Linux only.
package demo
