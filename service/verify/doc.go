// Package verify makes what two people compare to know that they see each
// other's identity, from the engine's numbers: groups of digits, words, and the
// text of a QR picture; and it reads and writes contact links (design §4). It
// decides nothing and stores nothing.
package verify
