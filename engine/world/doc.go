// Package world has planets and moons: the signed lists of roots that nodes
// start from, their binary form, their order and how they are made (spec 02
// §14, spec 03 §3).
//
// It keeps no state and reads no files. Which worlds a node follows, and
// whether the identities of roots are what they were, is for package vl1.
package world
