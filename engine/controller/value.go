package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// document is a JSON object. Numbers are json.Number, kept as they were
// written, so that what we do not understand survives unchanged.
type document map[string]any

var (
	errNotUTF8  = errors.New("not UTF-8 text")
	errTrailing = errors.New("more than one JSON value")
)

// parseValue reads one JSON value with nothing after it.
func parseValue(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, errNotUTF8
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("empty")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return v, nil
}

// encode renders a value compactly with keys in ascending byte order. Values
// come from parseValue or from this package, so that it cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("controller: document cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
