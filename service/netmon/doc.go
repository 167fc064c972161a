// Package netmon tells when the machine's network has changed: interfaces,
// addresses, routes, and jumps of the clock, which mean that the machine slept
// or that its time was set.
//
// A wake-up is noticed at once: on Linux by a timer that the kernel cancels when
// the calendar clock is set, as it is then, on Windows by the power manager, on
// macOS by the clocks, which are compared when anything happens to the network.
//
// It says that something has changed, not what: whoever needs to know looks.
// Notices come by rtnetlink on Linux, by a routing socket on macOS and by the
// IP helper library on Windows, without polling.
package netmon
