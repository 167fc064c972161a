// Package assets holds the files that are built into the programs: icons and
// the texts of the interface. It has no behaviour and imports nothing of ours.
//
// All pictures are drawn with fills only, because strokes do not scale in every
// renderer, and with no text, because text is translated. icon/app.png is made
// from icon/app.svg for packages: go run assets/render.go assets/icon 256
// assets/icon/app.svg.
package assets

import "embed"

//go:embed icon/app.svg
var appIcon []byte

//go:embed tray/*.svg mark/*.svg messages/*.json
var files embed.FS

// AppIcon is the application's icon, an SVG picture.
func AppIcon() []byte { return appIcon }

// TrayIcon is the tray icon of a state as an SVG picture of 64 by 64:
// "stopped", "offline", "online" or "attention". The four differ in shape, and
// their colours in nothing that is needed to tell them apart. Nil for another
// name.
func TrayIcon(state string) []byte { return read("tray/" + state + ".svg") }

// Mark is a picture of one colour, 24 by 24, that stands beside a word: "ok",
// "busy", "off", "warning", "error", "verified", "unverified", "conflict",
// "blocked", "direct", "relayed", "network" or "role". Nil for another name.
func Mark(name string) []byte { return read("mark/" + name + ".svg") }

// Messages is the JSON catalogue of the interface's texts in a language ("en").
// Nil where there is none.
func Messages(language string) []byte { return read("messages/" + language + ".json") }

// Languages lists the languages that have a catalogue, sorted.
func Languages() []string {
	entries, err := files.ReadDir("messages")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".json")])
	}
	return names
}

// read returns nil where there is no such file: an embedded file cannot fail
// otherwise.
func read(path string) []byte {
	b, err := files.ReadFile(path)
	if err != nil {
		return nil
	}
	return b
}
