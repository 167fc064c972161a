package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// pretty indents JSON by one space a level, with sorted keys, and ends it with
// a line end (spec 06 §7.1).
func pretty(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return escaped(b.Bytes()), nil
}

// escaped writes characters that a terminal may take for commands, or that turn
// text around, as JSON can. Names are others' choice.
func escaped(encoded []byte) []byte {
	risky := func(r rune) bool { return r >= 0x7f && r != '\ufffd' && printable(string(r)) == "?" }
	if bytes.IndexFunc(encoded, risky) < 0 {
		return encoded
	}
	var b bytes.Buffer
	for _, r := range string(encoded) {
		if risky(r) {
			fmt.Fprintf(&b, `\u%04x`, r) // all of them have 16 bits
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// pass prints an answer as it is, but for what a terminal may take for commands.
func (t *Tool) pass(answer []byte) { _, _ = t.Out.Write(escaped(answer)) }

// show prints JSON indented.
func (t *Tool) show(command string, raw []byte) error {
	b, err := pretty(raw)
	if err != nil {
		return t.badJSON(command, err)
	}
	_, _ = t.Out.Write(b)
	return nil
}

// showValue prints a value of ours as indented JSON.
func (t *Tool) showValue(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return &Exit{Failed, fmt.Errorf("encode: %w", err)}
	}
	return t.show("", b)
}

// badJSON is the reference's message for an answer that is not what it should be.
func (t *Tool) badJSON(command string, err error) error {
	t.printf("200 %s invalid JSON response (%v)\n", command, err)
	return &Exit{Code: Failed}
}
