// Package wire has the layout of everything that travels between two nodes:
// the packet header, fragments, compression, every verb, physical addresses
// and dictionaries (spec 02, spec 01 §5 and §11, spec 04 §3). The payload of
// NETWORK_CREDENTIALS is package credential's.
//
// It turns bytes into structs and back. It keeps no state, reads no clock and
// decides nothing: whether a well-formed message is welcome is for its callers.
// It does no cryptography either; see package armor.
//
// Conventions that hold for the whole package:
//
//   - Integers are big-endian, except in QOS_MEASUREMENT.
//   - Append functions and methods append a payload (the bytes after the verb)
//     to b and return the longer slice, allocating only if b is too short.
//   - Parse functions take a whole payload, or the body of an OK or ERROR after
//     its prefix, accept longer input where the protocol does, never panic and
//     never allocate in proportion to a number that they have not checked
//     against the input. Byte slices in their results are views of the input.
//   - Errors are this package's sentinels, unwrapped: compare with ==.
package wire
