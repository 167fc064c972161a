// Package loose reads numbers, booleans and text as forgivingly as the reference
// does: numbers in text by the rules of the C library, and values of JSON
// documents of another type than the one wanted (spec 01 §11, spec 05 §2.2). It
// is for input that the reference may have written or coerced; whatever can be
// strict should be.
package loose
