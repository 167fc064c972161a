// Package device opens virtual network devices and moves batches of packets
// through them: Linux TUN (with the kernel's offloads) and TAP, Windows Wintun,
// macOS utun.
//
// A device has no addresses, routes or state but its MTU: package netcfg sets
// those. It does not look into packets more than offloads need.
package device
