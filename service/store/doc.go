// Package store keeps the service's state on disk: the home directory with the
// reference's files (spec 06 §1), and the controller's database.
//
// Every small file is replaced as a whole and durably, with its permissions set
// before its content. Names are made from typed values only, so that nothing
// from outside can reach a path. A file that cannot be used is never destroyed:
// it is set aside under another name, or left alone and reported.
//
// The package knows formats of files, not their meaning: planets, peers and
// trust records pass through as bytes and are judged by whoever asked for them.
package store
