package model

// Tone is how good a thing is. Views choose a colour by it; the shape that goes
// along is the badge's Mark, so that colour alone never tells anything.
type Tone int

// The tones.
const (
	Neutral Tone = iota
	Good
	Busy
	Warning
	Bad
)

// Mark names the shape beside a badge's word, a picture of assets.Mark.
type Mark string

// The marks.
const (
	MarkOK         Mark = "ok"
	MarkBusy       Mark = "busy"
	MarkOff        Mark = "off"
	MarkWarning    Mark = "warning"
	MarkError      Mark = "error"
	MarkVerified   Mark = "verified"
	MarkUnverified Mark = "unverified"
	MarkConflict   Mark = "conflict"
	MarkBlocked    Mark = "blocked"
	MarkDirect     Mark = "direct"
	MarkRelayed    Mark = "relayed"
	MarkRole       Mark = "role"
	MarkNetwork    Mark = "network"
)

// Badge is a state in one or two words, with a shape and a tone.
type Badge struct {
	Mark Mark
	Tone Tone
	Text string
}
