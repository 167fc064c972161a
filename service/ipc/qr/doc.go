// Package qr makes QR pictures of short texts, for windows, files and
// terminals, and reads them from pictures. It knows nothing of what the texts
// mean.
package qr
