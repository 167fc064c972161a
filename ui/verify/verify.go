// Package verify lays out what two people compare: the safety number in rows
// of groups, the words in numbered rows, and the QR picture. It draws no
// widgets and decides nothing.
package verify

import (
	"image"
	"strings"

	"orrery/service/ipc/qr"
)

// PerRow is how many groups or words stand in a row: people read out four at a
// time without losing the place.
const PerRow = 4

// Rows cuts a list into rows of [PerRow].
func Rows(list []string) [][]string {
	var rows [][]string
	for len(list) > PerRow {
		rows = append(rows, list[:PerRow])
		list = list[PerRow:]
	}
	if len(list) > 0 {
		rows = append(rows, list)
	}
	return rows
}

// Spoken is the safety number as one text to copy: groups with spaces, rows
// with line breaks.
func Spoken(groups []string) string {
	lines := make([]string, 0, 3)
	for _, r := range Rows(groups) {
		lines = append(lines, strings.Join(r, " "))
	}
	return strings.Join(lines, "\n")
}

// Picture draws text as a QR picture, one pixel per module, black on white
// whatever the theme, with its quiet zone. Scale it without smoothing.
func Picture(text string) (image.Image, error) { return qr.Picture(text) }
