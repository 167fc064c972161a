package ipc

import "time"

// Level says how bad a finding is.
type Level string

// The levels.
const (
	// Fine: this works, or is as it should be.
	Fine Level = "ok"
	// Unsure: it works, but less well than it could.
	Unsure Level = "warning"
	// Broken: something does not work.
	Broken Level = "problem"
)

// Finding is what one check found.
type Finding struct {
	// Area is what was looked at: "service", "sockets", "roots", …
	Area string `json:"area"`
	// Code is stable, for programs: "roots.none", "nat.hard", …
	Code  string `json:"code"`
	Level Level  `json:"level"`
	// Text says what was found in a sentence, Advice what to do about it.
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
	// Details are lines with particulars, among them physical addresses; an
	// observer gets none.
	Details []string `json:"details,omitempty"`
}

// Examination is the result of all checks, in the order in which to read them.
type Examination struct {
	At time.Time `json:"at"`
	// Running is whether the service took part. If not, only the machine was
	// looked at.
	Running  bool      `json:"running"`
	Version  string    `json:"version"`
	Address  string    `json:"address,omitempty"`
	Findings []Finding `json:"findings"`
}

// Count is how many findings are of a level.
func (x *Examination) Count(l Level) int {
	n := 0
	for i := range x.Findings {
		if x.Findings[i].Level == l {
			n++
		}
	}
	return n
}

// LogLine is one line of the service's log.
type LogLine struct {
	// Seq grows by one with every line since the service started.
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
	// Level is "DEBUG", "INFO", "WARN" or "ERROR".
	Level string `json:"level"`
	Text  string `json:"text"`
	// Fields are "key=value" pairs.
	Fields string `json:"fields,omitempty"`
}

// Log is a part of the service's log. Last is the number after which the next
// part begins.
type Log struct {
	Lines []LogLine `json:"lines"`
	Last  uint64    `json:"last"`
}
