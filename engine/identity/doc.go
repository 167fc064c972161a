// Package identity has the names and keys of the protocol: addresses, network
// IDs and MACs, key pairs with agreement and signatures, the memory-hard hash
// that binds an address to a public key, and the fingerprints and safety
// numbers by which people compare identities.
//
// It performs no I/O, reads no clock and draws randomness only from the source
// it is handed. Values are immutable after creation and safe for concurrent
// use. It decides nothing about whom to trust.
package identity
