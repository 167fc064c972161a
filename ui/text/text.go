// Package text has every message of the interface, by an ID and a language. A
// message is a sentence with named places, "{name} has joined", or one sentence
// per plural form. Nothing else in ui holds text that a user reads.
//
// The catalogues are assets/messages/<language>.json: an object whose values
// are a text, or an object of texts by plural form ("one", "few", "many",
// "other", …). English is complete; another language falls back to it message
// by message. The language is chosen once, at the start, with [Use].
package text

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"orrery/assets"
)

// base is the language that every other falls back to.
const base = "en"

// catalogue is one language.
type catalogue struct {
	plural   func(n int) form
	messages map[string]message
}

// message has a text per plural form; one without forms has only [other].
type message map[form]string

func (m *message) UnmarshalJSON(b []byte) error {
	var plain string
	if json.Unmarshal(b, &plain) == nil {
		*m = message{other: plain}
		return nil
	}
	var forms map[form]string
	if err := json.Unmarshal(b, &forms); err != nil {
		return err
	}
	*m = forms
	return nil
}

// english and current are set before main and by Use; reading is free of locks
// because every label of every view reads.
var (
	english = mustLoad(base)
	current atomic.Pointer[catalogue]
)

// Use chooses the language of all messages by a tag such as "de", "pt-BR" or
// "de_DE.UTF-8". It reports whether there is a catalogue for it; if not,
// messages are English.
func Use(tag string) bool {
	lang, _, _ := strings.Cut(strings.ToLower(tag), ".")
	lang = strings.ReplaceAll(lang, "_", "-")
	for {
		if c, err := load(lang); err == nil {
			current.Store(c)
			return true
		}
		i := strings.LastIndexByte(lang, '-')
		if i < 0 {
			current.Store(nil)
			return false
		}
		lang = lang[:i]
	}
}

// Get returns a message with its places filled: args are pairs of a name and
// a value. An unknown ID is returned as it is, so that it is seen.
func Get(id string, args ...string) string {
	m, _ := find(id)
	return fill(m, id, other, args)
}

// Plural returns the message's form for n of something; {n} is n, further
// places are filled as in [Get].
func Plural(id string, n int, args ...string) string {
	m, c := find(id)
	return fill(m, id, c.plural(n), append([]string{"n", strconv.Itoa(n)}, args...))
}

func find(id string) (message, *catalogue) {
	if c := current.Load(); c != nil {
		if m, ok := c.messages[id]; ok {
			return m, c
		}
	}
	return english.messages[id], english
}

func fill(m message, id string, f form, args []string) string {
	s, ok := m[f]
	if !ok {
		if s, ok = m[other]; !ok {
			return id
		}
	}
	if len(args) == 0 {
		return s
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, "{"+args[i]+"}", args[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

func load(language string) (*catalogue, error) {
	data := assets.Messages(language)
	if data == nil {
		return nil, fmt.Errorf("no messages in %q", language)
	}
	c := &catalogue{plural: pluralRule(language)}
	if err := json.Unmarshal(data, &c.messages); err != nil {
		return nil, fmt.Errorf("read messages in %q: %w", language, err)
	}
	return c, nil
}

// mustLoad loads what is built in: a fault is the programmer's.
func mustLoad(language string) *catalogue {
	c, err := load(language)
	if err != nil {
		panic(err)
	}
	return c
}
