// Package dns has the machine's resolver ask a network's name servers for the
// names of that network's domain, and for nothing else unless the user wants
// so, and takes it back.
//
// [Judge] decides what of a network's configuration may be done at all, a
// [Manager] does it: by systemd-resolved, NetworkManager or openresolv on Linux,
// by the name resolution policy table on Windows, by /etc/resolver on macOS.
// Where nothing of the kind is in charge it says so. It never edits
// /etc/resolv.conf, and it runs no shell.
//
// Everything is entered in a journal on disk before it is made, so that a
// service that died leaves nothing behind. A resolver that hangs, fails or is
// started anew holds nobody up: the manager works on its own, with limits in
// time, and tries again.
package dns
