// Package invite reads and writes invites to networks (design §4). An invite
// names a network and the whole public key of its controller, so that whoever
// opens it believes nobody else to be that controller, whatever the roots say. It
// travels as a link, as a QR picture of the link, or as a small text file that
// holds it. The package decides nothing about trust and stores nothing.
package invite
