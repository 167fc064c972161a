// Package ctl holds what the commands of orreryctl do, apart from flags: calls
// of the service, the reference's output (spec 06 §7, §8), and the tools that
// need no service. Commands take their input and output as values, so that tests
// can look at every byte.
//
// A command returns nil or an [*Exit]; it never ends the process.
package ctl
